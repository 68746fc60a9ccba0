"""Previews of signatures."""

import pytest
from django.test import Client
from django.urls import reverse

from massmail.views.framed import POLICY
from tests.factories import SignatureFactory
from tests.massmail.cast import Cast


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def test_signature_preview(owner: Client, cast: Cast) -> None:
    signature = cast.message().owner.massmail_signature_owner_related.create(
        name="mine", content="<p>Kind regards, {{ full_name }}</p>"
    )

    response = owner.get(reverse("signature_preview"), {"signature": signature.pk})

    assert "Kind regards" in response.text


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
