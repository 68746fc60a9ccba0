"""Moves of many rows at once, by people or by time: cancelled, expired, retried, decided."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from massmail.clock import database_now
from massmail.models import AccountShare, Delivery, FailReason, SkipReason
from massmail.models.delivery import DeliveryQuerySet
from massmail.services import audience_sql
from massmail.services.tally import Tally

_STATUS = Delivery.Status
_AT_ONCE = 5_000  # rows a transaction


def skip_pending(mailing_out_id: int, reason: SkipReason) -> int:
    """Leave out all who are still waiting; return how many."""
    return _move_pending(mailing_out_id, {"status": _STATUS.SKIPPED, "reason": reason})


def fail_pending(mailing_out_id: int, reason: FailReason) -> int:
    """Fail all that are still waiting; return how many."""
    return _move_pending(mailing_out_id, {"status": _STATUS.FAILED, "reason": reason})


def doubt_pending(mailing_out_id: int, *, now: datetime) -> int:
    """Make all uncertain that are still waiting: somebody else may have sent. Returns how many."""
    values = {
        "status": _STATUS.UNCERTAIN,
        "attempts": F("attempts") + 1,
        "first_attempt_at": Coalesce("first_attempt_at", Value(now)),
    }
    return _move_pending(mailing_out_id, values)


def count_as_sent(rows: DeliveryQuerySet) -> int:
    """Count uncertain rows as sent: nobody gets it twice. Returns how many."""
    values = {"status": _STATUS.SENT, "claim": None, "sent_at": database_now()}
    return _move(rows, source=_STATUS.UNCERTAIN, values=values)


def send_again(rows: DeliveryQuerySet, *, now: datetime | None = None) -> int:
    """Send uncertain rows again, each in a window of its own: some may get it twice."""
    values = {
        "status": _STATUS.PENDING,
        "claim": None,
        "due_at": now or database_now(),
        "travels_alone": True,
    }
    return _move(rows, source=_STATUS.UNCERTAIN, values=values)


def retry_failed(rows: DeliveryQuerySet, *, now: datetime | None = None) -> int:
    """Send failed rows again. Returns how many."""
    values = {
        "status": _STATUS.PENDING,
        "reason": "",
        "claim": None,
        "due_at": now or database_now(),
        "attempts": 0,
        "first_attempt_at": None,
    }
    return _move(rows, source=_STATUS.FAILED, values=values)


def _move_pending(mailing_out_id: int, values: Mapping[str, Any]) -> int:
    """Move all pending rows of a mailing out, some thousands a transaction.

    Rows that a run locks at this moment are passed over, never waited for; the loop comes back
    to them, until it finds none that it can move.
    """
    total = 0
    while moved := _walk_pending(mailing_out_id, values):
        total += moved
    return total


def _walk_pending(mailing_out_id: int, values: Mapping[str, Any]) -> int:
    """Move the pending rows once, by ascending id: what was moved is not looked at again."""
    skip_locked = connection.features.has_select_for_update_skip_locked
    total, last = 0, 0
    while True:
        with transaction.atomic():
            pending = Delivery.objects.select_for_update(skip_locked=skip_locked).filter(
                mailing_out=mailing_out_id, status=_STATUS.PENDING, pk__gt=last
            )
            ids = list(pending.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE])
            rows = Delivery.objects.filter(pk__in=ids, status=_STATUS.PENDING)
            moved = rows.update(due_at=None, **values)
            tally = Tally()
            tally.move(mailing_out_id, moved, source=_STATUS.PENDING, target=values["status"])
            tally.write()
        total += moved
        if len(ids) < _AT_ONCE:
            return total
        last = ids[-1]


def _move(rows: DeliveryQuerySet, *, source: str, values: Mapping[str, Any]) -> int:
    """Move chosen rows of any mailing outs out of one state, in one transaction.

    Some thousands a statement: the number of rows may be that of a whole mailing out.
    """
    waits_again = values["status"] == _STATUS.PENDING
    tally, total, last = Tally(), 0, 0
    with transaction.atomic():
        while True:
            locked = rows.filter(status=source, pk__gt=last).order_by("pk")
            chosen = list(
                locked.select_for_update(of=("self",)).values_list(
                    "pk", "mailing_out_id", "email_account_id"
                )[:_AT_ONCE]
            )
            for mailing_out_id in {row[1] for row in chosen}:
                ids = [pk for pk, of, _account in chosen if of == mailing_out_id]
                moved = Delivery.objects.filter(pk__in=ids, status=source).update(**values)
                tally.move(mailing_out_id, moved, source=source, target=values["status"])
                total += moved
            if waits_again:
                _open_shares({(mailing_out_id, account) for _pk, mailing_out_id, account in chosen})
            if len(chosen) < _AT_ONCE:
                break
            last = chosen[-1][0]
        tally.write()
    return total


def _open_shares(pairs: set[tuple[int, int | None]]) -> None:
    """See that the accounts of rows that wait again have a share of their mailing out."""
    for mailing_out_id, account_id in sorted(pairs, key=str):
        if account_id is not None:
            AccountShare.objects.update_or_create(
                mailing_out_id=mailing_out_id,
                email_account_id=account_id,
                defaults={"handed_over": False},
            )


def adopt_orphans(mailing_out_id: int, rotation: list[int]) -> int:
    """Give pending rows whose account was deleted to the rotation; return how many."""
    with transaction.atomic():
        moved = audience_sql.reassign(mailing_out_id, from_account=None, rotation=rotation)
        if moved:
            audience_sql.open_shares(mailing_out_id)
    return moved
