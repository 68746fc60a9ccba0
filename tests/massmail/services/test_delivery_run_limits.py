"""When mail may leave: limits, gaps, rates, hours and dates."""

import random
from datetime import timedelta

import pytest

from massmail.models import (
    EmailAccount,
    FailReason,
    MailingOut,
    MassmailSettings,
)
from massmail.services.delivery_run import deliver
from massmail.services.surroundings import Surroundings
from tests.massmail.campaigns import Clock, campaign_on, refreshed, rows, run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("limit", [1, 4])
def test_a_daily_limit_of_n_means_n(server, limit):
    clock = Clock()
    mailing_out = campaign_on(server, people=6, daily_limit=limit)

    for _ in range(3):
        run(clock)

    assert len(server.mails) == limit
    assert mailing_out.blockers()[0].code == "limit"
    clock.forward(days=1)
    run(clock)
    assert len(server.mails) == min(6, 2 * limit)
    refreshed(mailing_out)


def test_refused_recipients_do_not_use_the_limit(server):
    mailing_out = campaign_on(server, people=4, daily_limit=2)
    for row in rows(mailing_out)[:2]:
        server.on("rcpt", "550 5.1.1 unknown", recipient=row.address_key)

    for _ in range(3):
        run()

    assert refreshed(mailing_out).sent_count == 2
    assert EmailAccount.objects.get().today_count == 2


def test_a_gap_moves_the_next_mail_and_never_sleeps(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=3, gap_min_s=15, gap_max_s=35)

    run(clock)
    run(clock)

    account = EmailAccount.objects.get()
    assert len(server.mails) == 1
    assert account.next_send_at is not None
    assert 15 <= (account.next_send_at - clock()).total_seconds() <= 35
    assert mailing_out.blockers()[0].code == "gap"
    clock.forward(seconds=36)
    run(clock)
    assert len(server.mails) == 2


def test_outside_the_sending_hours_nothing_leaves(server):
    clock = Clock()
    clock.at = clock.at.replace(hour=3)
    mailing_out = campaign_on(server, people=1)
    MassmailSettings.load()
    MassmailSettings.objects.update(
        use_business_time=True, friday=True, saturday=True, sunday=True, time_zone="UTC"
    )
    MailingOut.objects.update(start_at=clock() - timedelta(hours=1))

    assert run(clock) == 0
    clock.at = clock.at.replace(hour=9)
    assert run(clock) == 1
    assert refreshed(mailing_out).sent_count == 1


@pytest.mark.parametrize("days", range(7))
def test_without_sending_hours_mail_leaves_on_every_day(server, days):
    clock = Clock()
    campaign_on(server, people=1)
    clock.forward(days=days, hours=days)

    assert run(clock) == 1


def test_a_scheduled_start_waits(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1, start=False)
    mailing_out.start(at=clock() + timedelta(hours=1))

    assert run(clock) == 0
    assert mailing_out.state_at(clock()) is MailingOut.State.SCHEDULED
    assert mailing_out.blockers()[0].code == "scheduled"
    clock.forward(hours=2)
    assert run(clock) == 1


def test_what_is_not_sent_in_time_expires(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=2, start=False)
    MailingOut.objects.filter(pk=mailing_out.pk).update(not_after=clock() + timedelta(hours=1))
    mailing_out.refresh_from_db()
    mailing_out.start()
    clock.forward(hours=2)

    run(clock)

    assert {row.reason for row in rows(mailing_out)} == {FailReason.EXPIRED}
    assert server.mails == []
    refreshed(mailing_out)


def test_a_rate_is_kept_by_waiting(server):
    campaign_on(server, people=4, per_second=2.0)
    waited = []
    now_s = [0.0]

    def sleep(seconds):
        waited.append(seconds)
        now_s[0] += seconds

    around = Surroundings(clock=lambda: now_s[0], sleep=sleep, random=random.Random(1))
    deliver(EmailAccount.objects.get().pk, around)

    assert len(server.mails) == 4
    assert sum(waited) == pytest.approx(1.5)
    assert max(waited) <= 1


def test_the_next_run_keeps_the_rate_of_the_last(server):
    clock = Clock()
    campaign_on(server, people=1, per_second=0.5)

    around = Surroundings(now=clock, clock=lambda: 0.0, random=random.Random(1))
    deliver(EmailAccount.objects.get().pk, around)

    account = EmailAccount.objects.get()
    assert account.next_send_at == clock() + timedelta(seconds=2)
    assert run(clock) == 0


def test_spread_mails_leave_one_at_a_time_over_the_day(server):
    clock = Clock()
    clock.at = (clock.at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    MassmailSettings.load()
    MassmailSettings.objects.update(time_zone="UTC")
    campaign_on(server, people=5, kind="mailbox", daily_limit=5, spread_over_day=True)
    MailingOut.objects.update(start_at=clock())

    run(clock)

    account = EmailAccount.objects.get()
    assert len(server.mails) == 1
    assert account.next_send_at is not None
    waits_h = (account.next_send_at - clock()).total_seconds() / 3600
    assert 24 / 5 * 0.8 <= waits_h <= 24 / 5 * 1.2
