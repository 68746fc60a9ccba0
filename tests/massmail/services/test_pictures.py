import io
import uuid

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from massmail.content.picture_files import PictureRefused
from massmail.models import EmlMessage, Picture
from massmail.services import pictures, versions
from tests.factories import (
    DepartmentFactory,
    EmlMessageFactory,
    PictureFactory,
    SignatureFactory,
    SuperuserFactory,
    UserFactory,
    red_square,
)
from tests.massmail.content import uploads

pytestmark = pytest.mark.django_db

SHOWN = "<img src=\"{{% cid_media '{}' %}}\">"


def showing(*shown: Picture, **values) -> EmlMessage:
    """A message that shows pictures."""
    images = "".join(f'<img alt="" src="{picture.tag}">' for picture in shown)
    return EmlMessageFactory.create(content=f"<p>{images}</p>", **values)


def test_added_picture_has_owner_department_name_and_size() -> None:
    department = DepartmentFactory.create()
    owner = UserFactory.create(departments=[department])

    picture = pictures.add(owner=owner, name="Our logo.png", data=uploads.picture("PNG"))

    picture.refresh_from_db()
    assert (picture.owner, picture.modified_by, picture.department) == (owner, owner, department)
    assert (picture.name, picture.width, picture.height) == ("Our logo.png", 24, 16)
    assert picture.size_bytes == picture.file.size
    assert (picture.kind, picture.tag) == ("PNG", f"{{% cid_media '{picture.file.name}' %}}")


def test_stored_name_is_random_and_its_ending_by_content() -> None:
    owner = UserFactory.create()

    names = [
        str(pictures.add(owner=owner, name="logo.png", data=uploads.picture("JPEG", size)).file)
        for size in ((10, 10), (11, 11))
    ]

    assert [name.startswith("pics/") and name.endswith(".jpg") for name in names] == [True, True]
    assert all(uuid.UUID(name[5:-4]) for name in names)
    assert len(set(names)) == 2


def test_same_picture_again_is_the_one_there_is() -> None:
    owner = UserFactory.create()
    data = uploads.picture("PNG")

    first = pictures.add(owner=owner, name="a.png", data=data)
    again = pictures.add(owner=owner, name="b.png", data=data)
    others = pictures.add(owner=UserFactory.create(), name="a.png", data=data)

    assert (first == again, first == others) == (True, False)


def test_refused_file_leaves_nothing() -> None:
    before = default_storage.listdir("")

    with pytest.raises(PictureRefused):
        pictures.add(owner=UserFactory.create(), name="a.png", data=uploads.HTML)

    assert (Picture.objects.count(), default_storage.listdir("")) == (0, before)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("logo.png", "logo.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\logo.png", "logo.png"),
        ("a\r\nb\0.png", "ab.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("  two   words .png ", "two words .png"),
        ("..", "picture"),
        ("", "picture"),
        ("x" * 300, "x" * 150),
        ("A\u0308rger.png", "Ärger.png"),
    ],
)
def test_name_is_cleaned(name: str, clean: str) -> None:
    assert pictures.clean_name(name) == clean


def test_no_name_of_the_corpus_stays_a_path() -> None:
    clean = [pictures.clean_name(name) for name in uploads.TRAVERSALS]

    assert len(clean) == 257
    assert [name for name in clean if not 1 <= len(name) <= 150] == []
    assert [name for name in clean if {"/", "\\", "\0", "\r", "\n"} & set(name)] == []


def test_rename_keeps_the_file() -> None:
    picture, by = PictureFactory.create(), UserFactory.create()
    file = picture.file.name

    pictures.rename(picture, name="New/logo.png", by=by)

    picture.refresh_from_db()
    assert (picture.name, picture.modified_by, picture.file.name) == ("logo.png", by, file)


def test_delete_takes_the_files_along(django_capture_on_commit_callbacks) -> None:
    picture = pictures.add(owner=UserFactory.create(), name="a", data=uploads.picture("PNG"))
    names = [str(picture.file), picture.thumbnail_name]
    assert [default_storage.exists(name) for name in names] == [True, True]

    with django_capture_on_commit_callbacks(execute=True):
        pictures.delete(picture)

    assert [default_storage.exists(name) for name in names] == [False, False]


@pytest.mark.parametrize("is_address", [True, False])
def test_picture_in_use_is_kept(is_address: bool) -> None:
    picture = PictureFactory.create(name="logo.png")
    shown = picture.file.url if is_address else picture.tag
    EmlMessageFactory.create(content=f'<img src="{shown}">')
    SignatureFactory.create(content=f'<img src="{shown}">')

    with pytest.raises(pictures.PictureInUse) as refusal:
        pictures.delete(picture)

    assert str(refusal.value) == (
        "“logo.png” is kept: it is shown in 2 messages or signatures. Take it out there first."
    )
    assert Picture.objects.filter(pk=picture.pk).exists()


def test_message_shows_what_its_owner_may_see() -> None:
    department = DepartmentFactory.create()
    owner, colleague = (UserFactory.create(departments=[department]) for _ in range(2))
    mine = PictureFactory.create(owner=owner)
    shared = PictureFactory.create(owner=colleague, department=department)
    foreign = PictureFactory.create()

    shown = pictures.images_of(showing(mine, shared, foreign, owner=owner))

    assert shown.keys() == {f"media:{picture.file.name}" for picture in (mine, shared)}
    assert set(shown.values()) == {red_square()}


def test_message_of_a_superuser_shows_everything() -> None:
    message = showing(PictureFactory.create(), owner=SuperuserFactory.create())

    assert len(pictures.images_of(message)) == 1


def test_every_miss_has_the_same_error() -> None:
    owner = UserFactory.create()
    foreign = PictureFactory.create()
    gone = PictureFactory.create(owner=owner)
    default_storage.delete(str(gone.file))
    default_storage.save("pics/stray.png", ContentFile(red_square()))
    names = [foreign.file.name, gone.file.name, "pics/stray.png", "pics/none.png"]

    problems = [
        versions.problems_of(EmlMessageFactory.create(owner=owner, content=SHOWN.format(name)))
        for name in names
    ]

    assert [[problem.text for problem in each] for each in problems] == [
        [f"The picture “{name}” is missing."] for name in names
    ]


def test_signature_shows_what_its_own_owner_may_see() -> None:
    picture = PictureFactory.create()
    signature = SignatureFactory.create(owner=picture.owner, content=f'<img src="{picture.tag}">')
    message = showing(signature=signature)

    assert len(pictures.images_of(message)) == 1


def test_message_without_pictures_asks_nothing(django_assert_num_queries) -> None:
    message = EmlMessageFactory.create()

    with django_assert_num_queries(0):
        assert pictures.images_of(message) == {}


def test_thumbnail_is_small_and_falls_back_to_the_picture() -> None:
    data = uploads.picture("PNG", (1600, 400))
    picture = pictures.add(owner=UserFactory.create(), name="a", data=data)
    small = Image.open(io.BytesIO(pictures.thumbnail_of(picture) or b""))
    default_storage.delete(picture.thumbnail_name)
    fallback = pictures.thumbnail_of(picture)
    default_storage.delete(str(picture.file))

    assert small.size == (320, 80)
    assert fallback is not None
    assert Image.open(io.BytesIO(fallback)).size == (1600, 400)
    assert pictures.thumbnail_of(picture) is None
