"""When a mailing out will be done: against a simulated run, and what must always hold."""

import math
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from random import Random

import pytest

from massmail.models import EmailAccount, MassmailSettings
from massmail.services import send_window
from massmail.services.forecast import (
    Forecast,
    Pace,
    foresee,
    new_mailbox,
    seconds_a_mail,
    with_one_more,
    with_one_more_day,
)

MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CASES = 200  # of each property


def hours(**values) -> MassmailSettings:
    """Mondays to Thursdays, 08:30 to 17:30 UTC, unless told otherwise."""
    return MassmailSettings(**{"use_business_time": True, "time_zone": "UTC", **values})


ANY_TIME = MassmailSettings(time_zone="UTC")


def random_paces(random: Random) -> list[Pace]:
    return [
        Pace(
            waiting=random.randint(1, 400),
            seconds_a_mail=random.choice([0.5, 20, 25, 90, 600]),
            per_day=random.choice([None, 10, 94]),
            used_today=random.choice([0, 5, 94]),
            spreads=random.random() < 0.3,
            free_at=random.choice([None, MONDAY_NOON + timedelta(hours=random.randint(0, 90))]),
            others=tuple(random.choices([0, 5, 300], k=random.randint(0, 2))),
        )
        for _ in range(random.randint(1, 4))
    ]


def simulated_end(paces: list[Pace], row: MassmailSettings, now: datetime) -> datetime:
    """The end of a run that sends mail after mail, mailing outs in turn."""
    return max(_simulated(pace, row, now) for pace in paces)


def _simulated(pace: Pace, row: MassmailSettings, now: datetime) -> datetime:  # noqa: PLR0915  # one loop is easiest to trust
    queues = [pace.waiting, *pace.others]
    at = max(now, pace.free_at or now)
    today, used = row.local_date(now), pace.used_today
    turn, step_s = len(queues) - 1, 0.0
    while True:
        if row.local_date(at) != today:
            today, used, step_s = row.local_date(at), 0, 0.0
        opens_at = send_window.opens_at(row, at)
        if opens_at is not None:
            at = opens_at
            continue
        if pace.per_day is not None and used >= pace.per_day:
            at = send_window.next_day_at(row, at).astimezone(UTC)
            continue
        day = send_window.hours_of(row, today)
        assert day is not None
        if not step_s:
            open_s = (day[1] - at).total_seconds()
            step_s = pace.seconds_a_mail
            if pace.spreads and pace.per_day is not None:
                step_s = max(step_s, open_s / (pace.per_day - used))
        while not queues[turn]:
            turn = (turn - 1) % len(queues)
        queues[turn] -= 1
        used += 1
        if not queues[0]:
            return at
        turn = (turn - 1) % len(queues)
        at += timedelta(seconds=step_s)


@pytest.mark.parametrize("row", [hours(), hours(friday=True), ANY_TIME], ids=["hours", "5", "any"])
def test_forecast_agrees_with_a_simulated_run(row: MassmailSettings) -> None:
    random = Random(1)
    for _ in range(CASES // 20):
        paces = random_paces(random)
        found = foresee(paces, row, MONDAY_NOON).ends_at
        assert found is not None
        difference = abs(found - simulated_end(paces, row, MONDAY_NOON))
        turn_s = max(pace.seconds_a_mail for pace in paces) * 4
        spread_s = 24 * 3600 if any(pace.spreads for pace in paces) else 0
        assert difference <= timedelta(seconds=turn_s + spread_s), paces


def test_more_accounts_are_never_later() -> None:
    random = Random(2)
    for _ in range(CASES):
        one = replace(random.choice(random_paces(random)), others=())
        ends = [_end(_shared(one, number), hours()) for number in range(1, 6)]
        assert ends == sorted(ends, reverse=True)


def test_fewer_people_more_days_and_higher_limits_are_never_later() -> None:
    random = Random(3)
    for _ in range(CASES):
        paces = random_paces(random)
        base = _end(paces, hours())
        fewer = [replace(pace, waiting=pace.waiting - 1) for pace in paces]
        faster = [replace(pace, per_day=pace.per_day and pace.per_day * 2) for pace in paces]
        alone = [replace(pace, others=()) for pace in paces]
        assert _end(fewer, hours()) <= base
        assert _end(faster, hours()) <= base
        assert _end(alone, hours()) <= base
        assert _end(paces, hours(friday=True)) <= base
        at_once = [replace(pace, spreads=False) for pace in paces]
        longer = hours(business_time_end=time(18, 30))
        assert _end(at_once, longer) <= _end(at_once, hours())


def _shared(one: Pace, number: int) -> list[Pace]:
    """The work of one account shared by so many like it."""
    paces = [one]
    for _ in range(number - 1):
        paces = with_one_more(paces, replace(one, waiting=0))
    return paces


def _end(paces: list[Pace], row: MassmailSettings) -> datetime:
    ends_at = foresee(paces, row, MONDAY_NOON).ends_at
    return ends_at or MONDAY_NOON


def test_daily_limit_makes_the_days() -> None:
    pace = Pace(waiting=250, seconds_a_mail=25, per_day=94, used_today=94)

    found = foresee([pace], hours(), MONDAY_NOON)

    # 94 on Tuesday and on Wednesday, 62 on Thursday
    assert found.sending_days == 3
    thursday = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    assert found.ends_at == thursday + timedelta(seconds=61 * 25)
    assert found.first_at == datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    assert found.per_hour == 0


def test_weeks_are_leapt_over_without_losing_a_day() -> None:
    pace = Pace(waiting=94 * 100, seconds_a_mail=25, per_day=94)

    found = foresee([pace], hours(), datetime(2026, 11, 23, 6, 0, tzinfo=UTC))

    assert found.sending_days == 100  # 25 weeks of four days
    assert found.ends_at is not None
    assert found.ends_at.date().isoformat() == "2027-05-13"


def test_account_that_is_off_keeps_its_mails() -> None:
    off = Pace(waiting=3, seconds_a_mail=1, is_off=True)

    assert foresee([off], ANY_TIME, MONDAY_NOON) == Forecast(stuck=3)


def test_what_takes_decades_is_called_far() -> None:
    pace = Pace(waiting=10**7, seconds_a_mail=25, per_day=94)

    assert foresee([pace], hours(), MONDAY_NOON).is_far


def test_pace_an_hour_counts_what_may_leave_now() -> None:
    pace = Pace(waiting=1_000, seconds_a_mail=36, per_day=500)
    shared = replace(pace, others=(7,))

    assert foresee([pace], hours(), MONDAY_NOON).per_hour == 100
    assert foresee([pace, shared], hours(), MONDAY_NOON).per_hour == 150
    assert foresee([pace], hours(), MONDAY_NOON - timedelta(hours=6)).per_hour == 0


def test_one_more_mailbox_shares_what_others_could_do() -> None:
    paces = [
        Pace(waiting=100, seconds_a_mail=25, per_day=94),
        Pace(waiting=7, seconds_a_mail=25, per_day=94, is_movable=False),
    ]

    shared = with_one_more(paces, new_mailbox(hours()))

    assert sorted(pace.waiting for pace in shared) == [7, 50, 50]
    assert sum(pace.waiting for pace in shared) == 107


@pytest.mark.parametrize(
    ("row", "day"),
    [
        (hours(), 4),
        (hours(friday=True), 5),
        (hours(friday=True, saturday=True, sunday=True), None),
        (hours(sunday=True), 4),
        (ANY_TIME, None),
    ],
)
def test_next_weekday_to_send_on(row: MassmailSettings, day: int | None) -> None:
    before = row.sending_days
    found = with_one_more_day(row)

    assert (found and found[0]) == day
    assert row.sending_days == before  # the settings themselves stay
    if found:
        assert sum(found[1].sending_days) == sum(before) + 1


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({"kind": "mailbox"}, 25),
        ({"kind": "mailbox", "gap_min_s": 60, "gap_max_s": 120}, 90),
        ({"kind": "relay", "per_second": 4.0}, 0.25),
        ({"kind": "relay", "connections": 5}, 0.01),
    ],
)
def test_seconds_a_mail(values: dict[str, object], seconds: float) -> None:
    assert math.isclose(seconds_a_mail(EmailAccount(**values), ANY_TIME), seconds)
