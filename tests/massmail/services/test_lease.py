"""Who holds an account: one run at a time, and what a dead one leaves behind."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from massmail.clock import database_now
from massmail.models import Delivery, DeliveryAttempt, EmailAccount, FailReason, MailingOut
from massmail.services import lease
from tests.factories import EmailAccountFactory
from tests.massmail.campaigns import campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)  # nothing is sent


@pytest.fixture
def account():
    return EmailAccountFactory.create()


@pytest.fixture
def now():
    return database_now()


def take(account: EmailAccount, **values: Any) -> lease.Lease:
    held = lease.take(account.pk, **values)
    assert held is not None
    return held


def test_one_run_takes_it(account, now):
    held = take(account, now=now)
    assert lease.take(account.pk, now=now) is None
    account.refresh_from_db()
    assert account.run_id == held.run_id
    assert account.run_lease_until == now + timedelta(seconds=30)


@pytest.mark.parametrize("values", [{"massmail": False}, {"run_id": uuid.uuid4()}])
def test_one_that_is_off_or_held_is_not_taken(account, now, values):
    EmailAccount.objects.update(**values)
    assert lease.take(account.pk, now=now) is None


def test_one_that_is_gone_is_not_taken(now):
    assert lease.take(0, now=now) is None


def test_given_back_it_is_free(account, now):
    held = take(account, now=now)
    lease.release(held)
    account.refresh_from_db()
    assert (account.run_id, account.run_lease_until) == (None, None)
    assert lease.take(account.pk, now=now) is not None


def test_a_run_taken_for_dead_neither_renews_nor_gives_back(account, now):
    dead = take(account, now=now)
    lease.expire(now=now + timedelta(seconds=31))
    alive = take(account, now=now)
    assert not lease.renew(dead, now=now)
    lease.release(dead)
    account.refresh_from_db()
    assert account.run_id == alive.run_id


def test_its_own_clock_says_when_to_begin_nothing_more(account, now):
    seconds = [100.0]
    held = take(account, now=now, clock=lambda: seconds[0])
    for clock, may_begin, is_due in [
        (109.99, True, False),
        (110.0, True, True),
        (119.99, True, True),
        (120.0, False, True),
        (1000.0, False, True),
    ]:
        seconds[0] = clock
        assert (held.may_begin(), held.is_due()) == (may_begin, is_due)


def test_renewing_counts_from_before_the_statement(account, now):
    seconds = iter([100.0, 110.0, 129.0, 130.0])
    held = take(account, now=now, clock=lambda: next(seconds))
    assert lease.renew(held, now=now + timedelta(seconds=10))
    account.refresh_from_db()
    assert account.run_lease_until == now + timedelta(seconds=40)
    assert held.renewed_s == 110.0
    assert held.may_begin()
    assert not held.may_begin()


def test_the_length_is_a_setting(account, now, settings):
    settings.MASSMAIL_LEASE_S = 3
    held = take(account, now=now)
    account.refresh_from_db()
    assert (held.length_s, account.run_lease_until) == (3, now + timedelta(seconds=3))


# --- dead runs


def in_flight(mailing_out: MailingOut, number: int) -> list[int]:
    """Put the first rows in flight, as a claim does."""
    ids = list(mailing_out.deliveries.order_by("pk").values_list("pk", flat=True)[:number])
    Delivery.objects.filter(pk__in=ids).update(status=Delivery.Status.IN_FLIGHT, claim=uuid.uuid4())
    MailingOut.objects.filter(pk=mailing_out.pk).update(
        pending_count=mailing_out.pending_count - number, in_flight_count=number
    )
    return ids


def test_a_lease_that_lasts_is_left_alone(now):
    mailing_out = campaign_on(NO_SERVER, people=2)
    in_flight(mailing_out, 1)
    lease.take(EmailAccount.objects.get().pk, now=now)
    assert lease.expire(now=now + timedelta(seconds=30)) == 0
    assert EmailAccount.objects.get().run_id is not None
    assert lease.expire(now=now + timedelta(seconds=30, microseconds=1)) == 1
    assert EmailAccount.objects.get().run_id is None
    assert lease.expire(now=now + timedelta(seconds=60)) == 0


def test_rows_of_a_dead_run_are_in_doubt_and_keep_their_claim(now):
    mailing_out = campaign_on(NO_SERVER, people=3)
    ids = in_flight(mailing_out, 2)
    lease.take(EmailAccount.objects.get().pk, now=now)
    later = now + timedelta(minutes=1)
    lease.expire(now=later)
    for row in Delivery.objects.filter(pk__in=ids):
        assert (row.status, row.attempts, row.first_attempt_at) == ("uncertain", 1, later)
        assert row.claim is not None
    mailing_out.refresh_from_db()
    assert (mailing_out.pending_count, mailing_out.uncertain_count) == (1, 2)
    assert (mailing_out.window_limit, mailing_out.attempts_count) == (1, 2)
    outcomes = DeliveryAttempt.objects.values_list("outcome", "why")
    assert set(outcomes) == {("uncertain", lease.DIED)}


def test_a_row_sent_again_that_meets_a_second_death_is_poison(now):
    mailing_out = campaign_on(NO_SERVER, people=1)
    in_flight(mailing_out, 1)
    Delivery.objects.update(travels_alone=True)
    lease.take(EmailAccount.objects.get().pk, now=now)
    lease.expire(now=now + timedelta(minutes=1))
    row = Delivery.objects.get()
    assert (row.status, row.reason) == (Delivery.Status.FAILED, FailReason.POISON)
    mailing_out.refresh_from_db()
    assert (mailing_out.failed_count, mailing_out.status) == (1, MailingOut.Status.ERRORS)


def test_rows_in_flight_whose_account_was_deleted_are_in_doubt(now):
    mailing_out = campaign_on(NO_SERVER, people=2)
    in_flight(mailing_out, 1)
    lease.take(EmailAccount.objects.get().pk, now=now)
    EmailAccount.objects.all().delete()
    assert lease.expire(now=now) == 1
    mailing_out.refresh_from_db()
    assert (mailing_out.in_flight_count, mailing_out.uncertain_count) == (0, 1)


def test_another_account_at_work_without_a_share_does_not_hide_them(now):
    mailing_out = campaign_on(NO_SERVER, people=2)
    in_flight(mailing_out, 1)
    EmailAccount.objects.all().delete()
    lease.take(EmailAccountFactory.create().pk, now=now)
    assert lease.expire(now=now) == 1


def test_rows_of_a_living_run_are_left_alone(now):
    mailing_out = campaign_on(NO_SERVER, people=2)
    in_flight(mailing_out, 2)
    lease.take(EmailAccount.objects.get().pk, now=now)
    assert lease.expire(now=now) == 0
