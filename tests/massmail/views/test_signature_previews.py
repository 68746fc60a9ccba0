"""Previews of signatures."""

import pytest
from django.test import Client
from django.urls import reverse

from massmail.models import Signature
from massmail.views.framed import POLICY
from tests.factories import SignatureFactory, UserFactory
from tests.massmail.cast import Cast


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def test_signature_preview(owner: Client, cast: Cast) -> None:
    signature = cast.message().owner.massmail_signature_owner_related.create(
        name="mine", content="<p>Kind regards, {{ full_name }}</p>"
    )

    responses = [
        owner.get(reverse(name), {"signature": signature.pk})
        for name in ("signature_preview", "reload_field")
    ]

    assert ["Kind regards" in response.text for response in responses] == [True, True]


@pytest.mark.parametrize("query", [{}, {"signature": "x"}, {"signature": "99"}])
def test_signature_preview_of_none_is_not_found(owner: Client, query: dict[str, str]) -> None:
    assert owner.get(reverse("signature_preview"), query).status_code == 404


def test_plain_text_stays_text_and_nothing_runs(owner: Client, cast: Cast) -> None:
    signature = SignatureFactory.create(
        owner=cast.owner, type="Plain text", content="<b>Zoë</b>\nLantern"
    )

    response = owner.get(reverse("signature_preview"), {"signature": signature.pk})

    assert "&lt;b&gt;Zoë&lt;/b&gt;" in response.text
    assert response.headers["Content-Security-Policy"] == POLICY


def test_stranger_finds_nothing(client: Client, cast: Cast) -> None:
    signature = SignatureFactory.create(owner=cast.owner, department=cast.department)
    client.force_login(cast.stranger)

    response = client.get(reverse("signature_preview"), {"signature": signature.pk})

    assert response.status_code == 404


# --- what is typed

DRAFT = "signature_draft_preview"


def test_draft_of_a_signature_is_built_as_the_end_of_a_mail(owner: Client, cast: Cast) -> None:
    answer = owner.post(reverse(DRAFT), {"type": "HTML", "content": "<p>Regards</p>"}).json()

    assert answer["problems"] == []
    assert "<p>Regards</p>" in answer["html"]
    assert Signature.objects.count() == 0


def test_draft_in_plain_text_shows_as_plain(owner: Client, cast: Cast) -> None:
    data = {"type": "Plain text", "content": "<b>Zoë</b>\nLantern"}

    answer = owner.post(reverse(DRAFT), data).json()

    assert "&lt;b&gt;Zoë&lt;/b&gt;" in answer["html"]
    assert "<b>Zoë</b>\nLantern" in answer["text"]


def test_problem_of_a_signature_stands_on_its_content(owner: Client, cast: Cast) -> None:
    answer = owner.post(reverse(DRAFT), {"type": "HTML", "content": "a\n{{ nmae }}"}).json()

    assert answer["problems"] == [
        {"field": "content", "line": 2, "text": "Line 2: There is no variable “nmae”."}
    ]


def test_draft_is_posted_by_those_who_write_signatures(client: Client, cast: Cast) -> None:
    answers = []
    for user in (cast.owner, UserFactory.create()):
        client.force_login(user)
        answers += [client.get(reverse(DRAFT)).status_code, client.post(reverse(DRAFT)).status_code]

    assert answers == [405, 200, 405, 403]
