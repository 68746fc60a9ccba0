"""What would bring the end of a draft forward."""

from datetime import UTC, datetime

from massmail.models import MassmailSettings
from massmail.services.forecast import Pace, foresee
from massmail.views.alternatives import Alternative, alternatives

MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
HOURS = MassmailSettings(use_business_time=True, time_zone="UTC")


def offered(paces: list[Pace], row: MassmailSettings = HOURS) -> list[Alternative]:
    return list(alternatives(paces, foresee(paces, row, MONDAY), row, MONDAY))


def test_one_more_mailbox_and_one_more_day_are_offered() -> None:
    paces = [Pace(waiting=940, seconds_a_mail=25, per_day=94)]  # ten days: Wed 9 Dec

    assert offered(paces) == [
        Alternative("With one more mailbox", "Mon 30 Nov"),
        Alternative("If mail left on Friday too", "Fri 4 Dec"),
    ]


def test_what_saves_less_than_a_day_is_not_offered() -> None:
    assert offered([Pace(waiting=90, seconds_a_mail=25, per_day=94)]) == []


def test_where_nothing_can_be_sent_nothing_is_offered() -> None:
    assert offered([Pace(waiting=90, seconds_a_mail=25, is_off=True)]) == []


def test_fast_relay_gains_nothing_from_a_slow_mailbox() -> None:
    anytime = MassmailSettings(time_zone="UTC")
    assert offered([Pace(waiting=500_000, seconds_a_mail=0.05)], anytime) == []
