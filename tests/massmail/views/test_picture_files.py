"""Pictures as files: whom they are served, and with which headers."""

import uuid

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from massmail.models import Picture, VersionFile
from massmail.services import versions
from tests.factories import PictureFactory, red_square
from tests.massmail.cast import Cast
from tests.massmail.content import uploads

POLICY = "sandbox; default-src 'none'"


@pytest.fixture
def picture(cast: Cast) -> Picture:
    return PictureFactory.create(
        owner=cast.owner, department=cast.department, name='Ä "logo"\n.png'
    )


@pytest.fixture
def linked(cast: Cast, picture: Picture) -> VersionFile:
    """The picture in a version that links it; the gallery has lost it since."""
    message = cast.message(content=f'<img src="{picture.tag}">')
    version = versions.freeze(message, links_pictures=True)
    message.content = ""
    message.save()
    default_storage.delete(str(picture.file))
    picture.delete()
    return version.files.get()


def address(file: VersionFile) -> str:
    return f"/pictures/{file.public_id}.png"


@pytest.mark.parametrize(
    ("who", "status"), [("superuser", 200), ("owner", 200), ("colleague", 200), ("stranger", 404)]
)
def test_gallery_file_is_for_those_who_may_see_it(
    client: Client, cast: Cast, picture: Picture, who: str, status: int
) -> None:
    client.force_login(getattr(cast, who))
    urls = [picture.file.url, f"/massmail/picture/{picture.pk}/thumbnail/"]

    assert [client.get(url).status_code for url in urls] == [status, status]


def test_gallery_file_runs_nothing(client: Client, cast: Cast, picture: Picture) -> None:
    client.force_login(cast.owner)

    response = client.get(picture.file.url)

    assert response.content == red_square()
    assert {
        name: response.headers[name]
        for name in (
            "Content-Type",
            "Content-Security-Policy",
            "X-Content-Type-Options",
            "Cache-Control",
            "Content-Disposition",
        )
    } == {
        "Content-Type": "image/png",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=3600",
        "Content-Disposition": "inline; filename*=UTF-8''%C3%84%20%22logo%22%0A.png",
    }


def test_gallery_file_asks_for_a_login(client: Client, picture: Picture) -> None:
    response = client.get(picture.file.url)

    assert (response.status_code, response.headers["Location"]) == (
        302,
        f"/admin/login/?next={picture.file.url}",
    )


def test_gallery_file_needs_the_permission(client: Client, cast: Cast, picture: Picture) -> None:
    cast.owner.groups.remove(cast.owner.groups.get(name="managers"))
    client.force_login(cast.owner)

    assert client.get(picture.file.url).status_code == 403


def test_gallery_file_that_is_gone_is_not_found(
    client: Client, cast: Cast, picture: Picture
) -> None:
    default_storage.delete(str(picture.file))
    client.force_login(cast.owner)

    assert client.get(picture.file.url).status_code == 404


def test_no_name_of_the_corpus_leads_out_of_the_gallery(client: Client, cast: Cast) -> None:
    client.force_login(cast.superuser)
    paths = [path for name in uploads.TRAVERSALS for path in (name, f"pics/{name}")]

    answers = [client.get(f"/media/{path}").status_code for path in paths]

    assert answers == [404] * 514


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_files_are_only_read(
    client: Client, cast: Cast, picture: Picture, linked: VersionFile, method: str
) -> None:
    client.force_login(cast.owner)

    urls = [picture.file.url, address(linked)]

    assert [getattr(client, method)(url).status_code for url in urls] == [405, 405]


# --- linked pictures


def test_linked_picture_is_for_everybody_and_for_ever(client: Client, linked: VersionFile) -> None:
    response = client.get(address(linked))

    assert (response.status_code, response.content) == (200, red_square())
    assert {
        name: response.headers.get(name)
        for name in (
            "Content-Type",
            "Content-Security-Policy",
            "X-Content-Type-Options",
            "Cache-Control",
            "Cross-Origin-Resource-Policy",
            "Vary",
            "Content-Language",
        )
    } == {
        "Content-Type": "image/png",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "public, max-age=31536000, immutable",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": None,
        "Content-Language": None,
    }


def test_linked_picture_sets_no_cookie_though_somebody_is_logged_in(
    client: Client, cast: Cast, linked: VersionFile
) -> None:
    client.force_login(cast.owner)

    response = client.get(address(linked))

    assert (response.status_code, list(response.cookies)) == (200, [])


def test_linked_picture_is_confirmed_without_its_bytes(client: Client, linked: VersionFile) -> None:
    etag = client.get(address(linked)).headers["ETag"]

    response = client.get(address(linked), headers={"If-None-Match": etag})

    assert (response.status_code, response.content) == (304, b"")
    assert client.get(address(linked), headers={"If-None-Match": '"x"'}).status_code == 200


def test_linked_picture_answers_head(client: Client, linked: VersionFile) -> None:
    response = client.head(address(linked))

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == str(len(red_square()))


def test_linked_picture_takes_two_statements(
    client: Client, linked: VersionFile, django_assert_num_queries
) -> None:
    with django_assert_num_queries(2):
        client.get(address(linked))


def test_every_wrong_address_is_answered_alike(client: Client, linked: VersionFile) -> None:
    wrong = [
        f"/pictures/{uuid.uuid4()}.png",
        f"/pictures/{linked.public_id}.jpg",
        f"/pictures/{linked.public_id}.html",
        f"/pictures/{uuid.UUID(int=0)}.png",
    ]

    answers = [client.get(url) for url in wrong]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_embedded_version_has_no_address(cast: Cast, picture: Picture) -> None:
    version = versions.freeze(cast.message(content=f'<img src="{picture.tag}">'))

    assert version.files.get().public_id is None
