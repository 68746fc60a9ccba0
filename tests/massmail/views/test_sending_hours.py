"""The sending hours in words."""

from datetime import UTC, datetime

import pytest

from massmail.models import MassmailSettings
from massmail.views.sending_hours import days_in_words, hours_in_words, hours_of

SUNDAY_NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOURS = MassmailSettings(use_business_time=True, time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ("1111000", "Mon–Thu"),
        ("1010001", "Mon, Wed, Sun"),
        ("1100011", "Mon–Tue, Sat–Sun"),
        ("0000000", ""),
    ],
)
def test_days_in_a_row_are_joined(days: str, words: str) -> None:
    assert days_in_words(tuple(day == "1" for day in days)) == words


def test_hours_have_their_zone() -> None:
    assert hours_of(HOURS) == "Mon–Thu 08:30–17:30 Europe/Berlin"
    assert hours_of(MassmailSettings()) == ""


def test_example_says_when_a_first_mail_would_leave() -> None:
    assert hours_in_words(HOURS, MONDAY_NOON).endswith("Started now, a first mail leaves at once.")
    outside = hours_in_words(HOURS, SUNDAY_NOON)
    assert outside.endswith("Started now, a first mail leaves 11/23/2026 8:30 a.m. CET.")
    assert hours_in_words(MassmailSettings(), SUNDAY_NOON) == (
        "Mail leaves at any hour, on any day."
    )
