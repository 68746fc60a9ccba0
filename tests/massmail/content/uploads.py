"""Hostile uploads, made when they are asked for: polyglots, bombs, damaged files, names."""

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

from PIL import Image

SCRIPT = b"<script>fetch('/ran');window.ran=1;alert(1)</script>"
HTML = b"<!DOCTYPE html><html><body>" + SCRIPT + b"</body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">' + SCRIPT + b"</svg>"
JS = b"=1;alert(1);/*"


def picture(kind: str, size: tuple[int, int] = (24, 16), **options) -> bytes:
    """A small picture of a format, its pixels a gradient."""
    image = Image.linear_gradient("L").resize(size).convert("P" if kind == "GIF" else "RGB")
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def animation(kind: str, frames: int = 4, size: tuple[int, int] = (8, 6), **options) -> bytes:
    """Frames of different colours, so that no two become one."""
    images = [Image.new("RGB", size, (n % 256, n // 256, 90)) for n in range(frames)]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        kind,
        save_all=True,
        append_images=images[1:],
        duration=[70] * frames,
        loop=0,
        **options,
    )
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, *chunks: bytes, pixels: bytes = b"") -> bytes:
    """A PNG that declares a size, whatever its data are."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [png_chunk(b"IHDR", header), *chunks]
    parts += [png_chunk(b"IDAT", zlib.compress(pixels)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_png_chunk(kind: bytes, data: bytes) -> bytes:
    """A real PNG with one more chunk after its header."""
    whole = picture("PNG")
    return whole[:33] + png_chunk(kind, data) + whole[33:]


def zipped(name: str = "index.html", data: bytes = HTML) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def gif_with_script() -> bytes:
    """A GIF whose size reads as the beginning of a comment in JavaScript."""
    return b"GIF89a/*" + picture("GIF")[8:] + b"*/" + JS + SCRIPT


def jpeg_with_comment(comment: bytes) -> bytes:
    whole = picture("JPEG")
    return whole[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + whole[2:]


def jpeg_of_many_scans(scans: int = 2000) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    whole = picture("JPEG", (64, 64), progressive=True)
    start = whole.rindex(b"\xff\xda")
    scan = whole[start:-2]
    return whole[:start] + scan * scans + whole[-2:]


def many_frames(number: int) -> bytes:
    """A GIF with one tiny frame, repeated."""
    whole = picture("GIF", (1, 1))
    start = whole.index(b",", 13 + 3 * 2 ** ((whole[10] & 7) + 1))
    frame = b"\x21\xf9\x04\0\x0a\0\0\0" + whole[start:-1]
    return whole[:start] + frame * number + b";"


def huge_jpeg() -> bytes:
    """A JPEG whose header declares 65,500 pixels each way."""
    whole = bytearray(picture("JPEG"))
    at = whole.index(b"\xff\xc0") + 5
    whole[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    return bytes(whole)


def huge_webp() -> bytes:
    """A WebP whose frame header declares the largest size there is."""
    whole = bytearray(picture("WEBP"))
    at = whole.index(b"\x9d\x01\x2a") + 3
    whole[at : at + 4] = struct.pack("<HH", 16_383, 16_383)
    return bytes(whole)


def cut_picture(kind: str, percent: int) -> bytes:
    whole = picture(kind, (200, 150))
    return whole[: len(whole) * percent // 100]


# Files that are a picture and something else. Whatever is taken is a picture alone afterwards.
POLYGLOTS: dict[str, Callable[[], bytes]] = {
    "gif and javascript": gif_with_script,
    "gif, html behind": lambda: picture("GIF") + HTML,
    "gif, html comment": lambda: picture("GIF", comment=SCRIPT),
    "gif, zip behind": lambda: picture("GIF") + zipped(),
    "gif, phar": lambda: picture("GIF") + b"<?php __HALT_COMPILER(); ?>",
    "animated gif, html behind": lambda: animation("GIF") + HTML,
    "jpeg, html behind": lambda: picture("JPEG") + HTML,
    "jpeg, html comment": lambda: jpeg_with_comment(HTML),
    "jpeg, script comment": lambda: jpeg_with_comment(b"*/" + JS + SCRIPT),
    "jpeg, html exif": lambda: picture("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0" + HTML),
    "jpeg, zip behind": lambda: picture("JPEG") + zipped(),
    "jpeg, pdf behind": lambda: picture("JPEG") + b"%PDF-1.4 /OpenAction /JavaScript",
    "png, html behind": lambda: picture("PNG") + HTML,
    "png, html text": lambda: with_png_chunk(b"tEXt", b"Comment\0" + HTML),
    "png, html compressed text": lambda: with_png_chunk(
        b"zTXt", b"Comment\0\0" + zlib.compress(HTML)
    ),
    "png, html international text": lambda: with_png_chunk(b"iTXt", b"XML\0\0\0\0\0" + SVG),
    "png, html profile": lambda: with_png_chunk(b"iCCP", b"x\0\0" + zlib.compress(HTML)),
    "png, zip behind": lambda: picture("PNG") + zipped(),
    "png, zip chunk": lambda: with_png_chunk(b"zIPp", zipped()),
    "png, php behind": lambda: picture("PNG") + b"<?php system($_GET[0]); ?>",
    "png, mz behind": lambda: picture("PNG") + b"MZ\x90\0",
    "webp, html behind": lambda: picture("WEBP") + HTML,
    "webp, html exif": lambda: picture("WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0" + HTML),
    "webp, html xmp": lambda: picture("WEBP", xmp=HTML),
    "animated webp, html behind": lambda: animation("WEBP") + HTML,
}

# What is no PNG, JPEG, GIF or WebP at all, whatever it is called.
NO_PICTURES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "one byte": lambda: b"\0",
    "html": lambda: HTML,
    "html after a blank": lambda: b"\n \t" + HTML,
    "html in utf-16": lambda: HTML.decode().encode("utf-16"),
    "svg": lambda: SVG,
    "svg after xml": lambda: b'<?xml version="1.0"?>' + SVG,
    "svgz": lambda: zlib.compress(SVG, wbits=31),
    "javascript": lambda: b"alert(1)",
    "css": lambda: b"body{background:url(javascript:alert(1))}",
    "pdf": lambda: b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj",
    "zip": zipped,
    "jar": lambda: zipped("META-INF/MANIFEST.MF"),
    "swf": lambda: b"FWS\x06" + bytes(40),
    "exe": lambda: b"MZ" + bytes(200),
    "elf": lambda: b"\x7fELF" + bytes(200),
    "php": lambda: b"<?php phpinfo(); ?>",
    "xml entity": lambda: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "mhtml": lambda: b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n" + HTML,
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "bmp": lambda: picture("BMP"),
    "tiff": lambda: picture("TIFF"),
    "ico": lambda: picture("ICO"),
    "jpeg 2000": lambda: picture("JPEG2000"),
    "ppm": lambda: picture("PPM"),
    "png signature alone": lambda: b"\x89PNG\r\n\x1a\n",
    "png signature, html": lambda: b"\x89PNG\r\n\x1a\n" + HTML,
    "gif signature, html": lambda: b"GIF89a" + HTML,
    "jpeg signature, html": lambda: b"\xff\xd8\xff\xe0" + HTML,
    "riff signature, html": lambda: b"RIFF\x40\0\0\0WEBP" + HTML,
    "random": lambda: bytes((7 * n * n + 13 * n) % 256 for n in range(4096)),
}

# What would take time or memory out of all proportion, or cannot be read to its end.
BOMBS: dict[str, Callable[[], bytes]] = {
    "png of 50,000 × 50,000": lambda: png(50_000, 50_000, pixels=bytes(100_000)),
    "png of 2,147,483,647 × 1": lambda: png(2**31 - 1, 1),
    "png of 5,001 × 5,000": lambda: png(5_001, 5_000, pixels=bytes(1000)),
    "png without pixels": lambda: png(100, 100),
    "png of size 0": lambda: png(0, 0),
    "png, text of 200 MB": lambda: png(
        9, 9, png_chunk(b"zTXt", b"c\0\0" + zlib.compress(bytes(200_000_000), 9))
    ),
    "png, international text of 200 MB": lambda: png(
        9, 9, png_chunk(b"iTXt", b"c\0\1\0\0\0" + zlib.compress(bytes(200_000_000), 9))
    ),
    "png, profile of 200 MB": lambda: png(
        9, 9, png_chunk(b"iCCP", b"c\0\0" + zlib.compress(bytes(200_000_000), 9))
    ),
    "png, a chunk of 4 GB": lambda: picture("PNG")[:33] + b"\xff\xff\xff\xffIDAT",
    "png, wrong checksum": lambda: picture("PNG").replace(b"IDAT", b"IDAT\0", 1),
    "gif of 10,001 frames": lambda: many_frames(10_001),
    "gif of 501 frames": lambda: many_frames(501),
    "gif of 65,535 × 65,535": lambda: b"GIF89a\xff\xff\xff\xff" + picture("GIF")[10:],
    "gif of 40 frames of 1,000 × 1,000": lambda: animation("GIF", 40, (1000, 1000)),
    "jpeg of 65,500 × 65,500": huge_jpeg,
    "jpeg of 2,000 scans": jpeg_of_many_scans,
    "webp of 16,383 × 16,383": huge_webp,
    "webp of 501 frames": lambda: animation("WEBP", 501, lossless=True),
    **{
        f"{kind.lower()} cut at {percent} %": functools.partial(cut_picture, kind, percent)
        for kind in ("PNG", "JPEG", "GIF", "WEBP")
        for percent in (3, 20, 50, 90)
    },
    "larger than 10 MB": lambda: picture("PNG") + bytes(10 * 1024 * 1024),
}


_STEPS = (
    "..",
    "%2e%2e",
    "%252e%252e",
    "..%00",
    "....//",
    "..;",
    "．．",
    "%c0%ae%c0%ae",
    ".\u200b.",
)
_GOALS = ("etc/passwd", "secret.png", "proc/self/environ", "db.sqlite3", ".env")
_SLASHES = ("/", "\\", "%2f", "%5c", "//")
# File names that want to leave the folder: steps, goals and slashes in every mixture, and more.
TRAVERSALS = [
    *(
        f"pics{slash}{step}{slash}{goal}"
        for step in _STEPS
        for goal in _GOALS
        for slash in _SLASHES
    ),
    "/etc/passwd",
    "//etc/passwd",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/dev/zero",
    "file:///etc/passwd",
    "C:\\Windows\\win.ini",
    "C:/Windows/win.ini",
    "\\\\host\\share\\a.png",
    "//host/share/a.png",
    "\\\\?\\C:\\a.png",
    "\\\\.\\pipe\\a",
    "~/a.png",
    "$HOME/a.png",
    "pics",
    "pics/",
    "pics/.",
    "pics/..",
    "pics/.htaccess",
    "pics/a.png\0.txt",
    "pics/\0",
    "pics/a\r\n.png",
    "pics/link.png",
    "pics/folder/outside.png",
    "pics/*",
    "pics/?.png",
    "pics/a.png::$DATA",
    "CON",
    "a" * 5000,
    "",
    " ",
    "\u202egnp.exe",
]
