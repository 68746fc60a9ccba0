"""Uploading: from the page and from the editor, with sentences for what is refused."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from massmail.models import Picture
from tests.massmail.cast import Cast
from tests.massmail.content import uploads

URL = "/massmail/pic-upload/"


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def upload(data: bytes, name: str = "logo.png") -> dict[str, SimpleUploadedFile]:
    return {"upload": SimpleUploadedFile(name, data)}


def test_page_has_a_form(owner: Client) -> None:
    response = owner.get(URL)

    assert response.status_code == 200
    assert 'enctype="multipart/form-data"' in response.text
    assert 'accept="image/png,image/jpeg,image/gif,image/webp"' in response.text


def test_upload_leads_to_the_gallery(owner: Client, cast: Cast) -> None:
    response = owner.post(URL, upload(uploads.picture("PNG")), follow=True)

    picture = Picture.objects.get()
    assert response.redirect_chain == [(reverse("show_uploaded_images"), 302)]
    assert "“logo.png” is in the gallery." in response.text
    assert (picture.owner, picture.department) == (cast.owner, cast.department)


def test_editor_gets_the_address(owner: Client) -> None:
    data = upload(uploads.picture("PNG")) | {"ckCsrfToken": "x"}

    response = owner.post(URL, data)

    picture = Picture.objects.get()
    assert response.json() == {
        "uploaded": 1,
        "fileName": "logo.png",
        "url": f"/media/{picture.file.name}",
    }
    assert owner.get(response.json()["url"]).status_code == 200


def test_editor_gets_the_reason(owner: Client) -> None:
    response = owner.post(f"{URL}?responseType=json", upload(uploads.HTML))

    assert (response.status_code, response.json()) == (
        200,
        {
            "uploaded": 0,
            "error": {
                "message": "This is no picture that mail programs show. "
                "Choose a PNG, JPEG, GIF or WebP file."
            },
        },
    )


def test_editor_that_opens_the_page_keeps_its_number(owner: Client) -> None:
    response = owner.post(f"{URL}?CKEditorFuncNum=3", upload(uploads.picture("PNG")))

    assert response.headers["Location"] == "/massmail/show-uploaded-images/?CKEditorFuncNum=3"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Choose a file first."),
        (upload(b""), "The file is empty."),
        (upload(bytes(11 * 1024 * 1024)), "a picture may have 10.0\xa0MB"),
        (upload(uploads.SVG, "logo.svg"), "This is no picture that mail programs show."),
        (upload(uploads.BOMBS["png cut at 50 %"]()), "The file is damaged"),
        (upload(uploads.BOMBS["png of 50,000 × 50,000"]()), "The picture has too many pixels."),
        (upload(uploads.picture("PNG"), "x" * 300 + ".png"), "at most 250 characters"),
        ({"upload": "no file"}, "Choose a file first."),
    ],
)
def test_refused_file_is_explained(owner: Client, data: dict, sentence: str) -> None:
    response = owner.post(URL, data)

    assert response.status_code == 400
    assert sentence in response.text
    assert Picture.objects.count() == 0


@pytest.mark.parametrize("name", [name for name in uploads.TRAVERSALS[::15] if name[-1:].isalnum()])
def test_name_of_the_file_writes_nowhere_else(owner: Client, name: str) -> None:
    owner.post(URL, upload(uploads.picture("PNG"), name))

    stored = {str(picture.file)[:5] for picture in Picture.objects.all()}
    assert stored <= {"pics/"}


def test_upload_needs_the_permission(owner: Client, cast: Cast) -> None:
    managers = cast.owner.groups.get(name="managers")
    managers.permissions.remove(Permission.objects.get(codename="add_picture"))

    answers = [owner.get(URL).status_code, owner.post(URL).status_code]

    assert answers == [403, 403]


def test_upload_without_token_is_refused(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)

    response = client.post(f"{URL}?responseType=json", upload(uploads.picture("PNG")))

    assert (response.status_code, Picture.objects.count()) == (403, 0)


def test_other_methods_are_refused(owner: Client) -> None:
    assert owner.put(URL).status_code == 405
