"""Previews: built by the builder, shown in a sandbox, never a server error."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from crm.models import Contact
from massmail.models import EmlMessage
from massmail.views.framed import POLICY
from tests.factories import ContactFactory, PictureFactory, SignatureFactory, UserFactory
from tests.massmail.cast import Cast
from tests.massmail.content.hostile import HOSTILE_HTML, active_content


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


def test_preview_is_of_the_chosen_person(owner: Client, cast: Cast) -> None:
    _first, second = cast.contacts(2)
    message = cast.message(content="<p>Dear {{ last_name }},</p>")

    response = owner.get(
        reverse("message_preview", args=[message.pk]), {"person": f"crm.contact:{second.pk}"}
    )

    assert f"Dear {escape(second.last_name)}," in response.text


@pytest.mark.parametrize(
    "chosen", ["", "x", "crm.contact:x", "crm.contact:99", "auth.user:1", "crm.contact:" + "9" * 99]
)
def test_person_who_cannot_be_shown_is_another(owner: Client, cast: Cast, chosen: str) -> None:
    cast.contacts(1, first_name="Zoë")
    message = cast.message(content="<p>Dear {{ first_name }},</p>")

    response = owner.get(reverse("message_preview", args=[message.pk]), {"person": chosen})

    assert "Dear Zoë," in response.text


def test_person_of_a_stranger_is_not_shown(owner: Client, cast: Cast) -> None:
    foreign = ContactFactory.create(owner=cast.stranger, first_name="Secret")
    message = cast.message(content="<p>Dear {{ first_name }},</p>")

    response = owner.get(
        reverse("message_preview", args=[message.pk]), {"person": f"crm.contact:{foreign.pk}"}
    )

    assert "Secret" not in response.text


def test_sender_is_the_owners_account(client: Client, cast: Cast) -> None:
    cast.account(from_email="Sales of Acme <sales@example.org>")
    message = cast.message(content="<p>{{ sender_name }}</p>")
    client.force_login(cast.colleague)

    response = client.get(reverse("message_preview", args=[message.pk]))

    assert "<p>Sales of Acme</p>" in response.text


# --- what is typed

DRAFT = "message_draft_preview"


def test_draft_is_built_as_a_mail(owner: Client, cast: Cast) -> None:
    cast.contacts(1, first_name="Zoë", last_name="O'Neil", sex="F")
    cast.account(from_email="Ann <a@example.org>")
    signature = SignatureFactory.create(owner=cast.owner, content="<p>Yours, {{ sender_name }}</p>")
    data = {
        "subject": "News for {{ first_name }}",
        "content": "<p class='big'>{{ salutation }},</p>",
        "styles": ".big { color: red }",
        "signature": signature.pk,
    }

    answer = owner.post(reverse(DRAFT), data).json()

    assert (answer["problems"], answer["subject"]) == ([], "News for Zoë")
    assert "color: red" in answer["html"]
    assert "Dear Ms O&#x27;Neil," in answer["html"]
    assert answer["text"].startswith("Dear Ms O'Neil,\n\nYours, Ann\n")
    assert answer["size"] > len(answer["source"])
    assert EmlMessage.objects.count() == 0


def test_draft_shows_the_pictures_of_the_user_alone(owner: Client, cast: Cast) -> None:
    own, foreign = (PictureFactory.create(owner=user) for user in (cast.owner, cast.stranger))
    data = [
        {"subject": "x", "content": f'<img alt="" src="{{% cid_media \'{each.file.name}\' %}}">'}
        for each in (own, foreign)
    ]

    shown, refused = (owner.post(reverse(DRAFT), each).json() for each in data)

    assert 'src="data:image/' in shown["html"]
    assert "is missing" in refused["problems"][0]["text"]


def test_draft_with_problems_names_field_and_line(owner: Client, cast: Cast) -> None:
    data = {"subject": "{{ nmae }}", "content": "<p>a</p>\n<script>x</script>"}

    answer = owner.post(reverse(DRAFT), data).json()

    assert answer == {
        "problems": [
            {"field": "subject", "line": 1, "text": "Line 1: There is no variable “nmae”."},
            {
                "field": "content",
                "line": 2,
                "text": "Line 2: The element “script” cannot be used in a mail.",
            },
        ]
    }


@pytest.mark.parametrize("content", HOSTILE_HTML)
def test_hostile_draft_has_problems_or_is_harmless(owner: Client, cast: Cast, content: str) -> None:
    answer = owner.post(reverse(DRAFT), {"subject": "x", "content": content}).json()

    assert answer["problems"] or active_content(without_head(answer["html"])) == []


def without_head(html: str) -> str:
    """The body: the head is the layout's own, with its metadata and styles."""
    return html.partition("<body")[2]


def test_signature_of_a_stranger_is_not_read(owner: Client, cast: Cast) -> None:
    foreign = SignatureFactory.create(owner=cast.stranger, content="<p>Secret</p>")
    data = {"subject": "x", "content": "<p>y</p>", "signature": foreign.pk}

    answer = owner.post(reverse(DRAFT), data).json()

    assert "Secret" not in answer["html"]


def test_nothing_typed_is_no_error(owner: Client, cast: Cast) -> None:
    assert owner.post(reverse(DRAFT)).json()["problems"] == []


def test_value_of_a_person_that_cannot_be_built_is_a_problem(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.contacts(1)
    monkeypatch.setattr(Contact, "get_variables", lambda _contact: {"first_name": "x" * 10_001})
    data = {"subject": "x", "content": "<p>{{ first_name }}</p>"}

    answer = owner.post(reverse(DRAFT), data).json()

    text = "A variable has a value that is too long."
    assert answer == {"problems": [{"field": "", "line": 0, "text": text}]}


def test_draft_is_posted_by_those_who_write_messages(client: Client, cast: Cast) -> None:
    answers = []
    for user in (cast.owner, UserFactory.create()):
        client.force_login(user)
        answers += [client.get(reverse(DRAFT)).status_code, client.post(reverse(DRAFT)).status_code]

    assert answers == [405, 200, 405, 403]


def test_preview_for_a_user_without_people(owner: Client, cast: Cast) -> None:
    response = owner.get(reverse("message_preview", args=[cast.message().pk]))

    assert response.status_code == 200
