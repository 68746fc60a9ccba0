"""Previews: built by the builder, shown in a sandbox, never a server error."""

import pytest
from django.test import Client
from django.urls import reverse

from massmail.views.framed import POLICY
from tests.factories import PictureFactory
from tests.massmail.cast import Cast


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def test_preview_is_filled_with_one_of_the_users_people(owner: Client, cast: Cast) -> None:
    cast.contacts(1, first_name="Zoë")
    message = cast.message(content="<p>Dear {{ first_name }},</p>")

    response = owner.get(reverse("message_preview", args=[message.pk]))

    assert "Dear Zoë," in response.text


def test_preview_may_be_framed_by_us_alone_and_runs_nothing(owner: Client, cast: Cast) -> None:
    response = owner.get(reverse("message_preview", args=[cast.message().pk]))

    assert response.headers["Content-Security-Policy"] == POLICY
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_other_pages_may_not_be_framed(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)

    response = owner.get(reverse("mailing_out_people", args=[draft.pk]))

    assert response.headers["X-Frame-Options"] == "DENY"


def test_preview_of_the_text_is_text(owner: Client, cast: Cast) -> None:
    response = owner.get(reverse("message_preview", args=[cast.message().pk]), {"part": "text"})

    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "here are our news." in response.text


@pytest.mark.parametrize(
    "content",
    [
        "{% if %}",
        "{{ first_name|nothing }}",
        "<script>alert(1)</script>",
        "{% load os %}",
        "<img src=\"{% cid_media 'pics/missing.png' %}\">",
    ],
)
def test_preview_of_a_broken_message_says_what_is_wrong(
    owner: Client, cast: Cast, content: str
) -> None:
    response = owner.get(reverse("message_preview", args=[cast.message(content=content).pk]))

    assert response.status_code == 200
    assert "<h1>No preview</h1>" in response.text
    assert "alert(1)" not in response.text


def test_preview_shows_pictures_from_the_mail_itself(owner: Client, cast: Cast) -> None:
    picture = PictureFactory.create(owner=cast.owner)
    message = cast.message(content=f'<img src="{picture.tag}" alt="red">')

    response = owner.get(reverse("message_preview", args=[message.pk]))

    assert 'src="data:image/png;base64,' in response.text
    assert "cid:" not in response.text


def test_preview_for_a_user_without_people(owner: Client, cast: Cast) -> None:
    response = owner.get(reverse("message_preview", args=[cast.message().pk]))

    assert response.status_code == 200
