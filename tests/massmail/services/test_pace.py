"""The gap after a mail: random, that of a slow rate, or stretched so that the day's limit lasts."""

import random
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise, product

import pytest

from massmail.models import EmailAccount, MassmailSettings
from massmail.services import pace
from massmail.services.pace import keeps_gap
from tests.factories import EmailAccountFactory, UserFactory

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)  # a Monday
SETTINGS = MassmailSettings(time_zone="UTC")
UNTIL_SIX = MassmailSettings(
    time_zone="UTC",
    use_business_time=True,
    business_time_start=time(8),
    business_time_end=time(18),
)


def mailbox(**values) -> EmailAccount:
    values = {"daily_limit": 10, "today_date": NOON.date(), "today_count": 4, **values}
    return EmailAccount(kind=EmailAccount.Kind.MAILBOX, spread_over_day=True, **values)


def waits_s(account: EmailAccount, settings_row: MassmailSettings, now=NOON) -> float | None:
    at = pace.next_send_at(account, settings_row, now=now, random=random.Random(1))
    return None if at is None else (at - now).total_seconds()


def test_relay_without_gap_waits_for_nothing():
    relay = EmailAccount(kind=EmailAccount.Kind.RELAY)

    assert (pace.keeps_gap(relay, SETTINGS), waits_s(relay, SETTINGS)) == (False, None)


def test_mailbox_waits_the_gap_of_the_settings():
    account = EmailAccount(kind=EmailAccount.Kind.MAILBOX)

    waited = waits_s(account, SETTINGS)

    assert waited is not None
    assert 15 <= waited <= 35


def test_slow_rate_is_a_gap():
    relay = EmailAccount(kind=EmailAccount.Kind.RELAY, per_second=0.1)

    assert (pace.keeps_gap(relay, SETTINGS), waits_s(relay, SETTINGS)) == (True, 10)


def test_ordinary_rate_is_kept_by_the_run_alone():
    relay = EmailAccount(kind=EmailAccount.Kind.RELAY, per_second=14)

    assert (pace.keeps_gap(relay, SETTINGS), waits_s(relay, SETTINGS)) == (False, None)


@pytest.mark.parametrize(
    ("settings_row", "rest_h"),
    [(SETTINGS, 12), (UNTIL_SIX, 6)],  # until midnight, and until the sending hours end
)
def test_what_is_left_lasts_until_sending_ends(settings_row, rest_h):
    account = mailbox()

    even_s = pace.even_gap_s(account, settings_row, NOON)
    waited = waits_s(account, settings_row)

    assert even_s is not None
    assert even_s == rest_h * 3600 / 7  # six mails are left, and one gap behind the last
    assert waited is not None
    assert even_s * 0.8 <= waited <= even_s * 1.2


def test_days_mails_leave_evenly_and_all_of_them():
    account, now, left_at = mailbox(today_count=0), NOON.replace(hour=8), []
    source = random.Random(7)

    while account.today_count < 10:
        account.today_count += 1  # a mail leaves
        left_at.append(now)
        after = pace.next_send_at(account, UNTIL_SIX, now=now, random=source)
        assert after is not None
        now = after

    gaps_s = [(b - a).total_seconds() for a, b in pairwise(left_at)]
    assert left_at[-1] < NOON.replace(hour=18)
    assert all(3600 * 0.7 <= gap_s <= 3600 * 1.4 for gap_s in gaps_s)


def test_gap_is_never_shorter_than_the_accounts():
    account = mailbox(gap_min_s=40, gap_max_s=40)
    almost_over = NOON.replace(hour=17, minute=59)

    assert waits_s(account, UNTIL_SIX, almost_over) == 40


@pytest.mark.parametrize(
    "values",
    [
        {"spread_over_day": False},
        {"daily_limit": 0},  # no limit
        {"today_count": 10},  # nothing left
        {"kind": EmailAccount.Kind.RELAY},
    ],
)
def test_gap_is_not_stretched(values):
    account = mailbox()
    for name, value in values.items():
        setattr(account, name, value)

    assert pace.even_gap_s(account, SETTINGS, NOON) is None


def test_gap_is_not_stretched_once_the_hours_are_over():
    assert pace.even_gap_s(mailbox(), UNTIL_SIX, NOON.replace(hour=19)) is None


def test_last_mail_of_the_day_leaves_in_the_middle_of_the_rest():
    assert pace.even_gap_s(mailbox(today_count=9), UNTIL_SIX, NOON) == 3 * 3600


def test_spreading_mailbox_without_gap_still_sends_one_at_a_time():
    account = mailbox(gap_min_s=0, gap_max_s=0)

    assert pace.keeps_gap(account, SETTINGS)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stored_s", "expected_s"), [(None, None), (30, 30), (-5, -5), (4 * 3600, 35)]
)
def test_changed_limits_shorten_a_wait_and_lengthen_none(stored_s, expected_s):
    def at(seconds):
        return None if seconds is None else NOON + timedelta(seconds=seconds)

    account = EmailAccountFactory.create(kind=EmailAccount.Kind.MAILBOX, next_send_at=at(stored_s))

    pace.shorten_wait(account.pk, now=NOON)

    account.refresh_from_db()
    assert account.next_send_at == at(expected_s)


@pytest.mark.django_db
@pytest.mark.parametrize(("stored_s", "expected_s"), [(None, 2), (1, 2), (30, 30)])
def test_wait_is_lengthened_and_never_shortened(stored_s, expected_s):
    stored = None if stored_s is None else NOON + timedelta(seconds=stored_s)
    account = EmailAccountFactory.create(next_send_at=stored)

    pace.wait_at_least(account.pk, 2, now=NOON)

    account.refresh_from_db()
    assert account.next_send_at == NOON + timedelta(seconds=expected_s)


@pytest.mark.django_db
@pytest.mark.parametrize("gap_max_s", [0, 35])
def test_the_query_names_the_accounts_that_keep_a_gap(gap_max_s):
    settings_row = MassmailSettings(time_zone="UTC", gap_min_s=0, gap_max_s=gap_max_s)
    owner = UserFactory.create()
    EmailAccount.objects.bulk_create(
        EmailAccountFactory.build(
            owner=owner,
            kind=kind,
            gap_min_s=None if gap is None else 0,
            gap_max_s=gap,
            per_second=rate,
            daily_limit=limit,
            spread_over_day=spread,
        )
        for kind, gap, rate, limit, spread in product(
            EmailAccount.Kind, (None, 0, 9), (None, 0.1, 14), (None, 0, 9), (False, True)
        )
    )

    found = set(EmailAccount.objects.filter(pace.keeping_gap(settings_row)))

    assert found == {each for each in EmailAccount.objects.all() if keeps_gap(each, settings_row)}


@pytest.mark.parametrize(
    ("own", "slowed_to", "hours", "expected"),
    [
        (None, None, 0, None),
        (14, None, 0, 14),
        (None, 4, 0, 4),
        (None, 4, -1, 4),  # a clock that went back
        (None, 4, 1, 8),
        (None, 4, 3, 32),
        (None, 300, 2, 1200),
        (None, 0.2, 6, None),  # forgotten
        (14, 0.2, 1_000, 14),
        (14, 4, 0, 4),
        (14, 4, 1, 8),
        (14, 4, 2, 14),
    ],
)
def test_rate_is_lower_after_throttling_and_grows_back(own, slowed_to, hours, expected):
    since = NOON - timedelta(hours=hours)
    account = EmailAccount(per_second=own, slow_per_second=slowed_to, slow_since=since)
    assert pace.rate(account, NOON) == expected


@pytest.mark.parametrize(("measured", "slower"), [(100, 50), (1, 0.5), (0.1, pace.SLOW_RATE)])
def test_throttled_rate_is_halved(measured, slower):
    assert pace.slower(measured) == slower
