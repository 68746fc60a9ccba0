"""The ledger: windows of deliveries are taken, and what became of each mail is recorded.

A `turn` is one transaction of the run that holds an account: it records the outcomes of the last
window and claims the next. Everything is conditional on the row's state and claim; the account
comes first and the counters of the mailing out last, so that runs do not wait in a circle.
"""

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from massmail.models import (
    AccountShare,
    Delivery,
    DeliveryAttempt,
    EmailAccount,
    MailingOut,
    MassmailSettings,
)
from massmail.services import account_health, cooling_domains, lease, pace, send_window
from massmail.services.eligibility import Verdict, verdicts
from massmail.services.lease import Lease
from massmail.services.tally import WINDOW_MAX, Tally
from massmail.services.write_rows import update_from_values

logger = logging.getLogger(__name__)

PASSES = 100  # windows that a claim looks through in which all wait or are left out

_STATUS = Delivery.Status


@dataclass(frozen=True, slots=True)
class Window:
    """Deliveries of one mailing out, committed `in_flight` before a byte of them leaves."""

    claim: uuid.UUID
    mailing_out: MailingOut
    rows: tuple[Verdict, ...]
    reserved_on: date  # the day on whose limit the mails are reserved


@dataclass
class Turn:
    """One transaction of a run. `account` is locked; None when it was deleted meanwhile."""

    lease: Lease
    now: datetime
    account: EmailAccount | None
    settings_row: MassmailSettings
    random: Random
    cooling: dict[str, datetime] = field(default_factory=dict)  # domains, see cooling_domains
    tally: Tally = field(default_factory=Tally)
    attempts: list[DeliveryAttempt] = field(default_factory=list)
    account_changes: dict[str, Any] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether this run still holds the account."""
        return self.account is not None and self.account.run_id == self.lease.run_id

    def change_account(self, **values: Any) -> None:
        """Note new values of the account; they are written at the end of the turn."""
        self.account_changes.update(values)
        for name, value in values.items():
            setattr(self.account, name, value)


@contextmanager
def turn(
    held: Lease,
    *,
    now: datetime,
    random_source: Random,
    settings_row: MassmailSettings | None = None,
    cooling: dict[str, datetime] | None = None,
) -> Iterator[Turn]:
    """Open a turn: lock the account, run the block, write attempts, account, counters; commit.

    The lease is renewed in the same transaction, if the run still holds the account. The settings
    and the domains that rest for the account are read unless they are given.
    """
    before = held.clock()
    with transaction.atomic():
        account = EmailAccount.objects.select_for_update().filter(pk=held.account_id).first()
        if cooling is None:
            cooling = cooling_domains.active(held.account_id, now)
        settings_row = settings_row or MassmailSettings.load()
        this = Turn(held, now, account, settings_row, random_source, cooling)
        if this.is_held:
            this.change_account(run_lease_until=lease.lease_until(now))
        yield this
        DeliveryAttempt.objects.bulk_create(this.attempts)
        if account is not None and this.account_changes:
            EmailAccount.objects.filter(pk=account.pk).update(**this.account_changes)
        this.tally.write()
    if this.is_held:
        held.renewed_s = before


def claim(this: Turn, *, size: int, claim_id: uuid.UUID | None = None) -> Window | None:
    """Claim the next window of the account, at most `size` deliveries; None if nothing is due.

    Mailing outs take turns: the one served longest ago comes next. Rows that may no longer be
    written to become `skipped` on the way.
    """
    account, allowance = this.account, _allowance(this)
    if not this.is_held or account is None or allowance == 0:
        return None
    probing = account.cooling_count > 0
    if probing or pace.keeps_gap(account, this.settings_row):
        size = 1  # a probe, or a mail a gap
    for _pass in range(PASSES):
        share = _next_share(account.pk, this.now)
        if share is None:
            return None
        limit = min(size, allowance, share.mailing_out.window_limit, WINDOW_MAX)
        candidates = _candidates(share, now=this.now, limit=limit, probing=probing)
        if not candidates:
            continue
        window = _take(this, share.mailing_out, candidates, claim_id or uuid.uuid4())
        if window is not None:
            return window
    return None


def _allowance(this: Turn) -> int:
    """Return how many mails the account may send now; 0 with the reason in `account_health`."""
    if this.account is None or this.settings_row.paused_at is not None:
        return 0
    if send_window.opens_at(this.settings_row, this.now) is not None:
        return 0
    if account_health.hindrance(this.account, this.settings_row, this.now) is not None:
        return 0
    today = this.settings_row.local_date(this.now)
    left = this.account.allowance_left(this.settings_row, today)
    return WINDOW_MAX if left is None else left


def _next_share(account_id: int, now: datetime) -> AccountShare | None:
    """Return the share whose turn it is, locked, or None."""
    retries = Delivery.objects.retry_due(now).filter(
        email_account=OuterRef("email_account"), mailing_out=OuterRef("mailing_out")
    )
    return (
        AccountShare.objects.select_for_update(of=("self",))
        .filter(email_account=account_id, mailing_out__in=MailingOut.objects.running(now))
        .annotate(has_retries=Exists(retries))
        .filter(Q(exhausted=False) | Q(has_retries=True))
        .select_related("mailing_out")
        .order_by(F("served_at").asc(nulls_first=True), "pk")
        .first()
    )


def _candidates(share: Any, *, now: datetime, limit: int, probing: bool) -> list[Delivery]:
    """Return the next rows of a share, retries first, and move its watermark.

    A probe takes a fresh row if there is one: the row that met the trouble may be its cause.
    `share` has the annotation `has_retries`. An empty list means that fresh rows ran out.
    """
    mine = Delivery.objects.filter(
        email_account=share.email_account_id, mailing_out=share.mailing_out_id
    )
    found: list[Delivery] = []
    if share.has_retries and (share.exhausted or not probing):
        found = list(mine.retry_due(now).order_by("due_at", "pk")[:limit])
        alone = [row for row in found if row.travels_alone]
        if alone:
            found = alone[:1]
    changes: dict[str, Any] = {"served_at": now}
    if not share.exhausted and len(found) < limit and not any(row.travels_alone for row in found):
        wanted = limit - len(found)
        fresh = list(mine.fresh().filter(pk__gt=share.watermark).order_by("pk")[:wanted])
        found += fresh
        if fresh:
            changes["watermark"] = fresh[-1].pk
        if len(fresh) < wanted:
            changes["exhausted"] = True
    AccountShare.objects.filter(pk=share.pk).update(**changes)
    return found


def _take(
    this: Turn, mailing_out: MailingOut, candidates: Sequence[Delivery], claim_id: uuid.UUID
) -> Window | None:
    """Commit the candidates `in_flight`, as far as they may still be written to."""
    account = this.account
    assert account is not None
    judged = verdicts(mailing_out, candidates, account=account, now=this.now, cooling=this.cooling)
    _skip(this, mailing_out, [verdict for verdict in judged if verdict.skip])
    cooling_domains.put_off({row.delivery_id: row.wait_until for row in judged if row.wait_until})
    eligible = [verdict for verdict in judged if not verdict.skip and not verdict.wait_until]
    constants: dict[str, Any] = {"status": _STATUS.IN_FLIGHT, "claim": claim_id}
    if mailing_out.first_version_id is not None:
        constants["message_version"] = mailing_out.message_version_id
    taken = update_from_values(
        Delivery,
        ["address", "message_id"],
        [(row.delivery_id, row.address, row.message_id) for row in eligible],
        constants=constants,
        expected={"status": _STATUS.PENDING},
    )
    rows = tuple(row for row in eligible if row.delivery_id in taken)
    if not rows:
        return None
    this.tally.move(mailing_out.pk, len(rows), source=_STATUS.PENDING, target=_STATUS.IN_FLIGHT)
    today = this.settings_row.local_date(this.now)
    this.change_account(today_date=today, today_count=account.used_on(today) + len(rows))
    return Window(claim_id, mailing_out, rows, today)


def _skip(this: Turn, mailing_out: MailingOut, skipped: Sequence[Verdict]) -> None:
    for row in skipped:
        changed = Delivery.objects.filter(pk=row.delivery_id, status=_STATUS.PENDING).update(
            status=_STATUS.SKIPPED,
            reason=row.skip,
            duplicate_of=row.duplicate_of,
            due_at=None,
        )
        this.tally.move(mailing_out.pk, changed, source=_STATUS.PENDING, target=_STATUS.SKIPPED)


def give_back(this: Turn, unused: int, *, reserved_on: date) -> None:
    """Return the unused part of a reservation."""
    account = this.account
    if account is not None and unused and account.today_date == reserved_on:
        this.change_account(today_count=max(0, account.today_count - unused))


def start_gap(this: Turn) -> None:
    """Let the account wait after a mail, if it keeps a gap."""
    account = this.account
    if account is not None and pace.keeps_gap(account, this.settings_row):
        wait_until = pace.next_send_at(account, this.settings_row, now=this.now, random=this.random)
        this.change_account(next_send_at=wait_until)
