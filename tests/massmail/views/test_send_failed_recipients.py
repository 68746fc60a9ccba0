"""Failed mails are tried again: which of them, by whom, and when not."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from massmail.models import Delivery, FailReason, MailingOut
from massmail.services import audience
from tests.massmail.cast import Cast
from tests.massmail.views.test_campaign_acts import post


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


@pytest.fixture
def failed(cast: Cast) -> MailingOut:
    """Return a mailing out that is done: two addresses refused, one given up, one sent."""
    mailing_out = cast.started(number=4)
    rows = list(mailing_out.deliveries.order_by("pk"))
    reasons = (FailReason.ADDRESS, FailReason.ADDRESS, FailReason.TEMPORARY)
    for row, reason in zip(rows, reasons, strict=False):
        Delivery.objects.filter(pk=row.pk).update(status="failed", reason=reason, attempts=6)
    Delivery.objects.filter(pk=rows[-1].pk).update(status="sent")
    audience.recount(mailing_out)
    MailingOut.objects.update(status=MailingOut.Status.DONE)
    return mailing_out


def retry(client: Client, mailing_out: MailingOut, **data: object) -> list[str]:
    return post(client, "send_failed_recipients", mailing_out, **data)


@pytest.mark.parametrize(
    ("data", "number"),
    [
        ({}, 3),
        ({"which": "all"}, 3),
        ({"which": "given-up"}, 1),
        ({"which": "listed", "state": "failed", "reason": "address"}, 2),
        ({"which": "listed", "state": "failed", "q": "no such person"}, 0),
        ({"which": "listed", "state": "sent"}, 0),
    ],
)
def test_which_are_tried_again(
    owner: Client, failed: MailingOut, data: dict[str, str], number: int
) -> None:
    retry(owner, failed, **data)

    assert (failed.pending_count, failed.failed_count) == (number, 3 - number)
    waiting = failed.deliveries.filter(status="pending")
    assert set(waiting.values_list("attempts", "reason")) <= {(0, "")}


def test_the_chosen_are_tried_again(owner: Client, failed: MailingOut) -> None:
    rows = list(failed.deliveries.order_by("pk"))

    texts = retry(owner, failed, which="chosen", delivery=[rows[0].pk, rows[3].pk])

    assert texts == ["1 is tried again."]
    assert list(failed.deliveries.filter(status="pending")) == [rows[0]]


def test_nobody_chosen_says_so(owner: Client, failed: MailingOut) -> None:
    assert retry(owner, failed, which="chosen") == ["Nobody is chosen: tick some people first."]
    assert failed.failed_count == 3


def test_rows_of_others_are_not_touched(owner: Client, failed: MailingOut, cast: Cast) -> None:
    other = cast.started(number=1)
    other.deliveries.update(status="failed", reason="address")
    audience.recount(other)

    retry(owner, failed, which="chosen", delivery=other.deliveries.get().pk)

    other.refresh_from_db()
    assert other.failed_count == 1


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"status": MailingOut.Status.INTERRUPTED},
            "“Spring offer” was cancelled. Make a new mailing out to these people.",
        ),
        ({"preparing": "start"}, "“Spring offer” is being prepared. Wait a moment."),
        (
            {"start_at": None, "not_after": timezone.now() - timedelta(days=1)},
            "The time of “Spring offer” is over. Make a new mailing out to these people.",
        ),
    ],
)
def test_when_it_would_be_in_vain_it_says_so(
    owner: Client, failed: MailingOut, values: dict[str, object], text: str
) -> None:
    MailingOut.objects.update(**values)

    assert retry(owner, failed) == [text]
    assert failed.failed_count == 3


def test_answer_leads_to_the_mailing_out(owner: Client, failed: MailingOut) -> None:
    response = owner.post(reverse("send_failed_recipients", args=[failed.pk]))

    page = reverse("admin:massmail_mailingout_change", args=[failed.pk])
    assert response.headers["Location"] == page


def test_get_is_refused(owner: Client, failed: MailingOut) -> None:
    assert owner.get(reverse("send_failed_recipients", args=[failed.pk])).status_code == 405


@pytest.mark.parametrize(("user", "status"), [("colleague", 403), ("stranger", 404)])
def test_only_the_owner_retries(
    client: Client, cast: Cast, failed: MailingOut, user: str, status: int
) -> None:
    client.force_login(getattr(cast, user))

    response = client.post(reverse("send_failed_recipients", args=[failed.pk]))

    failed.refresh_from_db()
    assert (response.status_code, failed.failed_count) == (status, 3)
