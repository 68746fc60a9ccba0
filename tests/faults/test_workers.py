"""The measures that experiments with real processes go by."""

import pytest

from tests.faults.accept_log import Accepted
from tests.faults.workers import longest_silence_s, recoveries_s

pytestmark = [pytest.mark.faults, pytest.mark.once]


def taken(*moments: tuple[float, str]) -> list[Accepted]:
    return [
        Accepted(at, f"<{number}@{account}>", "ann@example.com", 1)
        for number, (at, account) in enumerate(moments)
    ]


def test_recovery_is_that_of_the_last_account():
    accepted = taken((1, "a"), (2, "b"), (3, "a"), (9, "b"))
    assert recoveries_s([2.5], accepted) == [6.5]


def test_account_that_had_nothing_left_recovers_at_once():
    accepted = taken((1, "a"), (2, "b"), (3, "a"))
    assert recoveries_s([2.5, 5], accepted) == [0.5, 0]


def test_silence_is_that_of_one_account():
    accepted = taken((7, "a"), (1, "a"), (2, "b"), (4, "b"))
    assert longest_silence_s(accepted) == 6
