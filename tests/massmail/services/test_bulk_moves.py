"""Many rows moved at once by people or by time, with the counters that count them."""

import uuid
from datetime import timedelta

import pytest

from massmail.clock import database_now
from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    FailReason,
    MailingOut,
    SkipReason,
)
from massmail.services import bulk_moves
from tests.factories import EmailAccountFactory
from tests.massmail.campaigns import campaign_on, counts
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)  # nothing is sent
S = Delivery.Status


@pytest.fixture
def mailing_out():
    return campaign_on(NO_SERVER, people=6)


def put(mailing_out: MailingOut, *statuses: str) -> list[Delivery]:
    """Put the first rows into these states, and the counters with them."""
    rows = list(mailing_out.deliveries.order_by("pk"))
    for row, status in zip(rows, statuses, strict=False):
        row.status, row.claim, row.attempts = status, uuid.uuid4(), 2
        row.reason = {"failed": "address", "skipped": "unsubscribed"}.get(status, "")
        row.first_attempt_at = database_now()
        row.save()
    found = counts(mailing_out)
    values = {f"{status}_count": found[status] for status in S.values}
    MailingOut.objects.filter(pk=mailing_out.pk).update(**values)
    return rows


def states(mailing_out: MailingOut) -> list[str]:
    """The rows' states, once the counters are seen to count them."""
    mailing_out.refresh_from_db()
    found = counts(mailing_out)
    for status in S.values:
        assert getattr(mailing_out, f"{status}_count") == found[status]
    return list(mailing_out.deliveries.order_by("pk").values_list("status", flat=True))


ALL = [S.PENDING, S.IN_FLIGHT, S.SENT, S.FAILED, S.SKIPPED, S.UNCERTAIN]


@pytest.mark.parametrize(
    ("move", "reason", "status"),
    [
        (bulk_moves.skip_pending, SkipReason.CANCELLED, S.SKIPPED),
        (bulk_moves.fail_pending, FailReason.EXPIRED, S.FAILED),
    ],
)
def test_only_those_who_wait_are_moved(mailing_out, move, reason, status):
    put(mailing_out, *ALL)
    mailing_out.deliveries.filter(status=S.PENDING).update(due_at=database_now())
    assert move(mailing_out.pk, reason) == 1
    assert states(mailing_out) == [status, *ALL[1:]]
    first = mailing_out.deliveries.order_by("pk")[0]
    assert (first.reason, first.due_at) == (reason, None)
    assert move(mailing_out.pk, reason) == 0


def test_more_than_fit_into_one_transaction_are_all_moved(mailing_out, monkeypatch):
    monkeypatch.setattr(bulk_moves, "_AT_ONCE", 2)
    assert bulk_moves.skip_pending(mailing_out.pk, SkipReason.CANCELLED) == 6
    assert states(mailing_out) == [S.SKIPPED] * 6


def test_another_mailing_out_is_left_alone(mailing_out):
    other = campaign_on(NO_SERVER, people=2)
    bulk_moves.skip_pending(mailing_out.pk, SkipReason.CANCELLED)
    assert states(other) == [S.PENDING] * 2


def test_uncertain_rows_count_as_sent(mailing_out):
    put(mailing_out, *ALL)
    assert bulk_moves.count_as_sent(mailing_out.deliveries.all()) == 1
    assert states(mailing_out) == [*ALL[:-1], S.SENT]
    row = mailing_out.deliveries.order_by("pk").last()
    assert (row.claim, row.sent_at is None) == (None, False)


def test_uncertain_rows_are_sent_again_alone(mailing_out):
    put(mailing_out, *ALL)
    AccountShare.objects.all().delete()
    now = database_now() + timedelta(days=1)
    assert bulk_moves.send_again(mailing_out.deliveries.all(), now=now) == 1
    assert states(mailing_out) == [*ALL[:-1], S.PENDING]
    row = mailing_out.deliveries.order_by("pk").last()
    assert (row.claim, row.due_at, row.travels_alone) == (None, now, True)
    assert AccountShare.objects.get().email_account == row.email_account


def test_failed_rows_are_tried_as_if_for_the_first_time(mailing_out):
    put(mailing_out, *ALL)
    AccountShare.objects.update(handed_over=True, exhausted=True)
    now = database_now() + timedelta(days=1)
    assert bulk_moves.retry_failed(mailing_out.deliveries.all(), now=now) == 1
    assert states(mailing_out) == [*ALL[:3], S.PENDING, *ALL[4:]]
    row = mailing_out.deliveries.order_by("pk")[3]
    assert (row.reason, row.claim, row.due_at) == ("", None, now)
    assert (row.attempts, row.first_attempt_at, row.travels_alone) == (0, None, False)
    assert AccountShare.objects.get().handed_over is False


@pytest.mark.parametrize(
    "move", [bulk_moves.count_as_sent, bulk_moves.send_again, bulk_moves.retry_failed]
)
def test_what_was_decided_is_not_decided_again(mailing_out, move):
    put(mailing_out, *ALL)
    move(mailing_out.deliveries.all())
    before = states(mailing_out)
    assert move(mailing_out.deliveries.all()) == 0
    assert states(mailing_out) == before


def test_rows_of_several_mailing_outs_are_moved_at_once(mailing_out):
    other = campaign_on(NO_SERVER, people=2)
    put(mailing_out, S.FAILED)
    put(other, S.FAILED, S.FAILED)
    assert bulk_moves.retry_failed(Delivery.objects.all()) == 3
    assert set(states(mailing_out)) == set(states(other)) == {S.PENDING}


def test_rows_without_an_account_get_one_of_the_rotation(mailing_out):
    owner = mailing_out.owner
    EmailAccount.objects.all().delete()
    rotation = [EmailAccountFactory.create(owner=owner).pk for _ in range(2)]
    put(mailing_out, S.SENT)
    assert bulk_moves.adopt_orphans(mailing_out.pk, rotation) == 5
    given = list(
        mailing_out.deliveries.filter(status=S.PENDING).values_list("email_account", flat=True)
    )
    assert sorted(given.count(account) for account in rotation) == [2, 3]
    shares = AccountShare.objects.values_list("email_account", "watermark", "exhausted")
    assert set(shares) == {(account, 0, False) for account in rotation}
    assert bulk_moves.adopt_orphans(mailing_out.pk, rotation) == 0
