import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from massmail.content.images import image_type
from massmail.content.picture_files import THUMBNAIL_PX, PictureRefused, rewritten
from tests.massmail.content import uploads

FORBIDDEN = (b"script", b"alert", b"<html", b"<?php", b"PK\x03\x04", b"%PDF", b"<svg", b"MZ\x90")
SECONDS = 3
MEMORY_MB = 150  # 70 of them are Django's
# Prints how many files are taken and refused, and how much memory the process had at most.
MEASURE = """
import json, pathlib, re, sys
import django
django.setup()
from massmail.content.picture_files import PictureRefused, rewritten
counts = [0, 0]
for file in pathlib.Path(sys.argv[1]).iterdir():
    try:
        rewritten(file.read_bytes())
        counts[0] += 1
    except PictureRefused:
        counts[1] += 1
status = pathlib.Path("/proc/self/status").read_text()
print(json.dumps([*counts, int(re.search(r"VmHWM:\\s*([0-9]+) kB", status)[1]) // 1024]))
"""


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("name", uploads.POLYGLOTS)
def test_polyglot_becomes_a_picture_and_nothing_else(name: str) -> None:
    written = rewritten(uploads.POLYGLOTS[name]())

    assert image_type(written.data) in {"image/png", "image/jpeg", "image/gif"}
    assert [word for word in FORBIDDEN if word in written.data + written.thumbnail] == []


@pytest.mark.parametrize("name", uploads.NO_PICTURES)
def test_what_is_no_picture_is_refused(name: str) -> None:
    with pytest.raises(PictureRefused) as refusal:
        rewritten(uploads.NO_PICTURES[name]())

    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("name", uploads.BOMBS)
def test_bomb_is_refused_at_once(name: str) -> None:
    data = uploads.BOMBS[name]()
    begin = time.monotonic()

    with pytest.raises(PictureRefused) as refusal:
        rewritten(data)

    assert time.monotonic() - begin < SECONDS
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("kind", "extension", "content_type"),
    [
        ("PNG", "png", "image/png"),
        ("JPEG", "jpg", "image/jpeg"),
        ("GIF", "gif", "image/gif"),
        ("WEBP", "jpg", "image/jpeg"),
    ],
)
def test_picture_is_written_in_a_format_for_mails(
    kind: str, extension: str, content_type: str
) -> None:
    written = rewritten(uploads.picture(kind))

    assert (written.extension, image_type(written.data)) == (extension, content_type)
    assert (written.width, written.height) == (24, 16)


def test_see_through_webp_becomes_a_png() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 80)).save(buffer, "WEBP", lossless=True)

    written = rewritten(buffer.getvalue())

    assert written.extension == "png"
    assert opened(written.data).convert("RGBA").getpixel((0, 0)) == (255, 0, 0, 80)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_animation_is_kept(kind: str) -> None:
    written = rewritten(uploads.animation(kind, lossless=True))

    image = opened(written.data)
    durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert (image.format, durations, image.info.get("loop")) == ("GIF", [70] * 4, 0)
    assert opened(written.thumbnail).format in {"PNG", "JPEG"}


def test_animation_without_a_loop_stays_without() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=50)

    assert "loop" not in opened(rewritten(buffer.getvalue()).data).info


def test_orientation_is_applied_and_metadata_are_gone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right
    exif[0x010F] = "A camera"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    written = rewritten(uploads.picture("JPEG", (30, 20), exif=exif, icc_profile=b"profile"))

    image = opened(written.data)
    assert (written.width, written.height, image.size) == (20, 30, (20, 30))
    assert dict(image.getexif()) == {}
    assert {"exif", "icc_profile", "comment"} & image.info.keys() == set()
    assert b"camera" not in written.data


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("1", "1"),
        ("L", "L"),
        ("LA", "LA"),
        ("P", "P"),
        ("RGB", "RGB"),
        ("RGBA", "RGBA"),
        ("I;16", "L"),
    ],
)
def test_mode_is_kept_where_browsers_know_it(mode: str, kept: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (3, 3)).save(buffer, "PNG")

    assert opened(rewritten(buffer.getvalue()).data).mode == kept


def test_sixteen_bits_keep_their_brightness() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (3, 3), 32_768).save(buffer, "PNG")

    assert opened(rewritten(buffer.getvalue()).data).getpixel((1, 1)) == 128


def test_colours_for_print_become_colours_for_screens() -> None:
    buffer = io.BytesIO()
    Image.new("CMYK", (3, 3), (0, 255, 255, 0)).save(buffer, "JPEG")

    assert opened(rewritten(buffer.getvalue()).data).mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_palette_keeps_its_see_through_colour(kind: str) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((1, 0), 1)
    buffer = io.BytesIO()
    image.save(buffer, kind, transparency=0)

    written = rewritten(buffer.getvalue())

    for data in (written.data, written.thumbnail):
        shown = opened(data).convert("RGBA")
        assert [shown.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0, 0), (255, 0, 0, 255)]


def test_thumbnail_fits_and_keeps_its_shape() -> None:
    written = rewritten(uploads.picture("PNG", (1600, 400)))

    assert opened(written.thumbnail).size == (THUMBNAIL_PX[0], 80)


def test_refusals_say_what_to_do() -> None:
    with pytest.raises(PictureRefused) as pixels:
        rewritten(uploads.BOMBS["png of 5,001 × 5,000"]())
    with pytest.raises(PictureRefused) as weight:
        rewritten(bytes(11 * 1024 * 1024))
    with pytest.raises(PictureRefused) as frames:
        rewritten(uploads.BOMBS["gif of 501 frames"]())

    assert str(pixels.value) == (
        "The picture has 5,001 × 5,000 pixels, which is too many. Make it smaller: 1,200 pixels"
        " across are plenty for a mail."
    )
    assert str(weight.value) == (
        "The file has 11.0\xa0MB; a picture may have 10.0\xa0MB. Save it smaller."
    )
    assert str(frames.value) == (
        "The animation is too large: 501 frames of 1 × 1 pixels. Make it shorter or smaller."
    )


@pytest.mark.slow
def test_memory_stays_within_bounds(tmp_path: Path) -> None:
    """All hostile files, one after the other in a process of their own."""
    made = [make() for group in (uploads.BOMBS, uploads.POLYGLOTS) for make in group.values()]
    for number, data in enumerate(made):
        (tmp_path / str(number)).write_bytes(data)

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path], capture_output=True, text=True, check=True
    )

    taken, refused, most_mb = json.loads(done.stdout)
    assert (taken, refused) == (len(uploads.POLYGLOTS), len(uploads.BOMBS)) == (25, 35)
    assert most_mb < MEMORY_MB
