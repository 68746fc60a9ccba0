"""How many people a choice finds, and who of them would be left out: asked before it is made.

Nothing is written here; `massmail.services.audience` writes what was chosen.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Case, Count, Value, When
from django.db.models.functions import Coalesce, Lower

from massmail.models import Delivery, MailingOut, SkipReason
from massmail.services import audience_sql
from massmail.services.audience import left_out_reason


@dataclass(frozen=True, slots=True)
class AudienceCount:
    """Chosen = to send + the sum of those left out, by reason, most first."""

    chosen: int
    to_send: int
    left_out: tuple[tuple[str, int], ...] = ()  # a SkipReason, how many
    present: int = 0  # found as well, but in the draft already

    @property
    def left_out_number(self) -> int:
        """How many are left out for any reason."""
        return self.chosen - self.to_send


def count_new(
    people: models.QuerySet[Any], *, now: datetime, draft: MailingOut | None = None
) -> AudienceCount:
    """Count recipients chosen for a new mailing out, or to be added to a draft.

    One statement, two for a draft. An address that was not read yet (imported people) counts
    as a good one.
    """
    present = 0
    if draft is not None:
        rows = draft.deliveries.values("recipient_id")
        present = people.filter(pk__in=rows).count()
        people = people.exclude(pk__in=rows)
    judged = people.order_by().annotate(
        left_out_reason=_reason(draft, now=now), key=Coalesce("address_key", Lower("email"))
    )
    rows = judged.values_list("left_out_reason", "key").annotate(number=Count("pk"))
    counted = audience_sql.count_by_reason(rows)
    eligible, to_send = counted.pop("", (0, 0))
    numbers = {reason: number for reason, (number, _keys) in counted.items()}
    duplicates = numbers.get(SkipReason.DUPLICATE, 0) + eligible - to_send
    if duplicates:
        numbers[SkipReason.DUPLICATE] = duplicates
    left_out = tuple(sorted(numbers.items(), key=lambda each: (-each[1], each[0])))
    chosen = to_send + sum(number for _reason, number in left_out)
    return AudienceCount(chosen=chosen, to_send=to_send, left_out=left_out, present=present)


def count_waiting(people: models.QuerySet[Any], *, draft: MailingOut) -> AudienceCount:
    """Count recipients of a draft who are to get a mail: what leaving them out would spare."""
    rows = draft.deliveries.filter(recipient_id__in=people.values("pk"))
    waiting = rows.filter(status=Delivery.Status.PENDING).count()
    return AudienceCount(chosen=waiting, to_send=waiting)


def _reason(draft: MailingOut | None, *, now: datetime) -> Case:
    """Return the reason; besides, an address that the draft has already is a duplicate."""
    also = []
    if draft is not None:
        standing = draft.deliveries.filter(duplicate_of=None, address_key__isnull=False)
        keys = standing.values("address_key")
        also.append(When(address_key__in=keys, then=Value(SkipReason.DUPLICATE)))
    return left_out_reason(draft, now=now, unread="", also=also)
