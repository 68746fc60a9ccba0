"""Uploading a picture: from its own page, or from the editor's dialog, which asks for JSON."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from massmail.content.images import MAX_BYTES
from massmail.content.picture_files import PictureRefused
from massmail.forms.picture_form import PictureForm
from massmail.models import Picture
from massmail.services import pictures
from massmail.views.access import user_of
from massmail.views.show_uploaded_images import editor_function, gallery_url


@require_http_methods(["GET", "HEAD", "POST"])
def pic_upload(request: HttpRequest) -> HttpResponse:
    """Show the form, or add the picture that was posted."""
    user = user_of(request)
    if not user.has_perm("massmail.add_picture"):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, PictureForm())
    form = PictureForm(request.POST, request.FILES)
    picture = _added(request, form)
    if _is_from_editor(request):
        return JsonResponse(_for_editor(picture, form))
    if picture is None:
        return _page(request, form, status=400)
    messages.success(request, _("“%(name)s” is in the gallery.") % {"name": picture.name})
    return redirect(gallery_url(request))


def _added(request: HttpRequest, form: PictureForm) -> Picture | None:
    """Add the picture; None, with the reason on the form, if it cannot be."""
    if not form.is_valid():
        return None
    file = form.cleaned_data["upload"]
    try:
        # One byte more than is allowed tells that it is too much; the rest is not read.
        data = file.read(MAX_BYTES + 1)
        return pictures.add(owner=user_of(request), name=file.name or "", data=data)
    except PictureRefused as refusal:
        form.add_error("upload", str(refusal))
        return None


def _is_from_editor(request: HttpRequest) -> bool:
    """Tell whether the editor posts: it says what it wants, or sends a token of its own besides."""
    return request.GET.get("responseType") == "json" or "ckCsrfToken" in request.POST


def _for_editor(picture: Picture | None, form: PictureForm) -> dict[str, Any]:  # JSON
    """Return what the editor understands. It shows the message of an answer 200 alone."""
    if picture is None:
        faults = [str(fault) for faults in form.errors.values() for fault in faults]
        return {"uploaded": 0, "error": {"message": " ".join(faults)}}
    return {"uploaded": 1, "fileName": picture.name, "url": picture.file.url}


def _page(request: HttpRequest, form: PictureForm, *, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": _("Upload a picture"),
        "form": form,
        "gallery_url": gallery_url(request),
        "max_bytes": MAX_BYTES,
        "is_popup": editor_function(request) is not None,
    }
    return TemplateResponse(request, "massmail/pictures/upload.html", context, status=status)
