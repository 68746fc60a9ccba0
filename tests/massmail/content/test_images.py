from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import override_settings

from massmail.content.images import (
    ImageError,
    available_images,
    content_id,
    image_type,
    load_images,
    media_links_as_tags,
)
from tests.factories import red_square
from tests.massmail.content import uploads


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Give the test a media folder and a static folder with one picture each."""
    media, static = tmp_path / "media", tmp_path / "static"
    (media / "pics").mkdir(parents=True)
    static.mkdir()
    (media / "pics" / "a.png").write_bytes(red_square())
    (media / "secret.png").write_bytes(red_square())
    (media / "pics" / "page.png").write_bytes(b"<script>alert(1)</script>")
    (tmp_path / "outside.png").write_bytes(red_square())
    (media / "pics" / "link.png").symlink_to(tmp_path / "outside.png")
    (media / "pics" / "folder").symlink_to(tmp_path)
    (static / "b.gif").write_bytes(red_square("GIF"))
    with override_settings(MEDIA_ROOT=media, STATIC_ROOT=static):
        yield media


def test_load_images_by_key(folders: Path) -> None:
    assert load_images(["media:pics/a.png", "static:b.gif"]) == {
        "media:pics/a.png": red_square(),
        "static:b.gif": red_square("GIF"),
    }


def test_available_images_leaves_out_the_missing(folders: Path) -> None:
    keys = ["media:pics/a.png", "media:pics/missing.png", "media:../a.png"]

    assert available_images(keys) == {"media:pics/a.png": red_square()}


def test_load_images_through_the_storage(folders: Path) -> None:
    default_storage.save("pics/c.png", ContentFile(red_square()))

    assert load_images(["media:pics/c.png"]) == {"media:pics/c.png": red_square()}


@pytest.mark.parametrize(
    "key",
    [
        "media:pics/missing.png",
        "media:pics/page.png",
        "media:pics/link.png",
        "media:pics/folder/outside.png",
        "media:pics/",
        "media:pics",
        "media:secret.png",
        "media:pics/../secret.png",
        "media:pics/..%2fsecret.png",
        "media:pics/%2e%2e/secret.png",
        "media:pics\\..\\secret.png",
        "media:/etc/passwd",
        "media://host/share/a.png",
        "media:\\\\host\\share\\a.png",
        "media:C:/a.png",
        "media:pics/a.png\0.txt",
        "media:pics/./a.png",
        "media:pics//a.png",
        "media:",
        "static:../media/secret.png",
        "static:missing.png",
        "static:/proc/self/environ",
        "file:pics/a.png",
        "pics/a.png",
    ],
)
def test_every_miss_has_the_same_error(folders: Path, key: str) -> None:
    with pytest.raises(ImageError) as caught:
        load_images([key])

    assert str(caught.value) == f"The picture “{key[:80]}” is missing."


@pytest.mark.parametrize("kind", ["media:", "static:", ""])
def test_no_name_of_the_corpus_leads_out(folders: Path, kind: str) -> None:
    assert len(uploads.TRAVERSALS) == 257
    assert available_images(kind + name for name in uploads.TRAVERSALS) == {}


@pytest.mark.parametrize(
    ("image_format", "expected"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", ""),
        ("TIFF", ""),
    ],
)
def test_image_type_comes_from_the_bytes(image_format: str, expected: str) -> None:
    assert image_type(red_square(image_format)) == expected


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n", bytes(range(64))],
)
def test_image_type_of_no_picture_is_empty(data: bytes) -> None:
    assert image_type(data) == ""


def test_content_id_changes_with_the_bytes() -> None:
    assert content_id("media:pics/a.png", b"1") == content_id("media:pics/a.png", b"1")
    assert content_id("media:pics/a.png", b"1") != content_id("media:pics/a.png", b"2")


def test_media_links_become_tags() -> None:
    html = f'<img alt="a" src="{settings.MEDIA_URL}pics/a.png"><img src="/other/pics/a.png">'

    assert media_links_as_tags(html) == (
        '<img alt="a" src="{% cid_media \'pics/a.png\' %}"><img src="/other/pics/a.png">'
    )
