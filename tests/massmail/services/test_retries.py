from datetime import UTC, datetime, time, timedelta
from random import Random

import pytest

from massmail.models import MassmailSettings
from massmail.services.retries import asked_wait, cooling_until, is_given_up, retry_at, step_aside

NOW = datetime(2026, 5, 7, 12, tzinfo=UTC)  # a Thursday
MINUTES = [5, 15, 30, 60, 120, 240, 480, 720, 720, 720]


class Edge(Random):
    """Always the least, or the most, that may be added."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.share


@pytest.mark.parametrize(("attempts", "minutes"), list(enumerate(MINUTES, start=1)))
def test_the_schedule_and_up_to_a_fifth_more(attempts, minutes):
    waits = [
        (retry_at(MassmailSettings(), attempts=attempts, now=NOW, random=Edge(share)) - NOW)
        for share in (0.0, 0.5, 1.0)
    ]
    assert [wait / timedelta(minutes=minutes) for wait in waits] == pytest.approx([1, 1.1, 1.2])


def test_retries_of_one_moment_spread():
    random = Random(1)
    moments = {retry_at(MassmailSettings(), attempts=1, now=NOW, random=random) for _ in range(50)}
    assert len(moments) == 50
    assert min(moments) >= NOW + timedelta(minutes=5)
    assert max(moments) <= NOW + timedelta(minutes=6)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        (4, NOW + timedelta(hours=1)),
        (8, datetime(2026, 5, 11, 8, 30, tzinfo=UTC)),  # midnight: on Monday, when they open
    ],
)
def test_outside_the_sending_hours_means_when_they_open(attempts, expected):
    settings_row = MassmailSettings(
        use_business_time=True,
        business_time_start=time(8, 30),
        business_time_end=time(17, 30),
        time_zone="UTC",
    )
    assert retry_at(settings_row, attempts=attempts, now=NOW, random=Edge(0)) == expected


@pytest.mark.parametrize(
    ("attempts", "hours", "given_up"),
    [
        (5, 72, False),
        (6, 72, True),
        (6, 71.9999, False),
        (7, 72, True),
        (100, 71, False),
        (5, 1000, False),
        (1, 0, False),
    ],
)
def test_given_up_at_the_sixth_attempt_that_is_72_hours_after_the_first(attempts, hours, given_up):
    first = NOW - timedelta(hours=hours)
    assert is_given_up(attempts=attempts, first_attempt_at=first, now=NOW) is given_up


def test_without_a_first_attempt_nothing_is_given_up():
    assert not is_given_up(attempts=9, first_attempt_at=None, now=NOW)


def test_a_server_that_always_defers_is_asked_from_6_to_15_times():
    for share in (0.0, 1.0):
        now, attempts = NOW, 1
        while not is_given_up(attempts=attempts, first_attempt_at=NOW, now=now):
            now = retry_at(MassmailSettings(), attempts=attempts, now=now, random=Edge(share))
            attempts += 1
        assert 6 <= attempts <= 15
        assert timedelta(hours=72) <= now - NOW <= timedelta(hours=72 + 14.4)


@pytest.mark.parametrize(
    ("times", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (1000, 30)]
)
def test_an_account_rests_twice_as_long_each_time_up_to_half_an_hour(times, minutes):
    assert cooling_until(times=times, now=NOW) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("451 4.7.1 Greylisted, please try again in 300 seconds", 5),
        ("450 4.7.1 Greylisting in action, please come back in 00:05:00", 5),
        ("451 4.7.1 Greylisting in action, please come back in 01:30:00", 90),
        ("450 Greylisted for 5 minutes, see sqlgrey", 5),
        ("451 ann@example.com: greylisted, try again in 10 minutes", 10),
        ("450 4.7.1 Recipient temporarily deferred, retry in 120 secs", 2),
        ("421 4.7.0 recipient limit exceeded. Try again after 1 hour", 60),
        ("421 slow down; retry after 15 min", 15),
        ("421 slow down; wait 2h before the next mail", 120),
        ("454 Throttled. Retry-After: 600", 10),
        ("450 Please retry\nin 90 s", 1.5),
        ("450 try again in 5 seconds", 1),  # never below a minute
        ("450 try again in 30 days", 360),  # never above 6 hours
        ("450 try again in 999999 hours", 360),
    ],
)
def test_what_a_server_asks_for(text, minutes):
    assert asked_wait(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "450 try again later",
        "451 4.7.500 Server busy. Please try again later from [192.0.2.14]. (S77719)",
        "450 too many messages: 300 in 60 seconds are allowed",
        "450 retry 5 times",
        "450 try again in 0 seconds",
        "450 try again in 3 months",
        "550 5.2.1 try ann24@example.com",
        "451 Retry-After: soon",
        "no answer in time",
    ],
)
def test_what_asks_for_no_wait(text):
    assert asked_wait(text) is None


@pytest.mark.parametrize(
    ("attempts", "asked", "expected"),
    [
        (1, 1, 1),  # the first retry comes when the server wants it
        (1, 90, 90),
        (1, 360, 360),
        (2, 1, 15),  # a server that always says the same is not asked for ever
        (2, 20, 20),
        (5, 60, 120),
    ],
)
def test_what_is_asked_for_replaces_the_first_delay_and_bounds_the_others(
    attempts, asked, expected
):
    due = retry_at(
        MassmailSettings(),
        attempts=attempts,
        now=NOW,
        random=Edge(0),
        asked=timedelta(minutes=asked),
    )
    assert due == NOW + timedelta(minutes=expected)


@pytest.mark.parametrize(
    ("times", "least_s", "asked_minutes", "minutes"),
    [
        (1, 3600, None, 60),
        (7, 3600, None, 60),
        (7, 60, None, 30),
        (1, 0, 15, 15),
        (6, 0, 15, 30),
        (1, 3600, 120, 120),
    ],
)
def test_a_rest_is_the_longest_of_what_is_due(times, least_s, asked_minutes, minutes):
    asked = timedelta(minutes=asked_minutes) if asked_minutes else None
    until = cooling_until(times=times, now=NOW, least_s=least_s, asked=asked)
    assert until == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("times", "minutes"),
    [(0, 0), (1, 0), (2, 5), (3, 15), (4, 30), (5, 60), (6, 60), (1000, 60)],
)
def test_a_row_steps_aside_from_the_third_trouble_on(times, minutes):
    assert step_aside(times) == timedelta(minutes=minutes)
