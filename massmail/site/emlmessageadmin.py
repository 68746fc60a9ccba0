"""Messages in the admin: written in a form that refuses what cannot be sent."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.contenttypes.admin import GenericTabularInline
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import OwnedModelAdmin, OwnerFilter
from common.models import TheFile
from massmail.admin_actions import change_owner
from massmail.forms.attachment_form import AttachmentForm, AttachmentFormSet
from massmail.forms.eml_message_form import EmlMessageForm
from massmail.models import EmlMessage, MailingOut, Signature, recipient_models
from massmail.site.columns import column
from massmail.views.access import user_of


class AttachmentInline(GenericTabularInline):
    """The attachments. Who may change the message may change them."""

    model = TheFile
    form = AttachmentForm
    formset = AttachmentFormSet  # type: ignore[assignment]  # the stubs know inline ones only
    extra = 1
    formfield_overrides: ClassVar[Any] = {  # uploads are not on the web: there is nothing to link
        models.FileField: {"widget": forms.FileInput}
    }
    verbose_name = _("attachment")
    verbose_name_plural = _("attachments")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show them with the message."""
        return request.user.has_perm("massmail.view_emlmessage") or self._may_write(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let the author add some."""
        return self._is_theirs(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let the author replace them."""
        return self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let the author remove them."""
        return self._is_theirs(request, obj)

    def _is_theirs(self, request: HttpRequest, obj: Any) -> bool:
        if not self._may_write(request):
            return False
        if obj is None or obj.pk is None:
            return True
        return EmlMessage.objects.changeable_by(user_of(request)).filter(pk=obj.pk).exists()

    @staticmethod
    def _may_write(request: HttpRequest) -> bool:
        may = request.user.has_perm
        return may("massmail.change_emlmessage") or may("massmail.add_emlmessage")


class EmlMessageAdmin(OwnedModelAdmin[EmlMessage]):
    form = EmlMessageForm
    inlines = (AttachmentInline,)
    actions = (change_owner,)
    list_display = ("what", "use", "owner", "update_date")
    list_display_links = ("what",)
    list_filter: ClassVar[Any] = (OwnerFilter,)
    list_select_related = ("owner",)
    list_per_page = 30
    search_fields = ("subject", "content")
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

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the user's default signature."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        signature = Signature.objects.filter(owner=user_of(request), default=True).first()
        return {"signature": signature.pk if signature else None, **initial}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show beside the form which variables there are."""
        context = {"recipient_types": recipient_types(), **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say kindly that a message in use stays."""
        message = self.get_object(request, object_id)
        used = MailingOut.objects.filter(message=message).first() if message else None
        if used is not None:
            text = _("A mailing out uses this message: “%(name)s”. It is kept.")
            messages.error(request, text % {"name": used.name})
            return redirect("admin:massmail_emlmessage_change", object_id)
        return super().delete_view(request, object_id, extra_context)

    # --- columns

    @admin.display(description=_("subject"), ordering="subject")
    def what(self, obj: EmlMessage) -> SafeString:
        return column("message_name", message=obj)

    @admin.display(description=_("use"))
    def use(self, obj: Any) -> str:  # Any: a message with the annotation above
        return str(_("in use") if obj.is_used else _("not used yet"))


def recipient_types() -> list[tuple[str, dict[str, Any]]]:
    """Return what each type of recipient is called, and the variables that it offers."""
    return [(str(model._meta.verbose_name_plural), model.VARIABLES) for model in recipient_models()]
