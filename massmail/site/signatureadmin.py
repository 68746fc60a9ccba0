"""Signatures in the admin."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from common.admin import OwnedModelAdmin, OwnerFilter
from massmail.admin_actions import change_owner
from massmail.forms.signature_form import SignatureForm
from massmail.models import Signature


class SignatureAdmin(OwnedModelAdmin[Signature]):
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
