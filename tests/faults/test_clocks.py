"""F26, F27: clocks that are wrong or jump, and days that are longer or shorter than others.

What an hour of sending is in UTC stands in a table made by hand, from the zones' published rules.
"""

import itertools
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection

from massmail.clock import database_now
from massmail.models import EmailAccount, MailingOut, MassmailSettings
from massmail.services import send_window
from massmail.services.delivery_run import deliver_in_turn
from massmail.utils import sendmassmail
from tests.faults.laboratory import EXPERIMENT, IS_LONG
from tests.massmail.campaigns import campaign_on, counts, rows, serving

pytestmark = EXPERIMENT

PEOPLE = 3000 if IS_LONG else 150
KYIV, NEW_YORK, LORD_HOWE = "Europe/Kyiv", "America/New_York", "Australia/Lord_Howe"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

# --- F26


@pytest.mark.parametrize("hours", [2, -2])
def test_f26_a_jump_in_the_middle_of_a_run_sends_nothing_twice(laboratory, hours):
    """Others go by the database's clock and may take the run for dead; it begins nothing more."""
    server = laboratory.server()
    laboratory.campaign(server, people=PEOPLE)
    jumps: list[int] = []

    def jump() -> None:
        if not jumps and len(server.log.entries) >= PEOPLE // 3:
            jumps.append(len(server.log.entries))
            laboratory.time.jump(hours=hours)
            sendmassmail.put_in_order(laboratory.time.now())  # another host's tick

    laboratory.meanwhile = jump

    laboratory.settle()

    states = laboratory.check()
    assert len(jumps) == 1
    assert states["sent"] + states["uncertain"] == PEOPLE
    assert states["uncertain"] <= 100
    assert len(server.accepted) >= states["sent"]


@pytest.mark.parametrize("hours", [2, -2])
def test_f26_a_jump_between_runs_delays_and_hastens_nobody_for_good(laboratory, hours):
    """Rows wait for a retry, an account rests, and a run is dead, when the clock is set."""
    server, other = laboratory.server(), laboratory.server()
    laboratory.campaign(server, people=20)
    laboratory.campaign(other, people=20)
    server.on("rcpt", "450 4.2.0 Try again later", times=10)
    other.on("mail", "421 4.7.0 Try again later", times=2)
    laboratory.tick()
    dead = laboratory.campaign(laboratory.server(), people=20)
    laboratory.leave_for_dead(EmailAccount.objects.get(owner=dead.owner))

    laboratory.time.jump(hours=hours)
    took = laboratory.settle()

    states = laboratory.check()
    assert took < timedelta(hours=3)
    assert states == {"sent": 50, "uncertain": 10}


def test_f26_a_clock_that_trembles_keeps_gaps(laboratory):
    laboratory.time.jitter = lambda: laboratory.random.uniform(-1, 1)
    server = laboratory.server()
    laboratory.campaign(
        server, people=12, kind=EmailAccount.Kind.MAILBOX, gap_min_s=15, gap_max_s=35
    )
    sent_s: list[float] = []
    server.on("dot", lambda: sent_s.append(laboratory.time.shown_s))

    laboratory.settle()

    assert laboratory.check() == {"sent": 12}
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent_s)]
    assert min(gaps) >= 15 - 2


def tick() -> None:
    """Do what a tick and its tasks do, by the real clocks."""
    for accounts in sendmassmail.tick():
        deliver_in_turn(accounts)


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="a file database has no clock of its own"
)
@pytest.mark.parametrize("hours", [2, -2])
def test_f26_the_hosts_own_clock_decides_nothing(hours):
    """A host that is two hours off claims what is due, and no more, by the database's clock."""
    with serving() as server:
        mailing_out = campaign_on(server, people=4)
        server.on("rcpt", "450 4.2.0 Try again later", times=2)
        tick()
        now = database_now()
        mailing_out.deliveries.filter(status="pending").update(due_at=now + timedelta(hours=1))

        with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)):
            tick()
            tick()

        assert counts(mailing_out) == {"sent": 2, "pending": 2}
        first, *_others = rows(mailing_out)
        assert abs((database_now() - now).total_seconds()) < 60
        assert EmailAccount.objects.get().run_id is None
        assert len(server.mails) == 2
        assert {row.attempts for row in rows(mailing_out)} == {1}
        assert first.first_attempt_at is not None
        assert abs((first.first_attempt_at - now).total_seconds()) < 60


# --- F27

# zone, day, sending hours on the wall: when they begin and end in UTC
TABLE = [
    # ordinary days around the changes
    (KYIV, "2027-03-27", "08:30", "17:30", "2027-03-27 06:30", "2027-03-27 15:30"),
    (KYIV, "2027-03-29", "08:30", "17:30", "2027-03-29 05:30", "2027-03-29 14:30"),
    (NEW_YORK, "2027-03-13", "08:30", "17:30", "2027-03-13 13:30", "2027-03-13 22:30"),
    (NEW_YORK, "2027-03-15", "08:30", "17:30", "2027-03-15 12:30", "2027-03-15 21:30"),
    # spring: 03:00 becomes 04:00, 02:00 becomes 03:00, 02:00 becomes 02:30
    (KYIV, "2027-03-28", "08:30", "17:30", "2027-03-28 05:30", "2027-03-28 14:30"),
    (KYIV, "2027-03-28", "03:30", "17:30", "2027-03-28 01:00", "2027-03-28 14:30"),
    (KYIV, "2027-03-28", "02:00", "03:30", "2027-03-28 00:00", "2027-03-28 01:00"),
    (NEW_YORK, "2027-03-14", "02:30", "09:00", "2027-03-14 07:00", "2027-03-14 13:00"),
    (NEW_YORK, "2027-03-14", "01:00", "03:00", "2027-03-14 06:00", "2027-03-14 07:00"),
    (LORD_HOWE, "2027-10-03", "02:15", "09:00", "2027-10-02 15:30", "2027-10-02 22:00"),
    (LORD_HOWE, "2027-10-03", "01:00", "02:15", "2027-10-02 14:30", "2027-10-02 15:30"),
    # autumn: 04:00 becomes 03:00, 02:00 becomes 01:00, 02:00 becomes 01:30; the first one counts
    (KYIV, "2027-10-31", "03:30", "08:00", "2027-10-31 00:30", "2027-10-31 06:00"),
    (KYIV, "2027-10-31", "01:00", "03:30", "2027-10-30 22:00", "2027-10-31 00:30"),
    (NEW_YORK, "2027-11-07", "01:30", "10:00", "2027-11-07 05:30", "2027-11-07 15:00"),
    (NEW_YORK, "2027-11-07", "00:30", "01:30", "2027-11-07 04:30", "2027-11-07 05:30"),
    (LORD_HOWE, "2027-04-04", "01:45", "09:00", "2027-04-03 14:45", "2027-04-03 22:30"),
    (LORD_HOWE, "2027-04-04", "00:30", "01:45", "2027-04-03 13:30", "2027-04-03 14:45"),
    # a leap day, the days around it, and the turn of the year
    (KYIV, "2028-02-28", "08:30", "17:30", "2028-02-28 06:30", "2028-02-28 15:30"),
    (KYIV, "2028-02-29", "08:30", "17:30", "2028-02-29 06:30", "2028-02-29 15:30"),
    (KYIV, "2028-03-01", "08:30", "17:30", "2028-03-01 06:30", "2028-03-01 15:30"),
    (NEW_YORK, "2027-12-31", "08:30", "23:59", "2027-12-31 13:30", "2028-01-01 04:59"),
    (NEW_YORK, "2028-01-01", "00:00", "17:30", "2028-01-01 05:00", "2028-01-01 22:30"),
    (LORD_HOWE, "2028-01-01", "08:30", "17:30", "2027-12-31 21:30", "2028-01-01 06:30"),
]
# zone, day: how many hours it has
LENGTHS = [
    (KYIV, "2027-03-28", 23),
    (KYIV, "2027-10-31", 25),
    (NEW_YORK, "2027-03-14", 23),
    (NEW_YORK, "2027-11-07", 25),
    (LORD_HOWE, "2027-10-03", 23.5),
    (LORD_HOWE, "2027-04-04", 24.5),
    (KYIV, "2028-02-29", 24),
    (NEW_YORK, "2027-12-31", 24),
]


def settings_row(zone: str, begins: str = "08:30", ends: str = "17:30") -> MassmailSettings:
    """Return settings with these hours on every day; stored."""
    row = MassmailSettings(
        use_business_time=True,
        business_time_start=time.fromisoformat(begins),
        business_time_end=time.fromisoformat(ends),
        time_zone=zone,
        **dict.fromkeys(WEEKDAYS, True),
    )
    row.save()
    return row


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("zone", "day", "begins", "ends", "opens_at", "closes_at"), TABLE)
def test_f27_sending_hours_are_those_of_the_table(zone, day, begins, ends, opens_at, closes_at):
    row = settings_row(zone, begins, ends)
    first, end = utc(opens_at), utc(closes_at)

    assert send_window.hours_of(row, date.fromisoformat(day)) == (first, end)
    assert send_window.opens_at(row, first - timedelta(minutes=1)) == first
    for inside in (first, first + (end - first) / 2, end - timedelta(seconds=1)):
        assert send_window.opens_at(row, inside) is None
    following = send_window.opens_at(row, end)
    assert following is not None
    assert timedelta(hours=3) < following - end < timedelta(hours=24, minutes=30)


@pytest.mark.parametrize(("zone", "day", "hours"), LENGTHS)
def test_f27_limits_last_for_a_day_of_its_own_length(zone, day, hours):
    row = settings_row(zone)
    midnight = datetime.combine(date.fromisoformat(day), time(), tzinfo=ZoneInfo(zone))
    begins = midnight.astimezone(UTC)
    ends = send_window.next_day_at(row, begins).astimezone(UTC)

    assert ends - begins == timedelta(hours=hours)
    assert row.local_date(begins) == row.local_date(ends - timedelta(seconds=1))
    assert row.local_date(ends) == date.fromisoformat(day) + timedelta(days=1)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "ends"),
    [
        (KYIV, "2027-03-27", "02:30", "03:30"),  # on Sunday the end does not exist
        (KYIV, "2027-10-30", "03:15", "03:45"),  # on Sunday it is there twice
        (NEW_YORK, "2027-11-06", "00:30", "01:30"),
        (LORD_HOWE, "2027-04-03", "01:00", "01:45"),
        (KYIV, "2028-02-28", "08:30", "17:30"),
        (NEW_YORK, "2027-12-30", "20:00", "23:59"),
    ],
)
def test_f27_a_daily_limit_is_used_once_on_each_of_three_days(laboratory, zone, day, begins, ends):
    limit, first = 5, date.fromisoformat(day)
    midnight = datetime.combine(first, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    server = laboratory.server()
    laboratory.campaign(server, people=4 * limit, daily_limit=limit)
    laboratory.time.begun_at = midnight
    MailingOut.objects.update(start_at=midnight, started_at=midnight)
    row = settings_row(zone, begins, ends)
    sent: Counter[date] = Counter()

    step = timedelta(minutes=5 if IS_LONG else 30)
    end_at = midnight + timedelta(days=3)
    while (now := laboratory.time.now()) < end_at:
        before = len(server.accepted)
        laboratory.tick()
        if number := len(server.accepted) - before:
            hours = send_window.hours_of(row, row.local_date(now))
            assert hours is not None
            assert hours[0] <= now < hours[1]
            sent[now.astimezone(ZoneInfo(zone)).date()] += number
        laboratory.time.forward(seconds=step.total_seconds())

    assert sent == {first + timedelta(days=number): limit for number in range(3)}
