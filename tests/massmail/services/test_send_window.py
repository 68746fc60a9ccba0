"""The sending hours on the wall clocks of several zones, over the days on which these jump."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest

from massmail.models import MassmailSettings
from massmail.services import send_window

WEEKDAYS = {"friday": False, "saturday": False, "sunday": False}
EVERY_DAY = {"friday": True, "saturday": True, "sunday": True}
THURSDAY = datetime(2026, 5, 7, tzinfo=UTC)


def hours(zone="UTC", start="08:30", end="17:30", **days) -> MassmailSettings:
    return MassmailSettings(
        use_business_time=True,
        business_time_start=time.fromisoformat(start),
        business_time_end=time.fromisoformat(end),
        time_zone=zone,
        **(days or EVERY_DAY),
    )


def opens_at(settings_row: MassmailSettings, now: datetime) -> datetime | None:
    """In UTC: moments in a leap of a zone's clock are equal to no other."""
    found = send_window.opens_at(settings_row, now)
    return found and found.astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_sending_hours_mail_may_always_leave():
    assert opens_at(MassmailSettings(), THURSDAY) is None


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-05-07 08:29:59.999999", "2026-05-07 08:30"),
        ("2026-05-07 08:30", None),
        ("2026-05-07 17:29:59.999999", None),
        ("2026-05-07 17:30", "2026-05-11 08:30"),  # Thursday after closing: Monday
        ("2026-05-07 23:59", "2026-05-11 08:30"),
        ("2026-05-08 12:00", "2026-05-11 08:30"),
        ("2026-05-10 23:59", "2026-05-11 08:30"),
        ("2026-05-11 00:00", "2026-05-11 08:30"),
        ("2026-05-11 18:00", "2026-05-12 08:30"),
        ("2026-12-31 18:00", "2027-01-04 08:30"),
    ],
)
def test_monday_to_thursday(now, opens):
    assert opens_at(hours(**WEEKDAYS), utc(now)) == (opens and utc(opens))


@pytest.mark.parametrize(
    ("zone", "now", "opens"),
    [
        # the same wall clock, an hour earlier or later in UTC from the day of the change on
        ("Europe/Kyiv", "2026-03-28 16:00", "2026-03-29 05:30"),
        ("Europe/Kyiv", "2026-03-27 16:00", "2026-03-28 06:30"),
        ("Europe/Kyiv", "2026-10-24 15:00", "2026-10-25 06:30"),
        ("Europe/Kyiv", "2026-10-23 15:00", "2026-10-24 05:30"),
        ("America/New_York", "2026-03-07 23:00", "2026-03-08 12:30"),
        ("America/New_York", "2026-10-31 22:00", "2026-11-01 13:30"),
        # half an hour on Lord Howe
        ("Australia/Lord_Howe", "2026-04-04 12:00", "2026-04-04 22:00"),
        ("Australia/Lord_Howe", "2026-04-03 12:00", "2026-04-03 21:30"),
        ("Australia/Lord_Howe", "2026-10-03 12:00", "2026-10-03 21:30"),
        ("Asia/Kathmandu", "2026-05-07 12:00", "2026-05-08 02:45"),
        ("Pacific/Kiritimati", "2026-05-07 12:00", "2026-05-07 18:30"),
    ],
)
def test_hours_are_those_of_the_wall_clock(zone, now, opens):
    assert opens_at(hours(zone), utc(now)) == utc(opens)
    assert opens_at(hours(zone), utc(opens)) is None


@pytest.mark.parametrize(
    ("zone", "start", "now", "opens"),
    [
        ("Europe/Kyiv", "03:00", "2026-03-29 00:00", "2026-03-29 01:00"),
        ("Europe/Kyiv", "03:30", "2026-03-29 00:00", "2026-03-29 01:00"),
        ("Europe/Kyiv", "03:59:59", "2026-03-29 00:00", "2026-03-29 01:00"),
        ("America/New_York", "02:30", "2026-03-08 06:00", "2026-03-08 07:00"),
        ("Australia/Lord_Howe", "02:15", "2026-10-03 15:00", "2026-10-03 15:30"),
    ],
)
def test_a_start_that_is_leapt_over_is_the_moment_after_the_gap(zone, start, now, opens):
    assert opens_at(hours(zone, start), utc(now)) == utc(opens)


JUMPS = [
    ("Europe/Kyiv", "2026-03-28 20:00"),
    ("Europe/Kyiv", "2026-10-24 20:00"),
    ("America/New_York", "2026-03-08 00:00"),
    ("America/New_York", "2026-11-01 00:00"),
    ("Australia/Lord_Howe", "2026-04-04 08:00"),
    ("Australia/Lord_Howe", "2026-10-03 08:00"),
    ("Africa/Cairo", "2026-04-23 15:00"),
    ("UTC", "2026-05-07 00:00"),
]


@pytest.mark.parametrize(("zone", "begin"), JUMPS)
@pytest.mark.parametrize("start", ["00:00", "00:30", "01:15", "01:45", "02:30", "03:30", "08:30"])
def test_the_moment_named_is_the_first_one_open(zone, begin, start):
    """Over a day and a half in steps of 5 minutes: never past, open then, closed until then."""
    settings_row = hours(zone, start)
    moments = [utc(begin) + timedelta(minutes=5 * step) for step in range(36 * 12)]
    named = [opens_at(settings_row, now) for now in moments]
    for now, opens in zip(moments, named, strict=True):
        assert opens is None or (opens > now and opens_at(settings_row, opens) is None)
    for (before, after), opens in zip(pairwise(moments), named, strict=False):
        if opens is not None and opens_at(settings_row, after) is None:
            assert before < opens <= after


def test_hours_without_a_day_are_loud():
    days = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday"), False)
    with pytest.raises(ValueError, match="without a day"):
        opens_at(hours(**days), THURSDAY)


@pytest.mark.parametrize(
    ("zone", "now", "midnight"),
    [
        ("UTC", "2026-05-07 23:59:59", "2026-05-08 00:00"),
        ("UTC", "2026-05-08 00:00", "2026-05-09 00:00"),
        ("Europe/Kyiv", "2026-03-28 22:30", "2026-03-29 21:00"),  # a day of 23 hours
        ("Europe/Kyiv", "2026-10-24 21:30", "2026-10-25 22:00"),  # a day of 25 hours
        ("America/New_York", "2026-05-07 23:00", "2026-05-08 04:00"),
        ("Australia/Lord_Howe", "2026-10-03 12:00", "2026-10-03 13:30"),
        ("Africa/Cairo", "2026-04-23 12:00", "2026-04-23 22:00"),  # its midnight is leapt over
    ],
)
def test_limits_begin_anew_at_the_local_midnight(zone, now, midnight):
    found = send_window.next_day_at(MassmailSettings(time_zone=zone), utc(now)).astimezone(UTC)
    assert found == utc(midnight)
    assert MassmailSettings(time_zone=zone).local_date(found) != MassmailSettings(
        time_zone=zone
    ).local_date(utc(now))


@pytest.mark.parametrize(
    ("settings_row", "now", "closes"),
    [
        (MassmailSettings(time_zone="UTC"), "2026-05-07 12:00", "2026-05-08 00:00"),
        (hours(), "2026-05-07 12:00", "2026-05-07 17:30"),
        (hours(), "2026-05-07 18:00", "2026-05-07 17:30"),  # over
        (hours("Europe/Berlin"), "2026-05-07 12:00", "2026-05-07 15:30"),
    ],
)
def test_day_of_sending_ends(settings_row, now, closes):
    assert send_window.closes_at(settings_row, utc(now)).astimezone(UTC) == utc(closes)
