"""Which domains rest for some accounts, for the explanation of what waits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from massmail.models import CoolingDomain


@dataclass(frozen=True, slots=True)
class RestingDomain:
    """A domain to which an account sends nothing for now, and why."""

    domain: str
    until: datetime
    why: str  # a Decision.why


def read(account_ids: Collection[int], now: datetime) -> dict[tuple[int, str], RestingDomain]:
    """Return what rests, by account and domain (one statement, none without accounts)."""
    if not account_ids:
        return {}
    rows = CoolingDomain.objects.filter(email_account__in=account_ids, until__gt=now)
    return {
        (each.email_account_id, each.domain): RestingDomain(each.domain, each.until, each.why)
        for each in rows
    }
