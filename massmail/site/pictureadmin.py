"""Pictures in the admin: its list and its forms are the gallery and the upload page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from common.admin import OwnedModelAdmin
from massmail.models import Picture


class PictureAdmin(OwnedModelAdmin[Picture]):
    """The way from the admin's home; what is done to pictures is done in the gallery."""

    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: Picture | None = None) -> bool:
        """Leave deleting to the gallery, which looks for the picture's use first."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the gallery."""
        return redirect("show_uploaded_images")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the upload page."""
        return redirect("pic_upload")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lead to the gallery, which shows what its user may see."""
        return redirect("show_uploaded_images")
