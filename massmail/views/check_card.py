"""The check of every recipient as the page of a draft shows it: whether it holds, what it found."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from massmail.models import AudienceCheck, MailingOut
from massmail.services import checking
from massmail.services.checking import Finding
from massmail.views.message_card import MessageCard

LATE_AFTER = timedelta(minutes=2)  # without an end; then it can be asked for once more


class CheckState(enum.Enum):
    """Whether the people were checked."""

    NONE = "none"  # nothing to check: no message that can be built, or nobody to write to
    NOT_YET = "not-yet"
    RUNNING = "running"
    STALE = "stale"
    HOLDS = "holds"


@dataclass(frozen=True, slots=True)
class CheckCard:
    """What is known about everybody's mail. `labels` are the names of the variables."""

    state: CheckState
    number: int = 0
    checked: int = 0
    checked_at: datetime | None = None
    is_late: bool = False
    findings: Sequence[Finding] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)  # translated later


def check_card(mailing_out: MailingOut, message: MessageCard, now: datetime) -> CheckCard:
    """Return the check that was kept; few people are checked on the spot, and nothing is kept."""
    number = mailing_out.pending_count
    if message.compiled is None or message.problems or not number:
        return CheckCard(CheckState.NONE)
    labels = mailing_out.recipient_model.variable_labels()
    if number <= checking.ON_THE_PAGE_UP_TO:
        found = checking.examine(mailing_out, message.compiled, now=now)
        return CheckCard(
            CheckState.HOLDS,
            number=found.number,
            checked_at=now,
            findings=list(found.findings.values()),
            labels=labels,
        )
    row = AudienceCheck.objects.filter(pk=mailing_out.pk).first()
    if row is None:
        return CheckCard(CheckState.NOT_YET, number=number)
    return CheckCard(
        _state(row, mailing_out, message),
        number=number,
        checked=row.checked_number,
        checked_at=row.checked_at,
        is_late=row.checked_at is None and row.asked_at < now - LATE_AFTER,
        findings=checking.findings_of(row),
        labels=labels,
    )


def _state(row: AudienceCheck, mailing_out: MailingOut, message: MessageCard) -> CheckState:
    if row.checked_at is None:
        return CheckState.RUNNING
    assert message.source is not None
    is_same = row.stamp == checking.stamp_of(mailing_out, message.source)
    return CheckState.HOLDS if is_same else CheckState.STALE
