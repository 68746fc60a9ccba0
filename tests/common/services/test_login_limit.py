"""Waits grow with each failure, for a name and for an address, and end by themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.models import LoginAttempt
from common.services import login_limit
from common.services.login_limit import ADDRESS, NAME, NO_WAIT, forgive, login_keys, take_a_try

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def tries_within(duration: timedelta, *, every: timedelta, username="olga", address="") -> int:
    """How many tries are let through when somebody tries again and again."""
    allowed, now = 0, NOON
    while now < NOON + duration:
        wait = take_a_try(login_keys(username, address), now=now)
        allowed += not wait
        now += max(wait, every)
    return allowed


def test_waits_double_up_to_the_longest():
    waits = [NAME.wait_after(failures).total_seconds() for failures in range(1, 14)]
    assert waits == [0, 0, 0, 0, 15, 30, 60, 120, 240, 480, 900, 900, 900]


@given(failures=st.integers(min_value=0, max_value=10**9))
def test_no_number_of_failures_makes_a_longer_wait(failures):
    assert NO_WAIT <= ADDRESS.wait_after(failures) <= login_limit.LONGEST_WAIT


@pytest.mark.django_db
def test_a_refused_try_is_told_the_rest_of_the_wait_and_does_not_count():
    keys = login_keys("olga", "")
    for _ in range(NAME.free):
        assert take_a_try(keys, now=NOON) == NO_WAIT

    waits = [take_a_try(keys, now=NOON + timedelta(seconds=s)) for s in (0, 5, 14)]

    assert [wait.total_seconds() for wait in waits] == [15, 10, 1]
    assert LoginAttempt.objects.get().failures == NAME.free


@pytest.mark.django_db
def test_a_refused_try_costs_one_statement(django_assert_num_queries):
    keys = login_keys("olga", "192.0.2.1")
    for _ in range(NAME.free):
        take_a_try(keys, now=NOON)

    with django_assert_num_queries(1):
        assert take_a_try(keys, now=NOON)


@pytest.mark.django_db
def test_an_hour_of_trying_one_name_is_few_tries():
    assert tries_within(HOUR, every=timedelta(seconds=1)) <= 20


@pytest.mark.django_db
def test_an_hour_of_many_names_from_one_address_is_few_tries():
    allowed = 0
    for number in range(3600):
        now = NOON + timedelta(seconds=number)
        allowed += not take_a_try(login_keys(f"user{number}", "192.0.2.1"), now=now)

    assert allowed <= 20


@pytest.mark.django_db
def test_one_name_from_many_addresses_is_limited_too():
    allowed = [
        not take_a_try(login_keys("olga", f"192.0.2.{number}"), now=NOON) for number in range(50)
    ]
    assert sum(allowed) == NAME.free


@pytest.mark.django_db
def test_others_are_not_kept_out():
    tries_within(HOUR, every=timedelta(seconds=1), address="192.0.2.1")

    assert take_a_try(login_keys("maria", "192.0.2.2"), now=NOON) == NO_WAIT


@pytest.mark.django_db
@pytest.mark.parametrize("written", ["OLGA", "olga", "ｏｌｇａ"])
def test_other_ways_to_write_a_name_are_the_same_name(written):
    assert NAME.key_of(written) == NAME.key_of("olga")


@pytest.mark.django_db
def test_success_forgets_the_failures_of_the_name():
    keys = login_keys("olga", "")
    for _ in range(NAME.free - 1):
        take_a_try(keys, now=NOON)

    take_a_try(keys, now=NOON)
    forgive(keys)

    assert not LoginAttempt.objects.exists()


@pytest.mark.django_db
def test_own_account_buys_no_tries_at_those_of_others():
    allowed = 0
    for number in range(100):
        allowed += not take_a_try(login_keys(f"victim{number}", "192.0.2.1"), now=NOON)
        own = login_keys("mallory", "192.0.2.1")
        if not take_a_try(own, now=NOON):
            forgive(own)

    assert allowed <= ADDRESS.free


@pytest.mark.django_db
def test_failures_are_forgotten_after_a_day_and_rows_deleted():
    keys = login_keys("olga", "")
    for _ in range(NAME.free):
        take_a_try(keys, now=NOON)
    later = NOON + login_limit.FORGOTTEN_AFTER + timedelta(seconds=1)

    assert take_a_try(keys, now=later) == NO_WAIT
    assert LoginAttempt.objects.get().failures == 1
    assert take_a_try(login_keys("maria", ""), now=later + HOUR * 25) == NO_WAIT
    assert LoginAttempt.objects.count() == 1


@pytest.mark.django_db
def test_neither_name_nor_address_is_stored():
    take_a_try(login_keys("olga", "192.0.2.1"), now=NOON)

    stored = " ".join(LoginAttempt.objects.values_list("key", flat=True))
    assert "olga" not in stored
    assert "192.0.2" not in stored
