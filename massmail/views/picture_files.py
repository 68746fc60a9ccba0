"""Pictures as files: those of the gallery for staff, those of linked mails for everybody.

Whatever the bytes are, a browser shows them as the picture that they are, and runs nothing.
"""

from urllib.parse import quote
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import condition, require_safe

from massmail.content.images import image_type
from massmail.models import Picture, VersionFile
from massmail.models.picture import FOLDER
from massmail.services import pictures
from massmail.templatetags.mailbuilder import is_picture_name
from massmail.views.access import may_see, user_of, visible_or_404

POLICY = "sandbox; default-src 'none'"
FOR_EVER = "public, max-age=31536000, immutable"


@require_safe
def picture_file(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a stored picture that the user may see: the editor shows it by this address."""
    user = user_of(request)
    if not may_see(user, Picture):
        raise PermissionDenied
    if not is_picture_name(name):
        raise Http404
    picture = get_object_or_404(Picture.objects.visible_to(user), file=FOLDER + name)
    return _private(pictures.bytes_of(picture), picture.name)


@require_safe
def picture_thumbnail(request: HttpRequest, picture_id: int) -> HttpResponse:
    """Serve the small version of a picture that the user may see."""
    picture = visible_or_404(request, Picture, picture_id)
    return _private(pictures.thumbnail_of(picture), picture.name)


def _etag(request: HttpRequest, public_id: UUID, extension: str) -> str | None:
    """Return the mark of a linked picture, whose bytes never change; None if there is none."""
    if not VersionFile.objects.filter(public_id=public_id).exists():
        return None
    return f'"{public_id.hex}"'


@require_safe
@condition(etag_func=_etag)
def linked_picture(request: HttpRequest, public_id: UUID, extension: str) -> HttpResponse:
    """Serve a picture of a sent version to whoever has its address, without a login."""
    file = get_object_or_404(VersionFile.objects.only("data", "content_type"), public_id=public_id)
    if extension != pictures.public_extension(file.content_type):
        raise Http404
    response = _picture(bytes(file.data), file.content_type)
    response["Cache-Control"] = FOR_EVER
    response["Cross-Origin-Resource-Policy"] = "cross-origin"  # shown in webmail
    return response


def _private(data: bytes | None, name: str) -> HttpResponse:
    """Return a picture of the gallery; 404 if its file is gone, or is no picture any more."""
    content_type = image_type(data or b"")
    if data is None or not content_type:
        raise Http404
    response = _picture(data, content_type)
    response["Cache-Control"] = "private, max-age=3600"
    stem = name.rpartition(".")[0] or name
    file_name = quote(f"{stem}.{pictures.public_extension(content_type)}", safe="")
    response["Content-Disposition"] = f"inline; filename*=UTF-8''{file_name}"
    return response


def _picture(data: bytes, content_type: str) -> HttpResponse:
    response = HttpResponse(data, content_type=content_type)
    response["Content-Security-Policy"] = POLICY
    response["X-Content-Type-Options"] = "nosniff"
    return response
