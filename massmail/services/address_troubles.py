"""Addresses that are written to no more: at once, or when a trouble came again over some time.

A mail that was taken meanwhile begins the count anew, as a suppression does when it is made: lifted
by a person, or over by itself, it takes as many troubles again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from massmail.models import AddressTrouble, Delivery, MailingOut, Suppression
from massmail.services.reply_rules import Decision, Repeated

logger = logging.getLogger(__name__)

SOURCE_MAX = 500  # characters


@dataclass(frozen=True, slots=True)
class Limit:
    """How many troubles, over how long, suppress an address, and for how long (None: for ever)."""

    count: int
    over: timedelta
    lasts: timedelta | None = None


LIMITS = {
    Repeated.DOMAIN: Limit(2, timedelta(hours=24)),
    Repeated.INACTIVE: Limit(2, timedelta(days=7)),
    Repeated.SOFT: Limit(5, timedelta(days=14), timedelta(days=30)),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A mail that an address did not get, for a reason that is the address's own."""

    address_key: str
    decision: Decision
    source: str  # in words, for those who look at the suppression


def note(troubles: Sequence[Trouble], *, now: datetime) -> None:
    """Suppress these addresses, or count their trouble (about three statements each).

    In the order of the keys, so that two runs never wait for each other in a circle.
    """
    for trouble in sorted(troubles, key=lambda each: each.address_key):
        if trouble.decision.suppress:
            suppress(trouble.address_key, until=None, source=trouble.source, now=now)
        elif trouble.decision.repeated:
            _count(trouble, now)


def suppress(key: str, *, until: datetime | None, source: str, now: datetime) -> None:
    """See that nothing is sent to an address until then (None: for ever).

    What is in force for as long or longer stays as it is.
    """
    row, made = Suppression.objects.get_or_create(
        address_key=key,
        kind=Suppression.Kind.BOUNCED,
        defaults={"created_at": now, "until": until, "source": source[:SOURCE_MAX]},
    )
    if made or row.until is None or (until is not None and until <= row.until):
        return
    Suppression.objects.filter(pk=row.pk).update(
        created_at=now, until=until, source=source[:SOURCE_MAX]
    )


def _count(trouble: Trouble, now: datetime) -> None:
    key, kind = trouble.address_key, trouble.decision.repeated
    row, made = AddressTrouble.objects.select_for_update().get_or_create(
        address_key=key, kind=kind, defaults={"first_at": now, "last_at": now}
    )
    if made:
        return
    limit = LIMITS[kind]
    is_enough = row.count + 1 >= limit.count and now - row.first_at >= limit.over
    if is_enough and not _took_mail_since(key, row.first_at):
        until = now + limit.lasts if limit.lasts else None
        suppress(key, until=until, source=trouble.source, now=now)
        row.delete()
        logger.info("an address is suppressed after %d troubles (%s)", row.count + 1, kind)
        return
    row.count, row.last_at = (1 if is_enough else row.count + 1), now
    row.first_at = now if is_enough else row.first_at
    row.save(update_fields=["count", "first_at", "last_at"])


def _took_mail_since(key: str, moment: datetime) -> bool:
    """Tell whether a mail to the address was taken since then.

    Asked by mailing out, as the ledger's index goes; only where an address would be suppressed.
    """
    open_since = MailingOut.objects.filter(
        Q(finished_at=None) | Q(finished_at__gte=moment), started_at__isnull=False
    )
    return Delivery.objects.filter(
        mailing_out__in=open_since,
        address_key=key,
        duplicate_of=None,
        status=Delivery.Status.SENT,
        sent_at__gte=moment,
    ).exists()
