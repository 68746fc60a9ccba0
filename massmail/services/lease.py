"""Who holds an account: one run at a time, for as long as it keeps renewing its lease.

A lease is a promise with two readers. The database's clock says when others may take the run for
dead; the process's own clock says, earlier, when it must begin nothing more.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from massmail.clock import boot_seconds
from massmail.models import (
    AccountShare,
    Delivery,
    DeliveryAttempt,
    EmailAccount,
    FailReason,
    MailingOut,
)
from massmail.models.delivery import DeliveryQuerySet
from massmail.services.tally import Tally

logger = logging.getLogger(__name__)

_STATUS = Delivery.Status
DIED = "died"  # why an attempt has no reply: its process ended


@dataclass
class Lease:
    """One run's hold of one account, by this process's own clock."""

    account_id: int
    run_id: uuid.UUID
    renewed_s: float  # boot seconds, taken before the statement that renewed it was sent
    length_s: float = field(default_factory=lambda: settings.MASSMAIL_LEASE_S)
    clock: Callable[[], float] = boot_seconds

    def may_begin(self) -> bool:
        """Tell whether a body may be begun: more than a third of the lease is left."""
        return self.clock() - self.renewed_s < self.length_s * 2 / 3

    def is_over(self) -> bool:
        """Tell whether others may have taken the run for dead by now."""
        return self.clock() - self.renewed_s >= self.length_s

    def is_due(self) -> bool:
        """Tell whether it is time to renew: a third of the lease has gone by."""
        return self.clock() - self.renewed_s >= self.length_s / 3


def lease_until(now: datetime) -> datetime:
    """Return when a lease given now runs out, by the database's clock."""
    return now + timedelta(seconds=settings.MASSMAIL_LEASE_S)


def take(
    account_id: int, *, now: datetime, clock: Callable[[], float] = boot_seconds
) -> Lease | None:
    """Take an account that no run holds and that is on; None if somebody else was first."""
    before = clock()
    run_id = uuid.uuid4()
    taken = EmailAccount.objects.filter(pk=account_id, run_id=None, massmail=True).update(
        run_id=run_id, run_lease_until=lease_until(now)
    )
    return Lease(account_id, run_id, before, clock=clock) if taken else None


def renew(lease: Lease, *, now: datetime) -> bool:
    """Renew a lease; False if the run was taken for dead meanwhile."""
    before = lease.clock()
    renewed = EmailAccount.objects.filter(pk=lease.account_id, run_id=lease.run_id).update(
        run_lease_until=lease_until(now)
    )
    if renewed:
        lease.renewed_s = before
    return bool(renewed)


def release(lease: Lease) -> None:
    """Give the account back. All rows of the run must be recorded or returned before."""
    EmailAccount.objects.filter(pk=lease.account_id, run_id=lease.run_id).update(
        run_id=None, run_lease_until=None
    )


def expire(*, now: datetime) -> int:
    """Free the accounts of runs that are dead by their lease; return how many rows are in doubt.

    Their rows may have been sent: they become `uncertain`. A row that a person had sent again
    and that meets a dead process a second time is `failed` (poison). The next window of such a
    mailing out has one mail.
    """
    in_doubt = 0
    dead = EmailAccount.objects.filter(run_lease_until__lt=now).order_by("pk")
    for account_id, run_id in dead.values_list("pk", "run_id"):
        with transaction.atomic():
            # one whose transaction is frozen keeps its row; that must not stop all others
            free = EmailAccount.objects.select_for_update(skip_locked=True).filter(
                pk=account_id, run_id=run_id, run_lease_until__lt=now
            )
            if free.first() is not None:
                EmailAccount.objects.filter(pk=account_id).update(run_id=None, run_lease_until=None)
                in_doubt += _doubt(Delivery.objects.filter(email_account=account_id), now=now)
                logger.warning("account %d: its run is dead", account_id)
    return in_doubt + _expire_orphans(now=now)


def _expire_orphans(*, now: datetime) -> int:
    """Settle rows in flight that no run holds: their account was deleted under them."""
    held = AccountShare.objects.exclude(email_account__run_id=None).values("mailing_out")
    orphaned = MailingOut.objects.filter(in_flight_count__gt=0).exclude(pk__in=held)
    in_doubt = 0
    for mailing_out in orphaned.only("pk"):
        with transaction.atomic():
            rows = mailing_out.deliveries.filter(email_account__run_id=None)
            in_doubt += _doubt(rows, now=now)
    return in_doubt


def _doubt(rows: DeliveryQuerySet, *, now: datetime) -> int:
    tally = Tally()
    in_flight = list(rows.filter(status=_STATUS.IN_FLIGHT).select_related("mailing_out"))
    attempts = []
    for row in in_flight:
        poisonous = row.travels_alone
        target = _STATUS.FAILED if poisonous else _STATUS.UNCERTAIN
        changed = Delivery.objects.filter(pk=row.pk, status=_STATUS.IN_FLIGHT).update(
            status=target,
            reason=FailReason.POISON if poisonous else "",
            attempts=row.attempts + 1,
            first_attempt_at=row.first_attempt_at or now,
            due_at=None,
        )
        if not changed:
            continue  # another tick was first
        tally.move(row.mailing_out_id, 1, source=_STATUS.IN_FLIGHT, target=target)
        tally.attempt(row.mailing_out_id, 1)
        tally.limit_windows(row.mailing_out_id, 1)
        attempts.append(_attempt_of(row, outcome=target, now=now))
    DeliveryAttempt.objects.bulk_create(attempts)
    tally.write()
    return len(attempts)


def _attempt_of(row: Delivery, *, outcome: str, now: datetime) -> DeliveryAttempt:
    return DeliveryAttempt(
        delivery=row,
        mailing_out_id=row.mailing_out_id,
        at=now,
        email_account_id=row.email_account_id,
        outcome=outcome,
        why=DIED,
        number=row.mailing_out.attempts_count,
    )
