"""Reading the pictures of a message: by checked names only, inside their folders only.

Every miss has the same error, so that nobody learns which files exist.
"""

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError

from massmail.errors import MassmailError
from massmail.templatetags.mailbuilder import MEDIA, MEDIA_FOLDER, STATIC, is_picture_name

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 25_000_000
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


class ImageError(MassmailError):
    """A picture that cannot be had, whatever the reason; `name` is its key."""

    def __init__(self, name: str) -> None:
        super().__init__(_("The picture “%(name)s” is missing.") % {"name": name[:80]})
        self.name = name


def load_images(names: Iterable[str]) -> dict[str, bytes]:
    """Return the bytes of the pictures with these keys, each a PNG, JPEG, GIF or WebP file.

    Reads files. Raises ImageError for the first that is not there, not allowed or no picture.
    """
    return {name: _load(name) for name in names}


def available_images(names: Iterable[str]) -> dict[str, bytes]:
    """Return the pictures that `load_images` would return, without those that it would miss.

    For checking a draft: what is not here becomes a problem with its line. Reads files.
    """
    found: dict[str, bytes] = {}
    for name in names:
        with contextlib.suppress(ImageError):
            found[name] = _load(name)
    return found


def image_type(data: bytes) -> str:
    """Return the content type of a picture by its bytes, empty if it is none that mails carry."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return ""
            image.verify()
            return f"image/{(image.format or '').lower()}"
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        return ""


def content_id(key: str, data: bytes) -> str:
    """Return the Content-ID of a picture, without brackets: the same file has the same one."""
    digest = hashlib.sha256(key.encode() + b"\0" + data).hexdigest()
    return f"{digest[:32]}@massmail"


def media_links_as_tags(html: str) -> str:
    """Return HTML whose uploaded pictures, shown in the editor by address, are picture tags."""
    link = re.compile(
        rf"""(<img\b[^<>]*?\ssrc\s*=\s*)(["']){re.escape(settings.MEDIA_URL)}"""
        rf"""({MEDIA_FOLDER}[^"'{{}}%<>\n]*)\2""",
        re.IGNORECASE,
    )
    return link.sub(r"\1\2{% cid_media '\3' %}\2", html)


def _load(key: str) -> bytes:
    kind = MEDIA if key.startswith(MEDIA) else STATIC
    name = key.removeprefix(kind)
    if not (key.startswith(kind) and is_picture_name(name)):
        raise ImageError(key)
    data = _read_media(name) if kind == MEDIA else _read_static(name)
    if not data or len(data) > MAX_BYTES or not image_type(data):
        raise ImageError(key)
    return data


def _read_media(name: str) -> bytes:
    """Read an upload through its storage; from a local one only what lies in the folder."""
    if not name.startswith(MEDIA_FOLDER):
        return b""
    if isinstance(default_storage, FileSystemStorage):
        folder = Path(default_storage.location) / MEDIA_FOLDER
        return _read_inside(folder, name.removeprefix(MEDIA_FOLDER))
    try:
        with default_storage.open(name) as file:
            return bytes(file.read(MAX_BYTES + 1))
    except (OSError, ValueError):
        return b""


def _read_static(name: str) -> bytes:
    """Read a static file: from the collected ones, else as `runserver` would find it."""
    if data := _read_inside(Path(settings.STATIC_ROOT), name):
        return data
    found = finders.find(name)
    if not isinstance(found, str):
        return b""
    folder = Path(found.removesuffix(os.path.normpath(name)))
    return _read_inside(folder, name)


def _read_inside(folder: Path, name: str) -> bytes:
    """Read a file that lies below a folder once all links are followed."""
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve(strict=True)
        if not (path.is_relative_to(root) and path.is_file()):
            return b""
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        return b""
