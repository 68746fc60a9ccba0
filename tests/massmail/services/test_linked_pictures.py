"""Embedded or linked: decided at the start, and carried to the mail that arrives."""

import email
import re
from email.policy import default

import pytest
from django.test import Client

from massmail.models import MailingOut, mailing_out
from massmail.services import campaign, versions
from tests.factories import PictureFactory, red_square
from tests.massmail import campaigns
from tests.massmail.cast import Cast, make_cast

Pictures = MailingOut.Pictures


@pytest.fixture
def cast(db) -> Cast:
    return make_cast()


def draft(cast: Cast, account: dict[str, int] | None = None, **values: str) -> MailingOut:
    """A draft to three people, whose message shows a picture."""
    cast.account(**(account or {}))
    picture = PictureFactory.create(owner=cast.owner)
    found = cast.draft(message=cast.message(content=f'<img alt="" src="{picture.tag}">'))
    MailingOut.objects.filter(pk=found.pk).update(**values)
    found.refresh_from_db()
    return found


@pytest.mark.parametrize(
    ("pictures", "people", "is_linked"),
    [
        (Pictures.AUTOMATIC, 3, False),
        (Pictures.AUTOMATIC, 2, True),
        (Pictures.EMBEDDED, 2, False),
        (Pictures.LINKED, 3, True),
    ],
)
def test_start_decides(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, pictures: str, people: int, is_linked: bool
) -> None:
    """Three people, and pictures that are embedded up to `people`."""
    monkeypatch.setattr(mailing_out, "EMBEDDED_UP_TO_PEOPLE", people)
    found = draft(cast, pictures=pictures)
    before = found.links_pictures

    campaign.start(found)

    assert found.message_version is not None
    assert (before, found.message_version.links_pictures, found.links_pictures) == (
        is_linked,
        is_linked,
        is_linked,
    )


def test_what_was_started_stays_as_it_is(cast: Cast) -> None:
    found = draft(cast, pictures=Pictures.LINKED)
    campaign.start(found)

    MailingOut.objects.filter(pk=found.pk).update(pictures=Pictures.EMBEDDED)
    found.refresh_from_db()

    assert found.links_pictures


def test_new_version_links_pictures_that_the_first_did_not_have(cast: Cast) -> None:
    cast.account()
    found = cast.draft()
    MailingOut.objects.filter(pk=found.pk).update(pictures=Pictures.LINKED)
    found.refresh_from_db()
    campaign.start(found)
    assert found.message is not None
    picture = PictureFactory.create(owner=cast.owner)
    found.message.content = f'<img alt="" src="{picture.tag}">'
    found.message.save()

    campaign.use_new_version(found)

    assert found.message_version is not None
    assert found.message_version.links_pictures


def test_linked_picture_arrives_as_an_address_that_works(
    transactional_db: None, client: Client
) -> None:
    cast = make_cast()
    with campaigns.serving() as server:
        found = draft(cast, {"email_port": server.port}, pictures=Pictures.LINKED)
        campaign.start(found)
        campaigns.run()
        (mail, *_others) = server.mails
    html = email.message_from_bytes(mail.data, policy=default).get_body(("html",))
    assert html is not None
    (path,) = re.findall(r'src="https://mail\.example\.com(/[^"]*)"', html.get_content())
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, red_square())


def test_card_says_how_the_pictures_travel(client: Client, cast: Cast) -> None:
    found = draft(cast, pictures=Pictures.LINKED)
    client.force_login(cast.owner)
    url = f"/admin/massmail/mailingout/{found.pk}/change/"

    linked = client.get(url).text
    MailingOut.objects.filter(pk=found.pk).update(pictures=Pictures.EMBEDDED)
    embedded = client.get(url).text

    assert "a mail, pictures linked:" in linked
    assert "a mail, pictures inside." in embedded


def test_preview_shows_linked_pictures_too(client: Client, cast: Cast) -> None:
    found = draft(cast, pictures=Pictures.LINKED)
    client.force_login(cast.owner)
    row = found.deliveries.first()
    assert row is not None

    before = client.get(f"/massmail/delivery/{row.pk}/mail/").text
    campaign.start(found)
    after = client.get(f"/massmail/delivery/{row.pk}/mail/").text

    assert ['src="data:image/png;base64,' in text for text in (before, after)] == [True, True]


def test_compiled_version_carries_no_picture(cast: Cast) -> None:
    found = draft(cast, pictures=Pictures.LINKED)
    campaign.start(found)
    assert found.message_version_id is not None

    compiled = versions.compiled(found.message_version_id)

    assert b"image/png" not in compiled.skeleton.tail
