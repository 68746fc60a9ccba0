"""The attachments of a message, on its page: who may change the message may change them."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.contenttypes.admin import GenericTabularInline
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.models import TheFile
from massmail.forms.attachment_form import AttachmentForm, AttachmentFormSet
from massmail.models import EmlMessage
from massmail.site.columns import column
from massmail.views.access import user_of


class AttachmentInline(GenericTabularInline):
    """Files with their sizes; a stored file that is gone is named."""

    model = TheFile
    form = AttachmentForm
    formset = AttachmentFormSet  # type: ignore[assignment]  # the stubs know inline ones only
    extra = 1
    fields = ("file", "size")
    readonly_fields = ("size",)
    formfield_overrides: ClassVar[Any] = {  # uploads are not on the web: there is nothing to link
        models.FileField: {"widget": forms.FileInput}
    }
    verbose_name = _("attachment")
    verbose_name_plural = _("attachments")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Show readers the name, which heads each row, and the size: the place is no link."""
        return self.fields if self._is_theirs(request, obj) else ("size",)

    @admin.display(description=_("size"))
    def size(self, obj: TheFile) -> str | SafeString:
        """Return how large the stored file is."""
        if not obj.pk:
            return ""
        try:
            return column("file_size", size_bytes=obj.file.size)
        except OSError:
            return str(_("The file is missing. Attach it again, or delete it here."))

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
