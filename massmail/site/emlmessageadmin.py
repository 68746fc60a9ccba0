"""Messages in the admin: written beside their preview; what cannot be sent is refused."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from common.admin import OwnedModelAdmin, OwnerFilter
from common.ids import id_in
from massmail.admin_actions import change_owner
from massmail.forms.eml_message_form import EmlMessageForm
from massmail.forms.send_test_form import SendTestForm
from massmail.models import EmlMessage, MailingOut, Signature
from massmail.services.messages import (
    copy_attachments,
    default_signature,
    signature_for,
    why_kept,
)
from massmail.site.attachments import AttachmentInline
from massmail.site.columns import column
from massmail.site.editor_page import EditorPage
from massmail.views import for_draft
from massmail.views.access import user_of
from massmail.views.samples import people_for

COPIED_FIELDS = ("subject", "preheader", "content", "styles", "prev_corr")
EXCERPT_LENGTH = 120  # characters


class EmlMessageAdmin(EditorPage, OwnedModelAdmin[EmlMessage]):
    form = EmlMessageForm
    inlines = (AttachmentInline,)
    list_display = ("what", "use", "owner", "update_date", "duplicate")
    list_display_links = ("what",)
    list_filter: ClassVar[Any] = (OwnerFilter,)
    list_select_related = ("owner",)
    list_per_page = 30
    search_fields = ("subject", "content")
    actions = ("delete_selected", change_owner)  # the first in place of Django's
    change_form_template = "admin/massmail/emlmessage/change_form.html"
    fieldsets = (
        (None, {"fields": ("subject", "preheader", "content", "signature")}),
        (
            _("Styles and quoted text"),
            {"fields": ("styles", "prev_corr"), "classes": ("collapse",)},
        ),
        (_("Whose it is"), {"fields": ("owner", "department"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmlMessage]:
        """Add whether a mailing out uses the message."""
        uses = MailingOut.objects.filter(message=OuterRef("pk"))
        return super().get_queryset(request).annotate(is_used=Exists(uses))

    def get_list_display(self, request: HttpRequest) -> Any:  # Any: Django's sequence of columns
        """Offer copies to those who may write messages."""
        if self.has_add_permission(request):
            return self.list_display
        return tuple(name for name in self.list_display if name != "duplicate")

    # --- beginning with a signature, or with another message

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the user's default signature, or with the message that is to be copied."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        user = user_of(request)
        source = self._copied(request)
        if source is None:
            return {"signature": _key(default_signature(user)), **initial}
        texts = {name: getattr(source, name) for name in COPIED_FIELDS}
        signature = signature_for(message=source, user=user)
        return {**initial, **texts, "signature": _key(signature)}

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool
    ) -> None:  # Django's signature
        """Save the attachments; a copy gets those of its source besides."""
        super().save_related(request, form, formsets, change)
        source = None if change else self._copied(request)
        if source is not None:
            copy_attachments(source=source, target=form.instance)

    # --- testing, and coming back to the mailing out that it is for

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        **kwargs: Any,  # Django's signature
    ) -> HttpResponse:
        """Offer a test mail of what was saved, to those who may change messages."""
        message = context.get("original")
        user = user_of(request)
        if message is not None and user.has_perm("massmail.change_emlmessage"):
            context["send_test"] = SendTestForm(user, people=people_for(user, message))
            context["for_mailing_out"] = for_draft.named_in(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(
        self, request: HttpRequest, obj: EmlMessage, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Choose what was written for a mailing out, and return there."""
        response = super().response_add(request, obj, post_url_continue)
        return for_draft.returning(request, response, chosen=obj)

    def response_change(self, request: HttpRequest, obj: EmlMessage) -> HttpResponse:
        """Return to the mailing out from which it was opened."""
        return for_draft.returning(request, super().response_change(request, obj))

    def _copied(self, request: HttpRequest) -> EmlMessage | None:
        """Return the message that `?copy_emlmessage=` names, if the user may read it."""
        chosen = id_in(request.GET.get("copy_emlmessage", ""))
        if chosen is None:
            return None
        readable = EmlMessage.objects.visible_to(user_of(request)).select_related("signature")
        return readable.filter(pk=chosen).first()

    # --- deleting

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say kindly that a message in use stays."""
        found = self.get_object(request, object_id)
        if found is not None and self.has_delete_permission(request, found):
            chosen = EmlMessage.objects.filter(pk=found.pk)
            reason = why_kept(messages=chosen, user=user_of(request))
        else:
            reason = ""
        if reason:
            messages.error(request, reason)
            return redirect("admin:massmail_emlmessage_change", object_id)
        return super().delete_view(request, object_id, extra_context)

    @admin.action(description=_("Delete selected %(verbose_name_plural)s"), permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[EmlMessage]
    ) -> HttpResponse | None:
        """Ask whether to delete the chosen messages, unless one of them is in use."""
        user = user_of(request)
        theirs = EmlMessage.objects.changeable_by(user).filter(pk__in=queryset.values("pk"))
        if theirs.count() < queryset.count():
            text = _("Some of these messages belong to others. Choose your own only.")
            messages.error(request, text)
            return None
        if reason := why_kept(messages=theirs, user=user):
            messages.error(request, reason)
            return None
        return delete_selected(self, request, queryset)

    # --- columns

    @admin.display(description=_("subject"), ordering="subject")
    def what(self, obj: EmlMessage) -> SafeString:
        text = " ".join(strip_tags(obj.content).split())
        return column("message_name", message=obj, excerpt=Truncator(text).chars(EXCERPT_LENGTH))

    @admin.display(description=_("use"))
    def use(self, obj: Any) -> str:  # Any: a message with the annotation above
        return str(_("in use") if obj.is_used else _("not used yet"))

    @admin.display(description=_("copy"))
    def duplicate(self, obj: EmlMessage) -> SafeString:
        return column("message_copy", message=obj)


def _key(signature: Signature | None) -> int | None:
    return signature.pk if signature else None
