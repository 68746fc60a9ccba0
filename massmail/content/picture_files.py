"""Uploaded pictures made safe: decoded within limits and written anew, so that nothing else stays.

What a file claims to be counts for nothing; sizes are asked of its header before any pixel is read.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from massmail.content.images import FORMATS, MAX_BYTES, MAX_PIXELS
from massmail.errors import MassmailError

MAX_WEBP_PIXELS = 12_000_000  # its decoder holds the picture four times
MAX_FRAMES = 500
MAX_SCANS = 50  # of a progressive JPEG, each of which is decoded over the whole picture
THUMBNAIL_PX = (320, 240)
JPEG_QUALITY = 90

_EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif"}
_SCAN = b"\xff\xda"  # never inside coded data: there 0xFF is followed by 0x00
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_SIXTEEN_BITS = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, OverflowError)
_ONE_AT_A_TIME = threading.Lock()  # 25 million pixels take 100 MB while they are decoded


class PictureRefused(MassmailError):
    """A file that becomes no picture of the gallery; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture as we wrote it, with its small version."""

    data: bytes
    extension: str
    width: int
    height: int
    thumbnail: bytes


def rewritten(data: bytes) -> PictureFile:
    """Decode a PNG, JPEG, GIF or WebP file and write it anew, without metadata.

    Orientation is applied, an animation kept; WebP becomes PNG, JPEG or GIF, which all mail
    programs show. Takes up to some seconds and some hundred MB. Raises PictureRefused.
    """
    _require_size(len(data))
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, which is dropped
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _require_limits(image, data)
                return _rewrite(image)
        except UnidentifiedImageError as error:
            raise PictureRefused(_not_a_picture()) from error
        except Image.DecompressionBombError as error:
            raise PictureRefused(f"{_('The picture has too many pixels.')} {_advice()}") from error
        except _BROKEN as error:
            raise PictureRefused(
                _("The file is damaged: it cannot be read to its end. Save it anew and try again.")
            ) from error


def _require_size(size_bytes: int) -> None:
    if size_bytes > MAX_BYTES:
        text = _("The file has %(size)s; a picture may have %(most)s. Save it smaller.")
        raise PictureRefused(
            text % {"size": filesizeformat(size_bytes), "most": filesizeformat(MAX_BYTES)}
        )


def _require_limits(image: ImageFile.ImageFile, data: bytes) -> None:
    """Refuse what would take too much, before a pixel is decoded."""
    most = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS
    _require_pixels(image.width, image.height, most=most)
    if image.format == "JPEG" and data.count(_SCAN) > MAX_SCANS:
        raise PictureRefused(
            _("The picture is built of too many layers. Save it as an ordinary JPEG.")
        )
    frames = getattr(image, "n_frames", 1)
    if frames > MAX_FRAMES or frames * image.width * image.height > MAX_PIXELS:
        text = _("The animation is too large: %(frames)s frames of %(width)s × %(height)s pixels.")
        shown = {"frames": frames, "width": image.width, "height": image.height}
        advice = _("Make it shorter or smaller.")
        raise PictureRefused(
            f"{text % {name: intcomma(number) for name, number in shown.items()}} {advice}"
        )


def _require_pixels(width: int, height: int, *, most: int) -> None:
    if width * height <= most:
        return
    text = _("The picture has %(width)s × %(height)s pixels, which is too many.")
    shown = text % {"width": intcomma(width), "height": intcomma(height)}
    raise PictureRefused(f"{shown} {_advice()}")


def _advice() -> str:
    return _("Make it smaller: 1,200 pixels across are plenty for a mail.")


def _rewrite(image: ImageFile.ImageFile) -> PictureFile:
    if getattr(image, "is_animated", False) and image.format != "PNG":
        return _rewrite_animation(image)
    kind = _kind_of(image)
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    plain = _plain(image, kind)
    data = _written(plain, kind)  # first: converting a palette for the thumbnail changes it
    return _finished(data, kind, plain.size, _thumbnail(plain))


def _kind_of(image: ImageFile.ImageFile) -> str:
    """Return the format to write: the same; of WebP the one that suits."""
    if image.format == "WEBP":
        return "PNG" if image.mode == "RGBA" else "JPEG"
    return image.format or ""


def _plain(image: Image.Image, kind: str) -> Image.Image:
    """Return the picture in a mode that browsers know, with nothing but pixels and palette."""
    if image.mode in _SIXTEEN_BITS:
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if kind == "JPEG" and image.mode not in {"L", "RGB"}:
        image = image.convert("RGB")
    elif image.mode not in _PNG_MODES:
        image = image.convert("RGBA" if "A" in image.mode or "a" in image.mode else "RGB")
    kept = {"transparency"} if image.mode in {"P", "L", "RGB", "1"} else set()
    image.info = {name: value for name, value in image.info.items() if name in kept}
    return image


def _rewrite_animation(image: ImageFile.ImageFile) -> PictureFile:
    """Write each frame whole, as it is seen, with its own time."""
    loop = image.info.get("loop")
    frames = _frames(image)
    first, first_ms = next(frames)
    small = _thumbnail(first)
    durations_ms = [first_ms]

    def others() -> Iterator[Image.Image]:
        for frame, duration_ms in frames:
            durations_ms.append(duration_ms)
            yield frame

    rest = list(others())
    options = {} if loop is None else {"loop": loop}
    buffer = io.BytesIO()
    first.save(
        buffer,
        "GIF",
        save_all=True,
        append_images=rest,
        duration=durations_ms,
        disposal=2,
        **options,
    )
    return _finished(buffer.getvalue(), "GIF", first.size, small)


def _frames(image: ImageFile.ImageFile) -> Iterator[tuple[Image.Image, int]]:
    """Yield every frame with its duration in milliseconds."""
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frame = image.convert("RGBA")
        duration_ms = image.info.get("duration", 100)
        frame.info = {}
        yield frame, int(duration_ms)


def _thumbnail(image: Image.Image) -> bytes:
    """Return a small version for the gallery, a JPEG or, where something shines through, a PNG."""
    is_see_through = "A" in image.mode or "transparency" in image.info
    mode, kind = ("RGBA", "PNG") if is_see_through else ("RGB", "JPEG")
    full = image.convert(mode) if image.mode in {"1", "P"} or image.info else image
    small = full.resize(_within(full.size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _written(small.convert(mode), kind)


def _within(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of the same shape that fits a thumbnail; small pictures stay as they are."""
    scale = min(1.0, *(most / own for most, own in zip(THUMBNAIL_PX, size, strict=True)))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _written(image: Image.Image, kind: str) -> bytes:
    options = {"quality": JPEG_QUALITY, "progressive": True} if kind == "JPEG" else {}
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _finished(data: bytes, kind: str, size: tuple[int, int], thumbnail: bytes) -> PictureFile:
    if len(data) > MAX_BYTES:
        text = _("Written as %(kind)s the picture has %(size)s, too much for us. Make it smaller.")
        raise PictureRefused(text % {"kind": kind, "size": filesizeformat(len(data))})
    return PictureFile(data, _EXTENSIONS[kind], *size, thumbnail)


def _not_a_picture() -> str:
    return _("This is no picture that mail programs show. Choose a PNG, JPEG, GIF or WebP file.")
