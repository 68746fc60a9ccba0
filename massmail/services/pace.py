"""When an account may send its next mail: the gap, stretched over the day if the owner wishes so.

Pure, but for `wait_at_least` and `shorten_wait`. Limits and cooling are judged in `account_health`.
"""

from datetime import datetime, timedelta
from random import Random

from django.db.models import Q

from massmail.models import EmailAccount, MassmailSettings
from massmail.services import send_window

EASES_IN = timedelta(hours=1)  # a rate lowered after throttling doubles in this time
EASED_AFTER = timedelta(hours=6)  # 64 times as much: then it is lowered no more
SLOW_RATE = 0.2  # mails a second; below it a run would wait idle, so the rate becomes a gap
SPREAD_JITTER = 0.2  # of the even gap, to either side: a person keeps no exact time


def rate(account: EmailAccount, now: datetime) -> float | None:
    """Return how many mails a second may leave: the account's rate, less after throttling.

    None: as many as the server takes. A lowered rate grows back by itself.
    """
    if account.slow_per_second is None or account.slow_since is None:
        return account.per_second
    passed = max(now - account.slow_since, timedelta())
    if passed >= EASED_AFTER:
        return account.per_second
    eased: float = account.slow_per_second * 2 ** (passed / EASES_IN)
    return eased if account.per_second is None else min(eased, account.per_second)


def is_slowed(account: EmailAccount, now: datetime) -> bool:
    """Tell whether the account still sends slower than it may, after throttling."""
    return rate(account, now) != account.per_second


def slower(measured: float) -> float:
    """Return the rate after a server throttled one that was `measured`: half of it.

    Not below what a run can keep without waiting idle.
    """
    return max(SLOW_RATE, measured / 2)


def keeps_gap(account: EmailAccount, settings_row: MassmailSettings) -> bool:
    """Tell whether the account sends one mail at a time, with a wait after each."""
    return gap_range_s(account, settings_row)[1] > 0 or spreads(account, settings_row)


def keeping_gap(settings_row: MassmailSettings) -> Q:
    """Return which accounts keep a gap: the same as `keeps_gap`, for a query."""
    mailbox = Q(kind=EmailAccount.Kind.MAILBOX)
    own = Q(gap_min_s__isnull=False, gap_max_s__isnull=False)
    by_kind = mailbox & ~own if settings_row.gap_max_s > 0 else Q(pk__in=[])
    has_limit = Q(daily_limit=None) | Q(daily_limit__gt=0)
    spread = mailbox & has_limit & Q(spread_over_day=True)
    return (own & Q(gap_max_s__gt=0)) | by_kind | spread | Q(per_second__lt=SLOW_RATE)


def gap_range_s(account: EmailAccount, settings_row: MassmailSettings) -> tuple[float, float]:
    """Return the shortest and longest gap, in seconds: the account's, or that of a slow rate."""
    shortest, longest = account.effective_gap_s(settings_row)
    rate = account.per_second
    rate_gap_s = 1 / rate if rate and rate < SLOW_RATE else 0
    return max(shortest, rate_gap_s), max(longest, rate_gap_s)


def spreads(account: EmailAccount, settings_row: MassmailSettings) -> bool:
    """Tell whether the account stretches its gaps over the day: a mailbox with a limit."""
    return (
        account.spread_over_day
        and account.kind == EmailAccount.Kind.MAILBOX
        and account.effective_daily_limit(settings_row) is not None
    )


def next_send_at(
    account: EmailAccount, settings_row: MassmailSettings, *, now: datetime, random: Random
) -> datetime | None:
    """Return when the account may send again after a mail at `now`; None: at once.

    The mail is already counted. The gap is never shorter than the account's own.
    """
    if not keeps_gap(account, settings_row):
        return None
    shortest, longest = gap_range_s(account, settings_row)
    gap_s = random.uniform(shortest, longest)
    even_s = even_gap_s(account, settings_row, now)
    if even_s is not None:
        even_s *= random.uniform(1 - SPREAD_JITTER, 1 + SPREAD_JITTER)
        gap_s = max(gap_s, even_s)
    return now + timedelta(seconds=gap_s)


def even_gap_s(
    account: EmailAccount, settings_row: MassmailSettings, now: datetime
) -> float | None:
    """Return the gap, in seconds, at which what is left of today's limit lasts until sending ends.

    The last mail then leaves one gap before the end. None: the account does not spread its mails,
    nothing is left of the limit, or today's sending has ended.
    """
    left = account.allowance_left(settings_row, settings_row.local_date(now))
    rest_s = (send_window.closes_at(settings_row, now) - now).total_seconds()
    if not spreads(account, settings_row) or not left or rest_s <= 0:
        return None
    return rest_s / (left + 1)


def wait_at_least(account_id: int, wait_s: float, *, now: datetime) -> None:
    """Let the next run keep a rate too: its bucket begins where that of the last one ends (SQL)."""
    until = now + timedelta(seconds=wait_s)
    accounts = EmailAccount.objects.filter(pk=account_id)
    accounts.filter(Q(next_send_at=None) | Q(next_send_at__lt=until)).update(next_send_at=until)


def shorten_wait(account_id: int, *, now: datetime) -> None:
    """Let changed limits count at once: nobody waits longer than the new gap from now (SQL)."""
    account = EmailAccount.objects.get(pk=account_id)
    settings_row = MassmailSettings.load()
    longest_s = max(
        gap_range_s(account, settings_row)[1], even_gap_s(account, settings_row, now) or 0
    )
    latest = now + timedelta(seconds=longest_s)
    EmailAccount.objects.filter(pk=account_id, next_send_at__gt=latest).update(next_send_at=latest)
