"""Windows: what is claimed, in which order, and how much of the allowance it uses."""

from datetime import datetime, timedelta

import pytest

from crm.models import Contact
from massmail.clock import database_now
from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    MailingOut,
    MassmailSettings,
)
from massmail.services import lease
from tests.factories import (
    EmailAccountFactory,
    UserFactory,
)
from tests.massmail.campaigns import campaign_on
from tests.massmail.ledger_runs import NO_SERVER, Run, S, counted


@pytest.fixture
def now(db):
    return database_now() + timedelta(seconds=10)


def ids(mailing_out: MailingOut) -> list[int]:
    return list(mailing_out.deliveries.order_by("pk").values_list("pk", flat=True))


def settings_are(**values) -> None:
    MassmailSettings.load()
    MassmailSettings.objects.update(**values)


# --- a window


def test_a_window_is_in_flight_with_address_and_message_id_before_a_byte_leaves(now):
    mailing_out = campaign_on(NO_SERVER, people=3)
    run = Run.of(EmailAccount.objects.get(), now)
    window = run.claim(2)
    first, second, third = mailing_out.deliveries.order_by("pk")
    assert window is not None
    assert [first.status, second.status, third.status] == [S.IN_FLIGHT, S.IN_FLIGHT, S.PENDING]
    assert first.claim == second.claim == window.claim
    assert (first.address, first.message_id) == (first.address_key, f"<{first.uuid}@example.org>")
    account = EmailAccount.objects.get()
    assert (account.today_count, account.today_date) == (2, now.date())
    assert counted(mailing_out) == {"pending": 1, "in_flight": 2}


@pytest.mark.parametrize(
    ("size", "limit", "expected"), [(50, 50, 50), (99, 50, 50), (10, 50, 10), (50, 3, 3)]
)
def test_a_window_is_never_larger_than_anything_allows(now, size, limit, expected):
    campaign_on(NO_SERVER, people=55)
    MailingOut.objects.update(window_limit=limit)
    assert len(Run.of(EmailAccount.objects.get(), now).claimed(size)) == expected


@pytest.mark.parametrize(
    "values", [{"cooling_count": 1}, {"gap_min_s": 1, "gap_max_s": 2}, {"kind": "mailbox"}]
)
def test_a_probe_and_a_gap_have_windows_of_one(now, values):
    campaign_on(NO_SERVER, people=3)
    EmailAccount.objects.update(**values)
    assert len(Run.of(EmailAccount.objects.get(), now).claimed()) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"massmail": False},
        {"cooling_until": "later"},
        {"next_send_at": "later"},
        {"daily_limit": 1, "today_count": 1, "today_date": "today"},
    ],
)
def test_what_hinders_an_account_hinders_its_claims(now, values):
    campaign_on(NO_SERVER, people=3)
    run = Run.of(EmailAccount.objects.get(), now)
    moments = {"later": now + timedelta(seconds=1), "today": now.date()}
    EmailAccount.objects.update(**{name: moments.get(v, v) for name, v in values.items()})
    assert run.claimed() == []


@pytest.mark.parametrize(
    "values",
    [
        {"status": "P"},
        {"status": "I"},
        {"status": "D"},
        {"preparing": "start"},
        {"start_at": "later"},
        {"not_after": "now"},
    ],
)
def test_what_does_not_run_is_not_claimed(now, values):
    campaign_on(NO_SERVER, people=3)
    moments = {"later": now + timedelta(seconds=1), "now": now}
    MailingOut.objects.update(**{name: moments.get(v, v) for name, v in values.items()})
    assert Run.of(EmailAccount.objects.get(), now).claimed() == []


def test_a_run_that_lost_its_account_claims_nothing(now):
    campaign_on(NO_SERVER, people=3)
    run = Run.of(EmailAccount.objects.get(), now)
    lease.expire(now=now + timedelta(minutes=1))
    assert run.claimed() == []
    EmailAccount.objects.all().delete()
    assert run.claimed() == []


def test_a_turn_renews_the_lease(now):
    campaign_on(NO_SERVER, people=3)
    run = Run.of(EmailAccount.objects.get(), now)
    run.now = now + timedelta(seconds=20)
    run.claim(1)
    assert EmailAccount.objects.get().run_lease_until == now + timedelta(seconds=50)


# --- order


def test_retries_come_before_fresh_rows_the_longest_due_first(now):
    mailing_out = campaign_on(NO_SERVER, people=5)
    first, second, third, fourth, fifth = ids(mailing_out)
    rows = Delivery.objects.filter
    rows(pk=second).update(due_at=now - timedelta(minutes=1))
    rows(pk=fourth).update(due_at=now - timedelta(minutes=2))
    rows(pk=fifth).update(due_at=now + timedelta(minutes=1))
    run = Run.of(EmailAccount.objects.get(), now)
    assert run.claimed(3) == [fourth, second, first]
    assert run.claimed(3) == [third]
    assert run.claimed(3) == []
    assert AccountShare.objects.get().exhausted


def test_a_row_sent_again_travels_alone(now):
    mailing_out = campaign_on(NO_SERVER, people=3)
    first, second, third = ids(mailing_out)
    Delivery.objects.filter(pk__in=[second, third]).update(due_at=now, travels_alone=True)
    run = Run.of(EmailAccount.objects.get(), now)
    assert [run.claimed(), run.claimed(), run.claimed()] == [[second], [third], [first]]


def test_mailing_outs_of_one_account_take_turns(now):
    first = campaign_on(NO_SERVER, people=4)
    second = MailingOut.objects.create_for(
        Contact.objects.all(), owner=first.owner, message=first.message, name="Second"
    )
    second.start()
    run = Run.of(EmailAccount.objects.get(), now)
    turns = []
    for _ in range(4):
        run.now += timedelta(seconds=1)
        window = run.claim(2)
        assert window is not None
        turns.append(window.mailing_out.pk)
    assert turns == [first.pk, second.pk, first.pk, second.pk]


def test_nobody_claims_the_rows_of_another_account(now):
    owner = UserFactory.create()
    other = EmailAccountFactory.create(owner=owner)
    mailing_out = campaign_on(NO_SERVER, people=4, owner=owner, name="mine")
    mine = EmailAccount.objects.get(name="mine")
    expected = list(mailing_out.deliveries.filter(email_account=mine).values_list("pk", flat=True))
    assert sorted(Run.of(mine, now).claimed()) == sorted(expected)
    assert len(Run.of(other, now).claimed()) == 4 - len(expected)


# --- the allowance


def test_a_window_reserves_and_the_rest_comes_back(now):
    mailing_out = campaign_on(NO_SERVER, people=6, daily_limit=5)
    run = Run.of(EmailAccount.objects.get(), now)
    window = run.claim(4)
    assert window is not None
    assert EmailAccount.objects.get().today_count == 4
    following = run.record_and_claim(window, sent=1)
    assert following is not None
    assert len(following.rows) == 4
    assert EmailAccount.objects.get().today_count == 5
    assert run.claimed() == []
    assert counted(mailing_out) == {"sent": 1, "in_flight": 4, "pending": 1}


def test_what_was_reserved_yesterday_does_not_come_back_today(now):
    campaign_on(NO_SERVER, people=4, daily_limit=3)
    run = Run.of(EmailAccount.objects.get(), now)
    window = run.claim(2)
    assert window is not None
    run.now += timedelta(days=1)
    ahead = run.claim(1)  # of the new day, while the window of the old one is on the wire
    assert ahead is not None
    run.record_and_claim(window, sent=0, size=1)
    account = EmailAccount.objects.get()
    assert (account.today_count, account.today_date) == (2, run.now.date())


@pytest.mark.parametrize(("sent", "starts"), [(1, True), (0, False)])
def test_a_gap_starts_after_a_mail_and_only_then(now, sent, starts):
    campaign_on(NO_SERVER, people=3, gap_min_s=10, gap_max_s=20)
    run = Run.of(EmailAccount.objects.get(), now)
    window = run.claim()
    assert window is not None
    run.record_and_claim(window, sent=sent, size=1)
    next_send_at = EmailAccount.objects.get().next_send_at
    assert (next_send_at is not None) is starts
    if next_send_at is not None:
        assert 10 <= (next_send_at - now).total_seconds() <= 20


def test_nothing_leaves_outside_the_hours_or_while_all_is_paused(now):
    campaign_on(NO_SERVER, people=3)
    run = Run.of(EmailAccount.objects.get(), now)
    settings_are(paused_at=now)
    assert run.claimed() == []
    settings_are(paused_at=None, use_business_time=True, monday=True, time_zone="UTC")
    run.now = datetime.fromisoformat("2030-05-03T12:00:00+00:00")  # a Friday
    assert run.claimed() == []
