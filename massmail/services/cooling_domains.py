"""Recipient domains that rest for one account: what waits, until when, and who probes them.

A domain rests twice as long with each refusal, up to half an hour, or as long as it asks. After
that one mail probes it; the others wait until a mail was taken. It costs nothing while no domain
rests: runs read them at most once a second, and ask here only about those they know.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Case, F, Value, When

from massmail.models import CoolingDomain, Delivery
from massmail.services import retries
from massmail.services.reply_rules import Decision

logger = logging.getLogger(__name__)

PROBE_WAIT = timedelta(minutes=1)  # of the other mails, while one probes a domain
FORGOTTEN_AFTER = timedelta(days=1)  # a rest that ended so long ago is no reason to probe


def domain_of(address: str) -> str:
    """Return the domain of an address or of its key, in lower case."""
    return address.rpartition("@")[2].lower()


def active(account_id: int, now: datetime) -> dict[str, datetime]:
    """Return the domains that rest or have to be probed, with the end of their rest (SQL)."""
    known = CoolingDomain.objects.filter(email_account=account_id, until__gt=now - FORGOTTEN_AFTER)
    return dict(known.values_list("domain", "until"))


def waits(
    domains: Iterable[str], cooling: Mapping[str, datetime], now: datetime
) -> list[datetime | None]:
    """Return until when a mail to each of these domains waits, in order; None: not at all. Pure.

    The first mail to a domain whose rest is over probes it.
    """
    probed: set[str] = set()
    found: list[datetime | None] = []
    for domain in domains:
        until = cooling.get(domain)
        if until is not None and until <= now:
            until = now + PROBE_WAIT if domain in probed else None
            probed.add(domain)
        found.append(until)
    return found


def put_off(waiting: Mapping[int, datetime]) -> None:
    """Let pending rows, by id, wait until these moments (one statement)."""
    if not waiting:
        return
    moments: dict[datetime, list[int]] = {}
    for delivery_id, until in waiting.items():
        moments.setdefault(until, []).append(delivery_id)
    due_at = Case(
        *(When(pk__in=ids, then=Value(until)) for until, ids in moments.items()),
        output_field=models.DateTimeField(),
    )
    Delivery.objects.filter(pk__in=waiting, status=Delivery.Status.PENDING).update(due_at=due_at)


def cool(
    account_id: int, domain: str, decision: Decision, *, reply: str, now: datetime
) -> datetime:
    """Let a domain rest for an account, longer with each refusal in a row; return until when.

    Call it in the transaction that holds the account (three statements).
    """
    of_account = CoolingDomain.objects.filter(email_account=account_id)
    of_account.filter(until__lte=now - FORGOTTEN_AFTER).delete()
    known = of_account.filter(domain=domain).first()
    until = retries.cooling_until(
        times=known.count + 1 if known else 1,
        now=now,
        least_s=decision.rest_s,
        asked=retries.asked_wait(reply),
    )
    CoolingDomain.objects.update_or_create(
        email_account_id=account_id,
        domain=domain,
        defaults={"until": until, "why": decision.why, "count": F("count") + 1},
        create_defaults={"until": until, "why": decision.why, "count": 1},
    )
    logger.info("account %d: a domain rests until %s (%s)", account_id, until, decision.why)
    return until


def recover(account_id: int, domains: Iterable[str]) -> None:
    """Forget the rest of domains that took a mail (one statement, none without a domain)."""
    found = set(domains)
    if found:
        CoolingDomain.objects.filter(email_account=account_id, domain__in=found).delete()
