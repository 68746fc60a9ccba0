"""One delivery: who, what happened when, and the mail."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from massmail.models import Delivery, DeliveryAttempt
from tests.massmail.cast import Cast


@pytest.fixture
def row(cast: Cast) -> Delivery:
    """A delivery whose account had to rest once."""
    mailing_out = cast.started(number=1)
    row = mailing_out.deliveries.select_related("email_account").get()
    DeliveryAttempt.objects.create(
        delivery=row,
        mailing_out=mailing_out,
        at=timezone.now(),
        email_account=row.email_account,
        outcome="cooling",
        why="throttled",
        reply="421 slow down",
        number=1,
    )
    return row


def test_timeline_says_it_in_words_and_verbatim(client: Client, cast: Cast, row: Delivery) -> None:
    client.force_login(cast.owner)
    text = client.get(reverse("delivery", args=[row.pk])).text
    assert "The server asked for fewer mails." in text
    assert "421 slow down" in text


def test_person_and_account_are_a_click_away(client: Client, cast: Cast, row: Delivery) -> None:
    client.force_login(cast.owner)
    text = client.get(reverse("delivery", args=[row.pk])).text
    assert reverse("admin:crm_contact_change", args=[row.recipient_id]) in text
    assert reverse("admin:massmail_emailaccount_change", args=[row.email_account_id]) in text


def test_who_may_not_open_the_account_has_no_link(
    client: Client, cast: Cast, row: Delivery
) -> None:
    assert row.email_account is not None
    type(row.email_account).objects.update(department=None)
    client.force_login(cast.colleague)
    text = client.get(reverse("delivery", args=[row.pk])).text
    assert reverse("admin:massmail_emailaccount_change", args=[row.email_account_id]) not in text
