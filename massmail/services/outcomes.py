"""What became of the mails of a window, written to the ledger: states, attempts, suppressions."""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from massmail.addresses import address_key
from massmail.backends.base import Fault, Outcome, Reply
from massmail.models import (
    AccountShare,
    Delivery,
    DeliveryAttempt,
    FailReason,
    MailingOut,
)
from massmail.services import address_troubles, cooling_domains, retries
from massmail.services.address_troubles import Trouble
from massmail.services.eligibility import Verdict
from massmail.services.ledger import Turn, Window, give_back, start_gap
from massmail.services.smtp_replies import Action, Decision
from massmail.services.tally import WINDOW_MAX
from massmail.services.write_rows import update_from_values

logger = logging.getLogger(__name__)

_STATUS = Delivery.Status
REPLY_MAX = 500  # characters
NOT_BUILT = "local"  # a Decision.why: our own data could not be made a mail
PAUSE_AT = 5  # such refusals …
PAUSE_AMONG = 200  # … among so many attempts
PAUSE_AMONG_BUILT = 400  # the same for mails that could not be built: more than 1 %


# What stands in the ledger where the server gave no usable answer; verbatim, so not translated.
FAULT_WORDS = {
    Fault.TIMEOUT: "no answer in time",
    Fault.DISCONNECTED: "the connection broke",
    Fault.GARBAGE: "an unreadable answer",
    Fault.DNS: "the host name has no address",
    Fault.REFUSED: "no connection",
    Fault.TLS: "no safe connection",
    Fault.CAPABILITY: "the server lacks what the account needs",
    Fault.STALLED: "the server let us wait too long",
    Fault.STOPPED: "sending was stopped",
    Fault.FORBIDDEN_HOST: "this host or port is not allowed here",
    Fault.CONFIGURATION: "this installation is not set up for it",
    Fault.SIGN_IN: "the sign-in service gave no access token",
    Fault.REVOKED: "the permission to log in has ended",
}


def verbatim(reply: Reply | None, fault: Fault) -> str:
    """Return what the server said, as it is kept; or what there was instead of an answer."""
    if reply is None:
        return FAULT_WORDS.get(fault, str(fault))
    return " ".join(filter(None, (str(reply.code), reply.enhanced, reply.text)))[:REPLY_MAX]


@dataclass(frozen=True, slots=True)
class Result:
    """One mail of a window that was begun, and what its outcome means."""

    row: Verdict
    decision: Decision
    outcome: Outcome | None = None  # None: it was never handed to a transport
    error: str = ""  # why our own data could not be sent

    @property
    def provider_id(self) -> str:
        """What a provider calls the mail that it took."""
        return self.outcome.provider_id if self.outcome else ""

    @property
    def reply_text(self) -> str:
        """The reply as it is kept: code, enhanced code, text; or what there was instead."""
        if self.outcome is None:
            return self.error[:REPLY_MAX]
        return verbatim(self.outcome.reply, self.outcome.fault)


@dataclass(frozen=True, slots=True)
class _Change:
    """What a row becomes."""

    status: str
    reason: str = ""
    due_at: datetime | None = None
    counts: bool = True  # as an attempt of the row
    keeps_claim: bool = False  # an uncertain row, which a late outcome of its claim may settle


def record(this: Turn, window: Window, results: Sequence[Result]) -> None:
    """Record the results of a window, and return its other rows unbegun.

    About two statements for a window that simply succeeded. Rows that somebody else decided
    meanwhile stay as they are; rows taken for lost since then are settled by this evidence.
    """
    sent = [result for result in results if result.decision.action is Action.SENT]
    others = [result for result in results if result.decision.action is not Action.SENT]
    _record_sent(this, window, sent)
    _recover_domains(this, sent)
    troubles: list[Trouble] = []
    unused = sum(_record_other(this, window, result, troubles) for result in others)
    address_troubles.note(troubles, now=this.now)
    begun = {result.row.delivery_id for result in results}
    unbegun = [row.delivery_id for row in window.rows if row.delivery_id not in begun]
    unused += return_rows(this, window, unbegun)
    give_back(this, unused, reserved_on=window.reserved_on)
    if any(_uses_limit(result) for result in results):
        start_gap(this)
    _let_hand_over(this, window)
    if window.mailing_out.window_limit < WINDOW_MAX:
        this.tally.limit_windows(window.mailing_out.pk, window.mailing_out.window_limit * 2)


def return_rows(this: Turn, window: Window, delivery_ids: Sequence[int]) -> int:
    """Return rows that were taken but not begun: they are pending, and due at once.

    Returns how many still were as they had been taken.
    """
    if not delivery_ids:
        return 0
    returned = Delivery.objects.filter(
        pk__in=delivery_ids, claim=window.claim, status=_STATUS.IN_FLIGHT
    ).update(status=_STATUS.PENDING, claim=None, due_at=this.now)
    this.tally.move(
        window.mailing_out.pk, returned, source=_STATUS.IN_FLIGHT, target=_STATUS.PENDING
    )
    return returned


def return_claim(this: Turn, claim: uuid.UUID) -> None:
    """Return the rows of a claim of which nobody knows whether it was committed.

    Nothing of them was begun. Finds none if it was not.
    """
    mine = Delivery.objects.filter(
        email_account=this.lease.account_id, claim=claim, status=_STATUS.IN_FLIGHT
    )
    for mailing_out_id in set(mine.values_list("mailing_out", flat=True)):
        returned = mine.filter(mailing_out=mailing_out_id).update(
            status=_STATUS.PENDING, claim=None, due_at=this.now
        )
        this.tally.move(mailing_out_id, returned, source=_STATUS.IN_FLIGHT, target=_STATUS.PENDING)
        give_back(this, returned, reserved_on=this.settings_row.local_date(this.now))


def _uses_limit(result: Result) -> bool:
    """Tell whether it counts towards the daily limit: DATA was sent, or nobody knows."""
    may_have_left = result.decision.action is Action.UNCERTAIN
    return may_have_left or (result.outcome is not None and result.outcome.counted)


def _let_hand_over(this: Turn, window: Window) -> None:
    """See that rows which wait again on an account that is off are handed over (once more)."""
    if this.account is not None and not this.account.massmail:
        AccountShare.objects.filter(
            email_account=this.account.pk, mailing_out=window.mailing_out.pk
        ).update(handed_over=False)


def _record_sent(this: Turn, window: Window, sent: Sequence[Result]) -> None:
    mailing_out_id = window.mailing_out.pk
    values = {"status": _STATUS.SENT, "sent_at": this.now, "due_at": None, "reason": ""}
    fields = ["reply", "address"]  # a plain turn claims without knowing how it is written
    texts: list[tuple[int, *tuple[str, ...]]]
    texts = [(result.row.delivery_id, result.reply_text, result.row.address) for result in sent]
    if any(result.provider_id for result in sent):
        fields.append("provider_id")
        texts = [(*row, result.provider_id) for row, result in zip(texts, sent, strict=True)]
    for source in (_STATUS.IN_FLIGHT, _STATUS.UNCERTAIN):
        in_time = source == _STATUS.IN_FLIGHT  # else counted when the row became uncertain
        done = update_from_values(
            Delivery,
            fields,
            texts,
            constants=values,
            expected={"status": source, "claim": window.claim},
            counted=["attempts"] if in_time else [],
        )
        this.tally.move(mailing_out_id, len(done), source=source, target=_STATUS.SENT)
        this.tally.attempt(mailing_out_id, len(done) if in_time else 0)
        this.tally.sent(mailing_out_id, len(done), today=this.settings_row.local_date(this.now))
        texts = [row for row in texts if row[0] not in done]
    if texts:
        logger.warning("mailing out %d: %d rows were decided by others", mailing_out_id, len(texts))


def _record_other(this: Turn, window: Window, result: Result, troubles: list[Trouble]) -> bool:
    """Record anything but a success; tell whether its part of the day's limit is free again.

    Adds to `troubles` what is the address's own.
    """
    decision, key = result.decision, address_key(result.row.address)
    change = _changes[decision.action](this, result)
    in_time = _apply(this, window, result, change, source=_STATUS.IN_FLIGHT)
    late = not in_time and _apply(this, window, result, change, source=_STATUS.UNCERTAIN)
    if not (in_time or late):
        return False  # somebody else decided, or this was recorded before
    if decision.rests_domain and key is not None:
        _cool_domain(this, cooling_domains.domain_of(key), result)
    if key is not None and (decision.suppress or change.status == _STATUS.FAILED):
        text = f"{window.mailing_out.name}: {result.reply_text}"
        troubles.append(Trouble(key, decision, text))
    if decision.action in {Action.COOLING, Action.OFF}:
        this.tally.trouble(window.mailing_out.pk)
    this.attempts.append(_attempt(this, window, result))
    return in_time and not _uses_limit(result)


def _cool_domain(this: Turn, domain: str, result: Result) -> None:
    if this.account is not None:
        this.cooling[domain] = cooling_domains.cool(
            this.account.pk, domain, result.decision, reply=result.reply_text, now=this.now
        )


def _recover_domains(this: Turn, sent: Sequence[Result]) -> None:
    """Let the mails to domains go on whose rest is over and that took one, the probe."""
    over = {domain for domain, until in this.cooling.items() if until <= this.now}
    if this.account is None or not over:
        return
    took = {cooling_domains.domain_of(address_key(each.row.address) or "") for each in sent}
    cooling_domains.recover(this.account.pk, took & over)
    for domain in took & over:
        del this.cooling[domain]


def _apply(this: Turn, window: Window, result: Result, change: _Change, *, source: str) -> bool:
    """Change the row if it is in this state by this window's claim; tell whether it was."""
    late = source == _STATUS.UNCERTAIN
    values: dict[str, Any] = {
        "status": change.status,
        "reason": change.reason,
        "due_at": change.due_at,
        "reply": result.reply_text,
        "address": result.row.address,
    }
    if not change.keeps_claim:
        values["claim"] = None
    if change.counts and not late:
        values["attempts"] = result.row.attempts + 1
        values["first_attempt_at"] = result.row.first_attempt_at or this.now
    changed = Delivery.objects.filter(
        pk=result.row.delivery_id, claim=window.claim, status=source
    ).update(**values)
    if changed:
        this.tally.move(window.mailing_out.pk, 1, source=source, target=change.status)
        if change.counts and not late:
            this.tally.attempt(window.mailing_out.pk, 1)
    return bool(changed)


def _later(this: Turn, result: Result) -> _Change:
    attempts, most = result.row.attempts + 1, result.decision.retries
    first = result.row.first_attempt_at or this.now
    if most is not None and attempts > most:
        return _Change(_STATUS.FAILED, FailReason.ADDRESS)
    if retries.is_given_up(attempts=attempts, first_attempt_at=first, now=this.now):
        return _Change(_STATUS.FAILED, FailReason.TEMPORARY)
    due_at = retries.retry_at(
        this.settings_row,
        attempts=attempts,
        now=this.now,
        random=this.random,
        asked=retries.asked_wait(result.reply_text),
    )
    return _Change(_STATUS.PENDING, due_at=due_at)


def _failed(this: Turn, result: Result) -> _Change:
    return _Change(_STATUS.FAILED, result.decision.reason or FailReason.ADDRESS)


def _uncertain(this: Turn, result: Result) -> _Change:
    return _Change(_STATUS.UNCERTAIN, keeps_claim=True)


def _returned(this: Turn, result: Result) -> _Change:
    """Return the row unharmed; it steps aside if it met trouble of its account before."""
    met = DeliveryAttempt.objects.filter(
        delivery=result.row.delivery_id, outcome__in=(Action.COOLING, Action.OFF)
    )
    due_at = this.now + retries.step_aside(met.count())
    return _Change(_STATUS.PENDING, due_at=due_at, counts=False)


_changes: dict[Action, Callable[[Turn, Result], _Change]] = {
    Action.LATER: _later,
    Action.FAILED: _failed,
    Action.POLICY: _failed,
    Action.UNCERTAIN: _uncertain,
    Action.COOLING: _returned,
    Action.OFF: _returned,
}


def _attempt(this: Turn, window: Window, result: Result) -> DeliveryAttempt:
    outcome = result.outcome
    reply = outcome.reply if outcome else None
    return DeliveryAttempt(
        delivery_id=result.row.delivery_id,
        mailing_out_id=window.mailing_out.pk,
        at=this.now,
        email_account_id=this.lease.account_id if this.account else None,
        outcome=result.decision.action,
        stage=outcome.stage if outcome else "",
        code=reply.code if reply else None,
        enhanced=reply.enhanced if reply else "",
        reply=result.reply_text,
        why=result.decision.why[:40],
        number=window.mailing_out.attempts_count,
    )


def must_pause(mailing_out_id: int, refusals: Sequence[Result]) -> bool:
    """Tell whether recorded refusals of one kind pause their mailing out (two statements).

    At once where the reply says that no mail of this sender will be taken; else at the 5th such
    refusal among the last 200 attempts, or the 5th mail that could not be built among 400.
    """
    if any(refusal.decision.pauses for refusal in refusals):
        return True
    decision = refusals[-1].decision
    among = PAUSE_AMONG_BUILT if decision.why == NOT_BUILT else PAUSE_AMONG
    attempts = MailingOut.objects.values_list("attempts_count", flat=True).get(pk=mailing_out_id)
    alike = DeliveryAttempt.objects.filter(
        mailing_out=mailing_out_id,
        outcome=decision.action,
        number__gte=attempts - among,
    )
    if decision.why == NOT_BUILT:
        alike = alike.filter(why=NOT_BUILT)
    return alike.count() >= PAUSE_AT
