"""The gallery: what is shown to whom, and what may be done."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.test import Client
from django.test.utils import CaptureQueriesContext

from massmail.models import Picture
from tests.factories import PictureFactory
from tests.massmail.cast import Cast

URL = "/massmail/show-uploaded-images/"


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


@pytest.fixture
def picture(cast: Cast) -> Picture:
    return PictureFactory.create(owner=cast.owner, department=cast.department, name="logo.png")


def names(client: Client, **query: str) -> list[str]:
    cards = client.get(URL, query).context["cards"]
    return [card.picture.name for card in cards]


def test_picture_is_shown_with_its_facts(owner: Client, cast: Cast, picture: Picture) -> None:
    cast.message(content=f'<img src="{picture.tag}">')

    text = owner.get(URL).text

    assert f"2 × 2 px · {filesizeformat(picture.size_bytes)} · PNG" in text
    assert "in 1 message" in text
    assert f"{{% cid_media &#x27;{picture.file.name}&#x27; %}}" in text
    assert 'loading="lazy"' in text


def test_gallery_shows_mine_unless_asked(owner: Client, cast: Cast, picture: Picture) -> None:
    PictureFactory.create(owner=cast.colleague, department=cast.department, name="theirs.png")
    PictureFactory.create(owner=cast.stranger, name="foreign.png")

    assert names(owner) == ["logo.png"]
    assert names(owner, whose="all") == ["theirs.png", "logo.png"]


def test_superuser_sees_everybodys(client: Client, cast: Cast, picture: Picture) -> None:
    client.force_login(cast.superuser)

    assert names(client) == ["logo.png"]


def test_search_by_name(owner: Client, cast: Cast, picture: Picture) -> None:
    PictureFactory.create(owner=cast.owner, name="Frühling.png")

    assert names(owner, q="LOGO") == ["logo.png"]
    assert names(owner, q="Früh\0ling") == ["Frühling.png"]
    assert "No picture is called “none”." in owner.get(URL, {"q": "none"}).text


def test_empty_gallery_says_what_to_do(owner: Client) -> None:
    text = owner.get(URL).text

    assert "You have no pictures yet." in text
    assert "Upload the first" in text


def test_number_of_statements_does_not_grow(owner: Client, cast: Cast) -> None:
    counted = []
    for number in (2, 30):
        PictureFactory.create_batch(number, owner=cast.owner, department=cast.department)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert owner.get(URL).status_code == 200
        counted.append(len(queries))

    assert counted[0] == counted[1] <= 15


def test_pages(owner: Client, cast: Cast) -> None:
    PictureFactory.create_batch(25, owner=cast.owner)

    assert (len(names(owner)), len(names(owner, page="2"))) == (24, 1)
    assert len(names(owner, page="nonsense")) == 24


@pytest.mark.parametrize(
    ("given", "number"),
    [("1", 1), ("007", 7), ("", None), ("1);alert(1)//", None), ("-1", None), ("٣", None)],
)
def test_number_of_the_editor_is_a_number(
    owner: Client, picture: Picture, given: str, number: int | None
) -> None:
    response = owner.get(URL, {"CKEditorFuncNum": given})

    assert response.context["editor_function"] == number
    assert ("data-insert=" in response.text) is (number is not None)
    assert "alert(1)" not in response.text


def test_hostile_name_is_text(owner: Client, cast: Cast) -> None:
    name = '"><script>alert(1)</script>'
    PictureFactory.create(owner=cast.owner, name=name)

    text = owner.get(URL, {"q": "<script>"}).text

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_rename(owner: Client, picture: Picture) -> None:
    response = owner.post(f"/massmail/picture/{picture.pk}/rename/?whose=all", {"name": "new.png"})

    picture.refresh_from_db()
    assert picture.name == "new.png"
    assert response.headers["Location"] == f"{URL}?whose=all"


@pytest.mark.parametrize("name", ["", " ", "x" * 151])
def test_rename_needs_a_name(owner: Client, picture: Picture, name: str) -> None:
    response = owner.post(f"/massmail/picture/{picture.pk}/rename/", {"name": name}, follow=True)

    picture.refresh_from_db()
    assert picture.name == "logo.png"
    assert "Write a name of up to 150 characters." in response.text


def test_delete(owner: Client, picture: Picture) -> None:
    response = owner.post(f"/massmail/picture/{picture.pk}/delete/", follow=True)

    assert Picture.objects.count() == 0
    assert "“logo.png” is deleted." in response.text


def test_delete_of_a_picture_in_use_is_refused(owner: Client, cast: Cast, picture: Picture) -> None:
    cast.message(content=f'<img src="{picture.tag}">')

    response = owner.post(f"/massmail/picture/{picture.pk}/delete/", follow=True)

    assert Picture.objects.count() == 1
    assert "“logo.png” is kept: it is shown in 1 message or signature." in response.text


def test_delete_needs_the_permission(owner: Client, cast: Cast, picture: Picture) -> None:
    managers = cast.owner.groups.get(name="managers")
    managers.permissions.remove(Permission.objects.get(codename="delete_picture"))

    assert owner.post(f"/massmail/picture/{picture.pk}/delete/").status_code == 403
    assert Picture.objects.count() == 1


def test_gallery_needs_the_permission(owner: Client, cast: Cast) -> None:
    cast.owner.groups.remove(cast.owner.groups.get(name="managers"))

    assert owner.get(URL).status_code == 403


def test_colleague_is_offered_no_acts(client: Client, cast: Cast, picture: Picture) -> None:
    client.force_login(cast.colleague)

    text = client.get(URL, {"whose": "all"}).text

    assert "logo.png" in text
    assert f"/massmail/picture/{picture.pk}/rename/" not in text
    assert f"/massmail/picture/{picture.pk}/delete/" not in text
