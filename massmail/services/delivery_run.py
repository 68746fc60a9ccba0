"""One run: it holds one account, and takes windows, builds, sends and records.

It ends when nothing is due, the allowance is used, or its time is over. What a window is and what
is written: `ledger` and `outcomes`.
"""

import logging
import select
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from random import Random, SystemRandom
from typing import cast

from django.db import DatabaseError
from django.utils import timezone

from common.fields import SecretUnreadable
from common.stopping import stopping
from massmail.backends.base import (
    BEFORE_BODY,
    BuiltMail,
    Fault,
    Outcome,
    ReadyMails,
    Stage,
    Transport,
    TransportError,
)
from massmail.clock import boot_seconds, database_now
from massmail.models import EmailAccount, FailReason, MailingOut, MassmailSettings
from massmail.services import account_health, campaign, ledger, outcomes, pace, render, versions
from massmail.services import lease as leases
from massmail.services.access_tokens import open_connection
from massmail.services.eligibility import Verdict
from massmail.services.ledger import Window
from massmail.services.outcomes import Result
from massmail.services.smtp_replies import Action, Decision, decide
from massmail.services.tally import WINDOW_MAX
from massmail.utils.email_creators import BuildError, CompiledMessage, MessageError

logger = logging.getLogger(__name__)

RUN_S = 45  # a run claims no window after this
FIRST_WINDOW = 10  # mails, until the pace of the server is known
WINDOW_S = 2  # a window should take about this long
LOOK_S = 1  # how often a run looks whether it is paused
STALL_S = 60  # a server that lets us wait so long before a body cools its account
LAST_REPLY_S = 30  # how long a stopping run waits for the reply to the mail on the wire
DOUBTS_IN_A_ROW = 2  # connections broken after the body before the account rests


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


@dataclass
class Surroundings:
    """What a run takes from outside, so that tests can bring their own."""

    now: Callable[[], datetime] = database_now
    now_local: Callable[[], datetime] = timezone.now  # for the Date header
    clock: Callable[[], float] = boot_seconds
    stopping: Callable[[], bool] = stopping
    open_transport: Callable[[EmailAccount], Transport] = open_connection
    random: Random = field(default_factory=SystemRandom)
    sleep: Callable[[float], None] = _sleep


def deliver_in_turn(account_ids: Sequence[int], around: Surroundings | None = None) -> int:
    """Run accounts one after the other; return how many mails got an outcome.

    Accounts for which no time is left are left to the next tick.
    """
    around = around or Surroundings()
    begun_s, total = around.clock(), 0
    for account_id in account_ids:
        if around.clock() - begun_s > RUN_S:
            break
        try:
            total += deliver(account_id, around)
        except Exception:  # a fault that one account runs into keeps no other from sending
            logger.exception("account %d: its run failed", account_id)
    return total


def deliver(account_id: int, around: Surroundings | None = None) -> int:
    """Run one account if it is free; return how many mails got an outcome. Network and SQL."""
    around = around or Surroundings()
    if around.stopping():
        return 0
    held = leases.take(account_id, now=around.now(), clock=around.clock)
    if held is None:
        return 0
    run = DeliveryRun(held, around)
    try:
        run.work()
    finally:
        run.close()
    return run.outcome_count


class DeliveryRun:
    """A run of one account. It is also the transport's `Watch`."""

    def __init__(self, held: leases.Lease, around: Surroundings) -> None:
        self.held = held
        self.around = around
        self.outcome_count = 0
        self._started_s = self._looked_s = around.clock()
        self._stop_seen_s: float | None = None
        self._transport: Transport | None = None
        self._account: EmailAccount | None = None
        self._settings: MassmailSettings | None = None
        self._settings_s = 0.0  # when they were read
        self._window: Window | None = None
        self._results: list[Result] = []
        self._size = FIRST_WINDOW
        self._doubts = 0
        self._not_built = 0  # mails of this window that our own data did not let us build
        self._served_id = 0  # the mailing out of the last window
        self._over = False  # nothing more in this run: trouble, or the lease is lost
        self._halted = False  # nothing more in this window: its mailing out was paused
        self._next_mail_s = 0.0

    # --- windows

    def work(self) -> None:
        """Open a connection, then take, send and record windows until there is a reason to end."""
        if self._opened() is None:
            return
        while self._turn(claims=not self._is_ending()):
            self._send_window()
            self._react(self._results)

    def close(self) -> None:
        """Close the connection, record or return what is left, give the account back.

        If recording fails, the account is not given back: its lease ends, and what may have been
        sent becomes uncertain.
        """
        self._drop_connection()
        if self._window is not None:
            self._turn(claims=False)
        if (wait_s := self._next_mail_s - self.around.clock()) > 0:
            pace.wait_at_least(self.held.account_id, wait_s, now=self.around.now())
        leases.release(self.held)

    def _turn(self, *, claims: bool) -> bool:
        """Record the window that was sent and claim the next, in one transaction."""
        window, results = self._window, self._results
        now = self.around.now()
        with ledger.turn(
            self.held,
            now=now,
            random_source=self.around.random,
            settings_row=self._recent_settings(),
        ) as this:
            if window is not None:
                outcomes.record(this, window, results)
            following = (
                ledger.claim(this, size=self._limit_size()) if claims and this.is_held else None
            )
            account = this.account
        self._window, self._results, self._halted = following, [], False
        self._account = account or self._account
        return following is not None

    def _recent_settings(self) -> MassmailSettings:
        """Return the settings, at most a second old: a pause of all sending acts that fast."""
        now_s = self.around.clock()
        if self._settings is None or now_s - self._settings_s >= LOOK_S:
            self._settings, self._settings_s = MassmailSettings.load(), now_s
        return self._settings

    def _is_ending(self) -> bool:
        is_late = self.around.clock() - self._started_s > RUN_S
        return self._over or is_late or self.around.stopping()

    def _send_window(self) -> None:
        """Send the mails of the window, as far as nothing stands against it."""
        window, begun_s = self._window, self.around.clock()
        self._served_id = window.mailing_out.pk if window else 0
        self._not_built = 0
        message, transport = self._message(window), self._opened()
        if window is None or message is None or transport is None:
            return
        waiting: dict[str, Verdict] = {}  # built and handed over, not yet with an outcome
        mails = ReadyMails(self._mails(window, message, waiting))
        try:
            with closing(cast("Generator[Outcome]", transport.send(mails, self))) as answers:
                self._collect(answers, waiting)
        except Exception:  # the border to transports of other apps: nothing may go out twice
            logger.exception("account %d: its transport failed", self.held.account_id)
            doubt = Decision(Action.UNCERTAIN, why="transport failed")
            self._results += [Result(row, doubt, error=doubt.why) for row in waiting.values()]
            self._drop_connection()
            self._account_trouble(_BROKEN_TRANSPORT, "")
        self.outcome_count += len(self._results)
        self._adapt(self.around.clock() - begun_s)

    def _collect(self, answers: Iterator[Outcome], waiting: dict[str, Verdict]) -> None:
        """Note outcomes until the window is through, or one has to be recorded at once."""
        for outcome in answers:
            row = waiting.pop(outcome.mail.message_id)
            if outcome.fault is not Fault.NONE or (outcome.reply and outcome.reply.code == 421):
                self._drop_connection()
            if outcome.fault is Fault.STOPPED and outcome.stage in BEFORE_BODY:
                return
            decision = decide(outcome.stage, outcome.reply, outcome.fault)
            self._results.append(Result(row, decision, outcome))
            if decision.action in _RECORDED_AT_ONCE:
                return
        waiting.clear()  # stopped before its body: not begun

    def _adapt(self, took_s: float) -> None:
        """Choose the size of the next window by the pace of this one."""
        pace = len(self._results) / took_s if took_s > 0 else FIRST_WINDOW
        self._size = max(1, min(WINDOW_MAX, int(pace * WINDOW_S)))

    def _limit_size(self) -> int:
        """Return the size of the next window: no more than the account's rate lets through."""
        rate = self._account.per_second if self._account else None
        return min(self._size, max(1, int(rate * WINDOW_S))) if rate else self._size

    # --- what outcomes mean beyond their rows

    def _react(self, results: list[Result]) -> None:
        """Let account and mailing out feel what happened in the window."""
        for result in results:
            action = result.decision.action
            self._doubts = self._doubts + 1 if action is Action.UNCERTAIN else 0
            if action in {Action.COOLING, Action.OFF}:
                self._account_trouble(result.decision, result.reply_text)
            elif action is Action.SENT:
                self._recover()
        if self._doubts >= DOUBTS_IN_A_ROW:
            self._account_trouble(Decision(Action.COOLING, why="unreadable reply"), "")
        self._pause_if_too_many(
            [r for r in results if r.decision.action is Action.POLICY],
            MailingOut.PauseReason.POLICY,
        )
        self._pause_if_too_many(
            [r for r in results if r.decision.why == outcomes.NOT_BUILT],
            MailingOut.PauseReason.TROUBLE,
        )

    def _recover(self) -> None:
        """Forget the account's trouble once a mail of it was taken."""
        if self._account is not None and self._account.cooling_count:
            account_health.recover(self.held.account_id)
            self._account.cooling_count = 0

    def _account_trouble(self, decision: Decision, reply: str) -> None:
        now = self.around.now()
        if decision.action is Action.OFF:
            account_health.switch_off(
                self.held.account_id, reason=decision.why, reply=reply, now=now
            )
        else:
            account_health.cool(self.held.account_id, reason=decision.why, reply=reply, now=now)
        self._over = True

    def _pause_if_too_many(self, refusals: list[Result], reason: MailingOut.PauseReason) -> None:
        """Record the window, and pause its mailing out if it had one refusal too many."""
        if not refusals:
            return
        if self._window is not None:
            self._turn(claims=False)
        if outcomes.must_pause(self._served_id, refusals):
            detail = refusals[-1].reply_text
            campaign.pause_by_system(self._served_id, reason, detail=detail)

    # --- mails

    def _message(self, window: Window | None) -> CompiledMessage | None:
        """Return the window's message compiled; pause its mailing out if that fails."""
        if window is None:
            return None
        mailing_out = window.mailing_out
        try:
            return versions.compiled(mailing_out.message_version_id or 0)
        except MessageError as error:
            logger.exception("mailing out %d: its message cannot be built", mailing_out.pk)
            campaign.pause_by_system(
                mailing_out.pk, MailingOut.PauseReason.TROUBLE, detail=str(error)
            )
            return None

    def _mails(
        self, window: Window, message: CompiledMessage, waiting: dict[str, Verdict]
    ) -> Iterator[BuiltMail]:
        """Build the mails of the window, each when the transport is ready for it."""
        assert self._account is not None
        sender = render.sender_of(self._account, window.mailing_out)
        for row in window.rows:
            if self._not_built >= outcomes.PAUSE_AT:
                return
            if not self._wait_for_pace():
                return
            try:
                person = render.person_of(window.mailing_out, row)
                mail = message.build(person, sender, date=self.around.now_local())
            except Exception as error:  # the border to recipient types of other apps
                logger.exception("delivery %d: its mail cannot be built", row.delivery_id)
                self._results.append(_not_built(row, error))
                self._not_built += self._results[-1].decision.why == outcomes.NOT_BUILT
                continue
            waiting[mail.message_id] = row
            yield mail

    def _wait_for_pace(self) -> bool:
        """Wait until the account's rate allows one more mail; False to send nothing more."""
        assert self._account is not None
        rate = self._account.per_second
        while rate and (rest_s := self._next_mail_s - self.around.clock()) > 0:
            if not self.may_begin():
                return False
            self.around.sleep(min(rest_s, LOOK_S))
        if rate:
            self._next_mail_s = max(self._next_mail_s, self.around.clock()) + 1 / rate
        return self.may_begin()

    # --- the watch that the transport asks

    def may_begin(self) -> bool:
        """Say whether one more body may begin: not stopping, not paused, lease long enough."""
        if self.around.clock() - self._looked_s >= LOOK_S:
            self._look()
        stopped = self._over or self._halted or self.around.stopping()
        return not stopped and self.held.may_begin()

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        """Say whether to go on waiting for the server, and keep the lease meanwhile."""
        self._renew_if_due()
        if stage in BEFORE_BODY:
            return waited_s < STALL_S and not self.around.stopping()
        if not self.around.stopping():
            return True
        now_s = self.around.clock()
        self._stop_seen_s = self._stop_seen_s or now_s
        return now_s - self._stop_seen_s < LAST_REPLY_S

    def _look(self) -> None:
        """See whether the mailing out was paused, and keep the lease."""
        self._looked_s = self.around.clock()
        try:
            allowed = self._window is not None and campaign.may_send(self._window.mailing_out.pk)
        except DatabaseError:
            logger.exception("account %d: the database does not answer", self.held.account_id)
            allowed = False
        self._halted = self._halted or not allowed
        self._renew_if_due()

    def _renew_if_due(self) -> None:
        """Renew the lease; if that fails, its own clock ends the run before others take over."""
        if not self.held.is_due():
            return
        try:
            self._over = not leases.renew(self.held, now=self.around.now()) or self._over
        except DatabaseError:
            logger.exception("account %d: its lease is not renewed", self.held.account_id)

    # --- the connection

    def _opened(self) -> Transport | None:
        """Return the open connection, or None: the account is in trouble."""
        if self._transport is not None or self._over:
            return self._transport
        self._account = self._account or EmailAccount.objects.get(pk=self.held.account_id)
        try:
            self._transport = self.around.open_transport(self._account)
        except TransportError as error:
            decision = decide(error.stage, error.reply, error.fault)
            logger.warning("account %d: %s (%s)", self.held.account_id, decision.why, error)
            self._account_trouble(decision, outcomes.verbatim(error.reply, error.fault))
        except SecretUnreadable:
            logger.exception("account %d: trouble of the installation", self.held.account_id)
            self._over = True
        except Exception:  # the border to transports of other apps
            logger.exception("account %d: its transport does not open", self.held.account_id)
            self._account_trouble(_BROKEN_TRANSPORT, "")
        return self._transport

    def _drop_connection(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


_BROKEN_TRANSPORT = Decision(Action.COOLING, why="configuration")
_RECORDED_AT_ONCE = frozenset({Action.COOLING, Action.OFF, Action.POLICY, Action.UNCERTAIN})


def _not_built(row: Verdict, error: Exception) -> Result:
    """Return the result of a mail that our own data does not let us build."""
    reason = error.reason if isinstance(error, BuildError) else FailReason.LOCAL.value
    why = outcomes.NOT_BUILT if reason == FailReason.LOCAL else reason
    decision = Decision(Action.FAILED, reason, why=why)
    return Result(row, decision, error=str(error) or repr(error))
