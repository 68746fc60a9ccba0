"""Suppressions: staff lift bounces and what they wrote, with a note; people the rest."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from massmail.models import Suppression
from tests.massmail.cast import Cast

KINDS = Suppression.Kind.values


@pytest.fixture
def root(client: Client, cast: Cast) -> Client:
    client.force_login(cast.superuser)
    return client


def suppressed(kind: str = "bounced") -> Suppression:
    return Suppression.objects.create(address_key="a@example.com", kind=kind)


def page(suppression: Suppression, name: str = "delete") -> str:
    return reverse(f"admin:massmail_suppression_{name}", args=[suppression.pk])


@pytest.mark.parametrize(
    ("kind", "status"),
    [("unsubscribed", 403), ("complained", 403), ("bounced", 302), ("manual", 302)],
)
def test_nobody_lifts_what_people_decided(root: Client, kind: str, status: int) -> None:
    row = suppressed(kind)

    response = root.post(page(row), {"post": "yes", "note": "They wrote from there."})

    assert response.status_code == status
    assert Suppression.objects.exists() is (status == 403)


def test_note_is_kept_with_the_name(root: Client, cast: Cast) -> None:
    root.post(page(suppressed()), {"post": "yes", "note": " The box works again. "})

    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (cast.superuser, "The box works again.")
    assert entry.object_repr == "a@example.com (bounced)"


@pytest.mark.parametrize("note", ["", "  "])
def test_without_a_note_nothing_is_lifted(root: Client, note: str) -> None:
    row = suppressed()

    response = root.post(page(row), {"post": "yes", "note": note})

    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert (response.headers["Location"], said) == (
        page(row),
        ["Write why mail may go to this address again."],
    )
    assert Suppression.objects.exists()


def test_page_asks_for_the_note(root: Client) -> None:
    response = root.get(page(suppressed()))

    assert 'name="note"' in response.text
    assert "a@example.com is not written to: bounced" in " ".join(response.text.split())


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_changed_without_a_note(root: Client, kind: str) -> None:
    row = suppressed(kind)

    response = root.post(page(row, "change"), {"address_key": "b@example.com", "kind": "manual"})

    row.refresh_from_db()
    assert (response.status_code, row.address_key) == (403, "a@example.com")
