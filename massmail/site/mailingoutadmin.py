"""Mailing outs in the admin: the list, and the page that is the whole campaign."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, Value, When
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import OwnedModelAdmin, OwnerFilter
from massmail.admin_actions import change_owner, merge_mailing_outs
from massmail.clock import database_now
from massmail.forms.start_form import StartForm
from massmail.models import MailingOut
from massmail.services import audience, campaign
from massmail.services.scene import scene_of
from massmail.site.columns import column
from massmail.utils.adminfilters import StatusFilter
from massmail.views.access import may_change, user_of
from massmail.views.campaign_page import CampaignPage
from massmail.views.mailing_out_line import MailingOutLine, line_of, needs_somebody

_STATUS = MailingOut.Status
# 0 for those that somebody has to look after, 1 for the others.
NEEDS_SOMEBODY = Case(
    When(needs_somebody(), then=Value(0)), default=Value(1), output_field=IntegerField()
)


class MailingOutList(ChangeList):
    """A page of the list, its rows described by one scene."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows of the page, and what surrounds them all at once."""
        super().get_results(request)
        rows = list(self.result_list)
        scene = scene_of(rows, timezone.now(), counting=False)
        for each in rows:
            each.line = line_of(each, scene)
        self.result_list = rows


class MailingOutAdmin(OwnedModelAdmin[MailingOut]):
    list_display = ("what", "people", "state", "progress", "today", "when", "owner")
    list_display_links = ("what",)
    list_filter: ClassVar[Any] = (OwnerFilter, StatusFilter)
    list_select_related = ("owner", "message", "message_version", "paused_by")
    list_per_page = 50
    search_fields = ("name", "message__subject", "message__content")
    actions = (merge_mailing_outs, change_owner)
    fields = ("name", "exclude_already_received", "pictures", "owner", "department")
    change_form_template = "admin/massmail/mailingout/change_form.html"

    def get_ordering(self, request: HttpRequest) -> Any:  # Any: Django's stubs know names only
        """List first those that need somebody, then the newest."""
        return (NEEDS_SOMEBODY.asc(), "-pk")

    # --- permissions

    def has_delete_permission(self, request: HttpRequest, obj: MailingOut | None = None) -> bool:
        """Let drafts be deleted; what was started is kept."""
        is_draft = obj is None or obj.started_at is None
        return is_draft and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:  # Any: Django's table of actions
        """Offer no deletion of many: a draft is deleted from its page, with its rows."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_readonly_fields(
        self, request: HttpRequest, obj: MailingOut | None = None
    ) -> tuple[str, ...]:
        """Freeze what was started, but for its name."""
        fields = super().get_readonly_fields(request, obj)
        if obj is None or self._is_draft(obj):
            return fields
        return (*fields, "exclude_already_received", "pictures", "owner", "department")

    @staticmethod
    def _is_draft(mailing_out: MailingOut) -> bool:
        return mailing_out.started_at is None and not mailing_out.preparing

    # --- the pages

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that describes its rows."""
        return MailingOutList

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Begin a mailing out where it begins: with the question to whom it goes."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("select_recipient_type")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the campaign."""
        mailing_out = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if mailing_out is not None and self.has_view_permission(request, mailing_out):
            user = user_of(request)
            page = CampaignPage(
                mailing_out, user, database_now(), can_change=may_change(user, mailing_out)
            )
            context |= {
                "page": page,
                "start_form": StartForm(initial={"not_after": mailing_out.not_after}),
                "subtitle": None,
                "title": mailing_out.name,
                "show_save_and_add_another": False,
                "show_save_and_continue": False,
                "show_delete": False,  # stands in the head, for drafts
            }
        return super().change_view(request, object_id, form_url, context)

    def response_post_save_change(
        self, request: HttpRequest, obj: MailingOut
    ) -> HttpResponseRedirect:
        """Stay on the page of the campaign."""
        return redirect("admin:massmail_mailingout_change", obj.pk)

    def save_model(
        self, request: HttpRequest, obj: MailingOut, form: "ModelForm[MailingOut]", change: bool
    ) -> None:
        """Write the changed fields alone, and of what was started only its name."""
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        values["modified_by"] = user_of(request)
        rows = MailingOut.objects.filter(pk=obj.pk)
        if set(form.changed_data) - {"name"}:
            rows = rows.filter(started_at=None, preparing="")
        if not rows.update(**values):
            messages.error(request, _("It was started meanwhile: only its name can change."))
        elif set(form.changed_data) - {"name"}:
            audience.refresh(obj)

    # --- deleting drafts

    def delete_model(self, request: HttpRequest, obj: MailingOut) -> None:
        """Delete a draft with its rows."""
        campaign.delete_draft(obj)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:  # Any: Django's signature
        """Name the draft alone: its rows are nothing but the choice of people."""
        names = [str(obj) for obj in objs]
        return names, {str(self.opts.verbose_name_plural): len(names)}, set(), []

    # --- columns

    @admin.display(description=_("mailing out"), ordering="name")
    def what(self, obj: MailingOut) -> SafeString:
        return column("mailing_out_name", mailing_out=obj, line=_line(obj))

    @admin.display(description=_("people"), ordering="recipients_number")
    def people(self, obj: MailingOut) -> SafeString:
        return column("mailing_out_people", mailing_out=obj)

    @admin.display(description=_("state"), ordering="status")
    def state(self, obj: MailingOut) -> SafeString:
        return column("mailing_out_state", line=_line(obj))

    @admin.display(description=_("progress"))
    def progress(self, obj: MailingOut) -> SafeString:
        line = _line(obj)
        if not line.segments:
            return column("nothing")
        return column("mailing_out_progress", segments=line.segments, percent=line.percent)

    @admin.display(description=_("sent today"))
    def today(self, obj: MailingOut) -> SafeString:
        return column("number", number=_line(obj).sent_today)

    @admin.display(description=_("next mail or end"), ordering="start_at")
    def when(self, obj: MailingOut) -> SafeString:
        return column("mailing_out_when", mailing_out=obj, line=_line(obj))


def _line(obj: MailingOut) -> MailingOutLine:
    """Return what the list has read about a row."""
    line = obj.line  # type: ignore[attr-defined]  # set by MailingOutList
    assert isinstance(line, MailingOutLine)
    return line
