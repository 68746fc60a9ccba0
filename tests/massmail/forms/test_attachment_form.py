"""Attachments as the message's page takes them."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from common.models import TheFile
from massmail.content import attachments
from massmail.models import EmlMessage
from tests.massmail.cast import Cast, make_cast

PREFIX = "common-thefile-content_type-object_id"


@pytest.fixture
def cast(db) -> Cast:
    return make_cast()


@pytest.fixture
def message(cast: Cast) -> EmlMessage:
    """A message with one attachment of 5 bytes."""
    message = cast.message()
    TheFile.objects.create(content_object=message, file=ContentFile(b"12345", name="old.pdf"))
    return message


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def save(client: Client, message: EmlMessage, *new: SimpleUploadedFile, **values: object):
    row = message.files.get()
    data = {
        "subject": message.subject,
        "content": message.content,
        "owner": message.owner_id,
        f"{PREFIX}-TOTAL_FORMS": 1 + len(new),
        f"{PREFIX}-INITIAL_FORMS": 1,
        f"{PREFIX}-0-id": row.pk,
        **{f"{PREFIX}-{number}-file": file for number, file in enumerate(new, start=1)},
        **values,
    }
    return client.post(reverse("admin:massmail_emlmessage_change", args=[message.pk]), data)


def test_ordinary_file_is_attached(owner: Client, message: EmlMessage) -> None:
    response = save(owner, message, SimpleUploadedFile("new.pdf", b"67890"))

    assert response.status_code == 302
    assert sorted(str(row) for row in message.files.all()) == ["new.pdf", "old.pdf"]


@pytest.mark.parametrize("name", ["run.exe", "a.JS", "b.pdf.bat"])
def test_program_is_refused(owner: Client, message: EmlMessage, name: str) -> None:
    response = save(owner, message, SimpleUploadedFile(name, b"x"))

    assert response.status_code == 200
    assert f"“{name}” is a program: mail providers refuse it." in response.text
    assert message.files.count() == 1


def test_sum_is_limited(
    owner: Client, message: EmlMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MAX_SUM_BYTES", 9)

    response = save(owner, message, SimpleUploadedFile("new.pdf", b"67890"))

    assert response.status_code == 200
    assert "The attachments have 10\xa0bytes together" in response.text
    assert message.files.count() == 1


def test_replacing_counts_the_new_one_alone(
    owner: Client, message: EmlMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MAX_SUM_BYTES", 9)

    file = SimpleUploadedFile("new.pdf", b"67890")
    response = save(owner, message, file, **{f"{PREFIX}-0-DELETE": "on"})

    assert response.status_code == 302
    assert [str(row) for row in message.files.all()] == ["new.pdf"]


def test_file_that_is_gone_can_be_removed(owner: Client, message: EmlMessage) -> None:
    row = message.files.get()
    row.file.storage.delete(str(row.file))
    url = reverse("admin:massmail_emlmessage_change", args=[message.pk])

    assert owner.get(url).status_code == 200
    response = save(owner, message, **{f"{PREFIX}-0-DELETE": "on"})

    assert (response.status_code, message.files.count()) == (302, 0)


def test_draft_with_a_file_that_is_gone_says_so_on_its_page(owner: Client, cast: Cast) -> None:
    cast.account()
    draft = cast.draft()
    assert draft.message is not None
    row = TheFile.objects.create(
        content_object=draft.message, file=ContentFile(b"1", name="old.pdf")
    )
    row.file.storage.delete(str(row.file))
    pages = [
        reverse("admin:massmail_mailingout_change", args=[draft.pk]),
        reverse("message_preview", args=[draft.message.pk]),
        reverse("delivery_mail", args=[draft.deliveries.all()[0].pk]),
    ]

    answers = [owner.get(page) for page in pages]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    sentence = "The file “old.pdf” is missing. Attach it again, or remove it."
    assert [sentence in answer.text for answer in answers] == [True, True, True]
