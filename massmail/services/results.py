"""What became of a mailing out, counted over its rows: by reason, by account, over time.

Counting a million rows takes a part of a second; so what is counted is kept as long as the
counters of the mailing out stay the same.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.core.cache import cache
from django.db.models import Count
from django.db.models.functions import TruncDay, TruncHour, TruncMinute
from django.utils import timezone

from massmail.models import Delivery, DeliveryAttempt, MailingOut
from massmail.services.smtp_replies import Action

KEPT_S = 24 * 60 * 60
SMALL_UP_TO = 20_000  # people; of so few everything is counted whenever it is asked
BARS_MAX = 180  # of a chart; earlier ones are left out
_UNITS = (  # the longest duration shown by a unit, the unit
    (dt.timedelta(hours=2), "minute"),
    (dt.timedelta(days=5), "hour"),
    (dt.timedelta.max, "day"),
)
_TRUNCATE = {"minute": TruncMinute, "hour": TruncHour, "day": TruncDay}
_SERIES = {Action.FAILED: "failed", Action.UNCERTAIN: "uncertain", Action.LATER: "later"}

AnyResult = TypeVar("AnyResult")


@dataclass(frozen=True, slots=True)
class Bar:
    """The mails of one minute, hour or day, by outcome."""

    at: dt.datetime
    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    later: int = 0  # refused for the time being


def numbers_by_reason(mailing_out: MailingOut) -> dict[str, int]:
    """Return how many rows have each reason (one statement, on an index)."""

    def count() -> dict[str, int]:
        rows = mailing_out.deliveries.order_by().exclude(reason="").values_list("reason")
        return dict(rows.annotate(number=Count("pk")))

    return _kept(mailing_out, "reasons", count)


def waiting_by_account(mailing_out: MailingOut) -> dict[int | None, int]:
    """Return how many people wait for each account (one statement over all rows)."""

    def count() -> dict[int | None, int]:
        rows = mailing_out.deliveries.order_by().filter(status=Delivery.Status.PENDING)
        return dict(rows.values_list("email_account").annotate(number=Count("pk")))

    return _kept(mailing_out, "waiting", count)


def states_by_account(mailing_out: MailingOut) -> dict[tuple[int | None, str], int]:
    """Return how many people of each account are in each state (one statement over all rows)."""

    def count() -> dict[tuple[int | None, str], int]:
        rows = mailing_out.deliveries.order_by().exclude(status=Delivery.Status.SKIPPED)
        groups = rows.values_list("email_account", "status").annotate(number=Count("pk"))
        return {(account, status): number for account, status, number in groups}

    return _kept(mailing_out, "states", count)


def unit_of(mailing_out: MailingOut, now: dt.datetime) -> str:
    """Return by what a chart counts: minute, hour or day, by how long it has lasted."""
    start = mailing_out.start_at or now
    lasted = max((mailing_out.finished_at or now) - start, dt.timedelta())
    return next(unit for longest, unit in _UNITS if lasted <= longest)


def over_time(mailing_out: MailingOut, unit: str) -> list[Bar]:
    """Return the mails by outcome in the user's time zone, the last bars (two statements).

    Units in which nothing happened have no bar.
    """
    zone = timezone.get_current_timezone()

    def count() -> list[Bar]:
        found: dict[dt.datetime, dict[str, int]] = {}
        truncate = _TRUNCATE[unit]
        sent = mailing_out.deliveries.filter(sent_at__isnull=False, status=Delivery.Status.SENT)
        grouped = sent.order_by().values_list(truncate("sent_at", tzinfo=zone))
        for at, number in grouped.annotate(number=Count("pk")):
            found.setdefault(at, {})["sent"] = number
        tried = DeliveryAttempt.objects.filter(mailing_out=mailing_out.pk, outcome__in=_SERIES)
        outcomes = tried.order_by().values_list(truncate("at", tzinfo=zone), "outcome")
        for at, outcome, number in outcomes.annotate(number=Count("pk")):
            found.setdefault(at, {})[_SERIES[Action(outcome)]] = number
        return [Bar(at, **numbers) for at, numbers in sorted(found.items())][-BARS_MAX:]

    return _kept(mailing_out, f"{unit}-{zone}", count)


def _kept(mailing_out: MailingOut, what: str, count: Callable[[], AnyResult]) -> AnyResult:
    """Return what was counted when the counters were the same, else count."""
    if mailing_out.recipients_number <= SMALL_UP_TO:
        return count()
    counters = [getattr(mailing_out, f"{status}_count") for status in Delivery.Status.values]
    stamp = "-".join(str(number) for number in (*counters, mailing_out.attempts_count))
    key = f"massmail-{what}-{mailing_out.pk}-{stamp}".replace(" ", "")
    found: AnyResult | None = cache.get(key)
    if found is None:
        found = count()
        cache.set(key, found, KEPT_S)
    return found
