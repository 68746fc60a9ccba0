"""The simulation of many accounts obeys the engine's limits, hours and retries."""

from datetime import timedelta

import pytest

from benchmarks.simulate import STARTS_AT, Plan, simulate
from massmail.models import MassmailSettings

pytestmark = pytest.mark.once


def settings_row(**values) -> MassmailSettings:
    return MassmailSettings(time_zone="UTC", gap_min_s=10, gap_max_s=10, **values)


def test_gap_decides_where_workers_are_enough():
    report = simulate(Plan(accounts=5, mails_each=4, refused=0, workers=100), settings_row())

    assert (report.sent, report.failed) == (20, 0)
    assert {at - STARTS_AT for at in report.ended_at} == {timedelta(seconds=2 + 3 * 10)}
    assert report.queues == []


def test_few_workers_make_a_queue():
    plan = Plan(accounts=50, mails_each=1, refused=0, workers=1, mail_s=1)

    report = simulate(plan, settings_row())

    assert report.queues == [(STARTS_AT + timedelta(hours=1), 48)]
    assert report.ended_at[-1] - STARTS_AT == timedelta(seconds=50)


def test_daily_limit_makes_it_last_days():
    plan = Plan(accounts=1, mails_each=5, refused=0)

    report = simulate(plan, settings_row(emails_per_day=2))

    assert [at.date() - STARTS_AT.date() for at in report.ended_at] == [timedelta(days=2)]


def test_sending_hours_are_kept():
    plan = Plan(accounts=1, mails_each=1, refused=0)

    report = simulate(plan, settings_row(use_business_time=True))

    assert report.ended_at[0] == STARTS_AT + timedelta(minutes=30)


def test_what_is_always_refused_is_given_up_after_days():
    report = simulate(Plan(accounts=2, mails_each=1, refused=1), settings_row())

    assert (report.sent, report.failed) == (0, 2)
    assert report.ended_at[0] - STARTS_AT >= timedelta(hours=72)


def test_report_tells_when_how_many_are_through():
    lines = list(simulate(Plan(accounts=4, mails_each=1, refused=0), settings_row()).lines())

    assert lines[0] == "sent 4, given up 0"
    assert lines[-1] == "100% of the accounts are through after 0:00:02"
