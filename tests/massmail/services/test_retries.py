from datetime import UTC, datetime, time, timedelta
from random import Random

import pytest

from massmail.models import MassmailSettings
from massmail.services.retries import cooling_until, is_given_up, retry_at

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
