"""The pictures of the gallery: adding, naming and deleting them, and which of them a message shows.

How a file is decoded and written anew is `massmail.content.picture_files`.
"""

import re
import unicodedata
import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.models import Department
from massmail.content.images import available_images, image_type
from massmail.content.picture_files import PictureFile, rewritten
from massmail.errors import MassmailError
from massmail.models import EmlMessage, Picture, Signature
from massmail.templatetags.mailbuilder import MEDIA
from massmail.utils.email_creators import image_names

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_NAME = 150
# Controls, marks that turn the direction of a line, and what only seems to be nothing.
_UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class PictureInUse(MassmailError):
    """A picture that a message or a signature shows: it is kept."""


def add(*, owner: "User", name: str, data: bytes) -> Picture:
    """Add an uploaded file to the owner's pictures; the same picture again is the one they have.

    Writes two files into the storage. Raises PictureRefused.
    """
    written = rewritten(data)
    if known := _same_picture(owner, written):
        return known
    picture = Picture(
        owner=owner,
        modified_by=owner,
        department=Department.objects.first_of(owner),
        name=clean_name(name),
        file=ContentFile(written.data, f"picture.{written.extension}"),
        size_bytes=len(written.data),
    )
    with transaction.atomic():
        picture.save()
        picture.file.storage.save(picture.thumbnail_name, ContentFile(written.thumbnail))
    return picture


def rename(picture: Picture, *, name: str, by: "User") -> None:
    """Call a picture something else: its file and the messages that show it stay as they are."""
    picture.name, picture.modified_by = clean_name(name), by
    picture.save(update_fields=["name", "modified_by", "update_date"])


def delete(picture: Picture) -> None:
    """Delete a picture and its files. Raises PictureInUse while a text shows it.

    Mails that were started keep it: their versions have the bytes.
    """
    with transaction.atomic():
        Picture.objects.select_for_update().get(pk=picture.pk)
        counted = Picture.objects.with_use().get(pk=picture.pk)
        number = counted.message_count + counted.signature_count
        if number:
            text = ngettext(
                "“%(name)s” is kept: it is shown in %(number)d message or signature.",
                "“%(name)s” is kept: it is shown in %(number)d messages or signatures.",
                number,
            )
            advice = _("Take it out there first.")
            raise PictureInUse(f"{text % {'name': picture.name, 'number': number}} {advice}")
        counted.delete()


def clean_name(name: str) -> str:
    """Return the last part of a path as a name that can be shown and searched."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = " ".join(_UNPRINTED.sub("", last).split())
    return plain[:MAX_NAME].strip(" .") or _("picture")


def images_of(message: EmlMessage) -> dict[str, bytes]:
    """Return the bytes of the pictures that a message and its signature show, by key.

    Of the gallery only what the message's owner may see, and in the signature what its own owner
    may: who can name a stranger's picture does not get it. What is missing is left out.
    """
    signature = message.signature
    in_content = image_names(message.content)
    in_signature = image_names(signature.content) if signature else set()
    allowed = _visible(in_content | in_signature, message)
    if signature is not None:
        allowed |= _visible(in_signature, signature)
    shown = sorted(in_content | in_signature)
    return available_images(key for key in shown if not key.startswith(MEDIA) or key in allowed)


def public_url(public_id: uuid.UUID, data: bytes) -> str:
    """Return the address under which everybody who has it gets this picture of a version."""
    path = reverse("linked_picture", args=[public_id, public_extension(image_type(data))])
    return settings.SITE_URL.rstrip("/") + path


def public_extension(content_type: str) -> str:
    """Return the usual ending of a picture's file, e.g. `jpg`."""
    return content_type.rpartition("/")[2].replace("jpeg", "jpg")


def bytes_of(picture: Picture) -> bytes | None:
    """Return the stored picture; None if its file is gone."""
    return _stored(picture, picture.file.name or "")


def thumbnail_of(picture: Picture) -> bytes | None:
    """Return its small version, else the picture itself; None if both files are gone."""
    small = _stored(picture, picture.thumbnail_name)
    return bytes_of(picture) if small is None else small


def _stored(picture: Picture, name: str) -> bytes | None:
    try:
        with picture.file.storage.open(name) as file:
            return bytes(file.read())
    except (OSError, ValueError):
        return None


def _visible(keys: set[str], text: EmlMessage | Signature) -> set[str]:
    """Return the keys among these of gallery pictures that the owner of a text may see."""
    names = [key.removeprefix(MEDIA) for key in keys if key.startswith(MEDIA)]
    if not names or text.owner_id is None:
        return set()
    found = Picture.objects.visible_to(text.owner).filter(file__in=names)
    return {MEDIA + name for name in found.values_list("file", flat=True)}


def _same_picture(owner: "User", written: PictureFile) -> Picture | None:
    """Return the owner's picture that has the same bytes, if there is one."""
    alike = Picture.objects.filter(
        owner=owner, size_bytes=len(written.data), width=written.width, height=written.height
    )
    return next((picture for picture in alike if bytes_of(picture) == written.data), None)
