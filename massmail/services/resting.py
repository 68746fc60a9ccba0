"""Which domains keep mails waiting that have a due time, and until when they really wait.

A row waits for its own moment and for the rest of its domain, whichever is later. Only the rows
whose moment comes first are read.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from massmail.models import CoolingDomain, Delivery
from massmail.services.cooling_domains import domain_of

ROWS_READ = 500


@dataclass(frozen=True, slots=True)
class RestingDomain:
    """A domain to which an account sends nothing for now, and why."""

    domain: str
    until: datetime
    why: str  # a Decision.why


@dataclass(frozen=True, slots=True)
class Rest:
    """When the first of an account's rows of one mailing out is due, and which domains matter."""

    due_at: datetime
    domains: tuple[RestingDomain, ...]


def read(pairs: Collection[tuple[int, int]], now: datetime) -> dict[tuple[int, int], Rest]:
    """Return the rests of these (mailing out, account) pairs whose rows all have a due time.

    One statement where no domain rests, none without pairs, two at most.
    """
    accounts = {account_id for _mailing_out_id, account_id in pairs}
    if not accounts:
        return {}
    known: dict[int, dict[str, RestingDomain]] = defaultdict(dict)
    for each in CoolingDomain.objects.filter(email_account__in=accounts, until__gt=now):
        domain = RestingDomain(each.domain, each.until, each.why)
        known[each.email_account_id][each.domain] = domain
    if not known:
        return {}
    return _rests(_first_rows(pairs, known), known)


_Rows = dict[tuple[int, int], list[tuple[datetime, str]]]


def _first_rows(pairs: Collection[tuple[int, int]], accounts: Collection[int]) -> _Rows:
    """Return due times and domains of the rows that come first."""
    rows = Delivery.objects.filter(
        status=Delivery.Status.PENDING,
        due_at__isnull=False,
        email_account__in=list(accounts),
        mailing_out__in={mailing_out_id for mailing_out_id, _account_id in pairs},
    ).order_by("due_at")
    found: _Rows = defaultdict(list)
    columns = rows.values_list("mailing_out_id", "email_account_id", "due_at", "address_key")
    for mailing_out_id, account_id, due_at, address_key in columns[:ROWS_READ]:
        pair = (mailing_out_id, account_id or 0)
        if pair in pairs and due_at is not None:
            found[pair].append((due_at, domain_of(address_key or "")))
    return found


def _rests(rows: _Rows, known: dict[int, dict[str, RestingDomain]]) -> dict[tuple[int, int], Rest]:
    found = {}
    for pair, waiting in rows.items():
        resting = known[pair[1]]
        hit = {resting[domain] for _due_at, domain in waiting if domain in resting}
        if hit:
            due_at = min(
                max(due_at, resting[domain].until) if domain in resting else due_at
                for due_at, domain in waiting
            )
            found[pair] = Rest(due_at, tuple(sorted(hit, key=lambda each: each.until)))
    return found
