"""Messages in the admin: what cannot be sent is refused, what is used is kept."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from massmail.models import EmlMessage
from tests.factories import SignatureFactory
from tests.massmail.cast import Cast

LIST = "admin:massmail_emlmessage_changelist"
ADD = "admin:massmail_emlmessage_add"
PREFIX = "common-thefile-content_type-object_id"
NO_FILES = {f"{PREFIX}-TOTAL_FORMS": 0, f"{PREFIX}-INITIAL_FORMS": 0}


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def data_for(cast: Cast, **values: object) -> dict[str, object]:
    return {
        "subject": "News",
        "content": "<p>News</p>",
        "owner": cast.owner.pk,
        **NO_FILES,
        **values,
    }


def test_message_is_added(owner: Client, cast: Cast) -> None:
    owner.post(reverse(ADD), data_for(cast, subject="News for {{ first_name }}"))

    message = EmlMessage.objects.get()
    assert (message.subject, message.owner) == ("News for {{ first_name }}", cast.owner)
    assert message.department == cast.department


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"subject": "{{ frist_name }}"}, "subject", "Line 1: There is no variable “frist_name”."),
        (
            {"content": "<p>\n{{ frist_name }}</p>"},
            "content",
            "Line 2: There is no variable “frist_name”.",
        ),
        (
            {"content": "<p>x</p>\n\n<script>alert(1)</script>"},
            "content",
            "Line 3: The element “script” cannot be used in a mail.",
        ),
        (
            {"content": "<img src=\"{% cid_media 'pics/no.png' %}\">"},
            "content",
            "Line 1: The picture “pics/no.png” is missing.",
        ),
    ],
)
def test_problem_stands_on_its_field(
    owner: Client, cast: Cast, values: dict[str, str], field: str, text: str
) -> None:
    response = owner.post(reverse(ADD), data_for(cast, **values))

    assert text in response.context["adminform"].form.errors[field]
    assert not EmlMessage.objects.exists()


def test_attachment_is_saved_with_the_message(owner: Client, cast: Cast) -> None:
    data = data_for(cast) | {
        f"{PREFIX}-TOTAL_FORMS": 1,
        f"{PREFIX}-0-file": SimpleUploadedFile("terms.pdf", b"%PDF-1.4"),
    }

    owner.post(reverse(ADD), data)

    assert [str(file) for file in EmlMessage.objects.get().files.all()] == ["terms.pdf"]


def test_new_message_begins_with_the_default_signature(owner: Client, cast: Cast) -> None:
    signature = SignatureFactory.create(owner=cast.owner, default=True)

    form = owner.get(reverse(ADD)).context["adminform"].form

    assert form.initial["signature"] == signature.pk


def test_signatures_of_strangers_are_not_offered(owner: Client, cast: Cast) -> None:
    SignatureFactory.create(owner=cast.stranger)

    assert not owner.get(reverse(ADD)).context["adminform"].form.fields["signature"].queryset


def test_message_in_use_is_kept_with_a_word_about_it(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)
    assert draft.message is not None
    url = reverse("admin:massmail_emlmessage_delete", args=[draft.message.pk])

    response = owner.post(url, {"post": "yes"}, follow=True)

    assert "A mailing out uses this message: “Spring offer”. It is kept." in response.text
    assert EmlMessage.objects.exists()


def test_message_that_nothing_uses_can_be_deleted(owner: Client, cast: Cast) -> None:
    message = cast.message()

    owner.post(reverse("admin:massmail_emlmessage_delete", args=[message.pk]), {"post": "yes"})

    assert not EmlMessage.objects.exists()


def test_colleague_reads(client: Client, cast: Cast) -> None:
    message = cast.message()
    client.force_login(cast.colleague)
    url = reverse("admin:massmail_emlmessage_change", args=[message.pk])

    shown, changed = client.get(url), client.post(url, data_for(cast))

    assert (shown.status_code, changed.status_code) == (200, 403)
    assert 'name="subject"' not in shown.text


@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_strangers_find_nothing(client: Client, cast: Cast, page: str) -> None:
    message = cast.message()
    client.force_login(cast.stranger)

    url = reverse(f"admin:massmail_emlmessage_{page}", args=[message.pk])

    assert client.get(url).status_code == 404


def test_list_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    counts = []
    for number in (2, 18):
        for _ in range(number):
            cast.message()
        owner.get(reverse(LIST))
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse(LIST))
        counts.append(len(queries))

    assert counts[0] == counts[1]
