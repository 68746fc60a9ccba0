"""Signatures in the admin: written beside their preview; a new default replaces the former one."""

from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.admin import OwnedModelAdmin, OwnerFilter
from massmail.admin_actions import change_owner
from massmail.forms.signature_form import SignatureForm
from massmail.models import Signature
from massmail.services.signatures import make_room_for_default
from massmail.site.editor_page import EditorPage


class SignatureAdmin(EditorPage, OwnedModelAdmin[Signature]):
    form = SignatureForm
    actions = (change_owner,)
    list_display = ("name", "type", "default", "owner", "update_date")
    list_filter: ClassVar[Any] = (OwnerFilter, "type")
    list_select_related = ("owner",)
    search_fields = ("name", "content")
    change_form_template = "admin/massmail/signature/change_form.html"
    fieldsets = (
        (None, {"fields": ("name", "type", "default", "content")}),
        (_("Whose it is"), {"fields": ("owner", "department"), "classes": ("collapse",)}),
    )

    def save_model(
        self, request: HttpRequest, obj: Signature, form: Any, change: bool
    ) -> None:  # Django's signature
        """Save; the owner's former default steps aside."""
        if not obj.owner_id:
            obj.owner = request.user  # type: ignore[assignment]  # the admin knows its user
        make_room_for_default(signature=obj)
        super().save_model(request, obj, form, change)
