import pytest

from massmail.models import Picture
from tests.factories import EmlMessageFactory, PictureFactory, SignatureFactory

pytestmark = pytest.mark.django_db


def test_use_counts_messages_and_signatures_that_name_it():
    used, unused = PictureFactory.create(), PictureFactory.create()
    for content in (used.tag, f'<img src="{used.file.url}">', used.tag * 2, "pics/other.png"):
        EmlMessageFactory.create(content=content)
    SignatureFactory.create(content=used.tag)

    counted = Picture.objects.with_use().order_by("pk")

    assert [(each.message_count, each.signature_count) for each in counted] == [(3, 1), (0, 0)]
    assert unused.name == str(unused)


def test_newest_comes_first():
    first, second = PictureFactory.create(), PictureFactory.create()

    assert list(Picture.objects.all()) == [second, first]


@pytest.mark.parametrize(
    ("name", "kind"), [("pics/a.jpg", "JPEG"), ("pics/a.png", "PNG"), ("pics/a.gif", "GIF")]
)
def test_kind_and_thumbnail_follow_the_file(name, kind):
    picture = Picture(file=name, width=1, height=1)

    assert (picture.kind, picture.thumbnail_name) == (kind, name.replace("pics", "thumbnails"))
