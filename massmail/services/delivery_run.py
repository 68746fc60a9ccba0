"""One run: it holds one account, and takes windows, builds, sends and records.

It ends when nothing is due, the allowance is used, or its time is over. What a window is and what
is written: `ledger` and `outcomes`, which `turns` asks beside the sending.
"""

import logging
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import cast

from django.db import DatabaseError

from massmail.backends.base import (
    BEFORE_BODY,
    BuiltMail,
    Fault,
    Features,
    Outcome,
    Stage,
)
from massmail.models import MailingOut
from massmail.services import campaign, outcomes, pace, versions
from massmail.services import lease as leases
from massmail.services.ledger import Window
from massmail.services.ledger_thread import Jobs
from massmail.services.open_window import OpenWindow
from massmail.services.outcomes import Result
from massmail.services.run_account import RunAccount
from massmail.services.smtp_replies import Action, Decision, decide
from massmail.services.surroundings import Surroundings
from massmail.services.tally import WINDOW_MAX
from massmail.services.token_bucket import TokenBucket
from massmail.services.turns import LOOK_S, Turns

logger = logging.getLogger(__name__)

RUN_S = 45  # a run claims no window after this
FIRST_WINDOW = 10  # mails, until the pace of the server is known
WINDOW_S = 2  # a window should take about this long
STALL_S = 60  # a server that lets us wait so long before a body cools its account
SERVICE_CLOSING = 421
LAST_REPLY_S = 30  # how long a stopping run waits for the reply to the mail on the wire


def deliver_in_turn(account_ids: Sequence[int], around: Surroundings | None = None) -> int:
    """Run accounts one after the other; return how many mails got an outcome.

    Accounts for which no time is left are left to the next tick.
    """
    around = around or Surroundings()
    begun_s, total = around.clock(), 0
    with closing(around.jobs()) as jobs:
        for account_id in account_ids:
            if around.clock() - begun_s > RUN_S:
                break
            try:
                total += _deliver(account_id, around, jobs)
            except Exception:  # a fault that one account runs into keeps no other from sending
                logger.exception("account %d: its run failed", account_id)
    return total


def deliver(account_id: int, around: Surroundings | None = None) -> int:
    """Run one account if it is free; return how many mails got an outcome. Network and SQL."""
    around = around or Surroundings()
    with closing(around.jobs()) as jobs:
        return _deliver(account_id, around, jobs)


def _deliver(account_id: int, around: Surroundings, jobs: Jobs) -> int:
    if around.stopping():
        return 0
    held = leases.take(account_id, now=around.now(), clock=around.clock)
    if held is None:
        return 0
    run = DeliveryRun(held, around, jobs)
    try:
        run.work()
    finally:
        run.close()
    return run.outcome_count


class DeliveryRun:
    """A run of one account. It is also the transport's `MailSource` and its `Watch`.

    At most two windows are out at a time: one that is sent and one that was claimed ahead, or one
    that is sent and one that is recorded.
    """

    def __init__(self, held: leases.Lease, around: Surroundings, jobs: Jobs) -> None:
        self.held = held
        self.around = around
        self.outcome_count = 0
        self._turns = Turns(held, around, jobs)
        self._started_s = around.clock()
        self._stop_seen_s: float | None = None
        self._account = RunAccount(held.account_id, around)
        self._windows: list[OpenWindow] = []
        self._size = FIRST_WINDOW
        self._noted_count = 0  # outcomes of the transport
        self._holds = False  # nothing more until what was sent is recorded and judged
        self._drains = False  # nothing more until the wire is empty: a connection broke
        self._claims = False  # the turn under way claims a window
        self._nothing_due = False  # the last claim found nothing
        self._is_lost = False  # what a turn was to record is not in the ledger
        self._bucket = TokenBucket(around.clock)

    # --- windows

    def work(self) -> None:
        """Open a connection, then take, send and record windows until there is a reason to end."""
        if self._account.opened() is None:
            return
        self._take_turn()
        while self._windows or self._turns.is_under_way:
            if any(window.has_more for window in self._windows):
                self._send()
            else:
                self._end_turn()
            self._settle()

    def close(self) -> None:
        """Close the connection, record or return what is left, give the account back.

        If recording fails, the account is not given back: its lease ends, and what may have been
        sent becomes uncertain.
        """
        self._account.drop_connection()
        self._account.over = True
        self._record_all()
        if wait_s := self._bucket.wait_s():
            pace.wait_at_least(self.held.account_id, wait_s, now=self.around.now())
        if not self._is_lost:
            leases.release(self.held)

    def _take_turn(self) -> None:
        """Ask to record the windows that are done and to claim the next, if that is to be."""
        if self._turns.is_under_way:
            return
        done = [window for window in self._windows if window.is_done]
        is_faulty = any(window.not_built_count for window in done)
        if is_faulty and not (self._holds or self._account.over):
            self._holds = True  # until `_judge`
            return
        self._windows = [window for window in self._windows if not window.is_done]
        size = self._limit_size() if self._may_claim() else 0
        if done or size:
            self._claims = size > 0
            self._turns.ask([(window.window, window.results) for window in done], size=size)
            self.outcome_count += sum(len(window.results) for window in done)

    def _end_turn(self) -> None:
        """Wait for the turn that was asked for, and open the window that it brought."""
        if not self._turns.is_under_way:
            return
        try:
            taken = self._turns.answer()
        except DatabaseError:
            self._is_lost = True
            raise
        if taken.account is None:
            self._account.over = True
        else:
            self._account.row = taken.account
            at = taken.at or self.around.now()
            self._bucket.per_second = pace.rate(taken.account, at)
        self._nothing_due = self._claims and taken.window is None
        if taken.window is not None:
            self._open_window(taken.window)

    def _may_claim(self) -> bool:
        """Tell whether to claim one more window: ahead only behind a full one.

        An account with a gap, a probe and a mailing out that met a dead process have windows of
        one mail, and the next waits until that is recorded.
        """
        ahead = self._windows
        if self._is_ending() or self._holds or self._nothing_due:
            return False
        return not ahead or (len(ahead) == 1 and len(ahead[0].window.rows) == WINDOW_MAX)

    def _is_ending(self) -> bool:
        is_late = self.around.clock() - self._started_s > RUN_S
        return self._account.over or is_late or self.around.stopping()

    def _open_window(self, window: Window) -> None:
        """Compile the window's message; pause its mailing out if that fails."""
        assert self._account.row is not None
        mailing_out = window.mailing_out
        try:
            message = versions.compiled(mailing_out.message_version_id or 0)
        except Exception as error:  # a fault in it concerns this mailing out alone
            logger.exception("mailing out %d: its message cannot be built", mailing_out.pk)
            reason = MailingOut.PauseReason.TROUBLE
            campaign.pause_by_system(mailing_out.pk, reason, detail=str(error) or repr(error))
            self._claims = False
            self._turns.ask([(window, [])], size=0)
            return
        opened = OpenWindow(window, message, self._account.row, begun_s=self.around.clock())
        self._windows.append(opened)

    def _send(self) -> None:
        """Send the mails of the windows, as far as nothing stands against it.

        A transport that begins nothing although it could ends the run: the next one tries again.
        """
        self._wait_for_pace()
        transport, noted_before = self._account.opened(), self._noted_count
        if transport is None:
            return
        try:
            with closing(cast("Generator[Outcome]", transport.send(self, self))) as answers:
                for outcome in answers:
                    self._note(outcome)
        except DatabaseError:
            raise  # what is on the wire is in doubt
        except Exception:  # the border to transports of other apps: nothing may go out twice
            logger.exception("account %d: its transport failed", self.held.account_id)
            self._doubt_wire()
            self._account.feel_broken_transport()
            return
        for window in self._windows:
            window.forget_wire()
        could = any(window.has_more for window in self._windows) and not self._bucket.wait_s()
        if could and self._noted_count == noted_before:
            self._account.over = True

    def _doubt_wire(self) -> None:
        """Take note that nobody knows what became of the mails on the wire."""
        for window in self._windows:
            window.doubt(Decision(Action.UNCERTAIN, why="transport failed"))

    def _settle(self) -> None:
        """Go on after the wire is empty: record what is done, judge it, return what ends."""
        self._drains = False
        if self._is_ending() and (self._account.over or self.around.stopping()):
            self._halt()
        if self._holds:
            self._judge()
        self._take_turn()

    def _judge(self) -> None:
        """Record everything, and pause the mailing outs that had one refusal too many."""
        held_up = [(window.mailing_out_id, window.results) for window in self._windows]
        self._record_all()
        self._holds = False
        for mailing_out_id, results in held_up:
            policy = [r for r in results if r.decision.action is Action.POLICY]
            self._pause_if_too_many(mailing_out_id, policy, MailingOut.PauseReason.POLICY)
            not_built = [r for r in results if r.decision.why == outcomes.NOT_BUILT]
            self._pause_if_too_many(mailing_out_id, not_built, MailingOut.PauseReason.TROUBLE)

    def _record_all(self) -> None:
        """Record all windows as they are, and return their other rows."""
        self._doubt_wire()  # in doubt only if sending broke off
        while self._windows or self._turns.is_under_way:
            self._halt()
            self._take_turn()
            self._end_turn()
        self._nothing_due = False

    def _halt(self) -> None:
        """Begin nothing more of the windows."""
        for window in self._windows:
            window.halted = True

    def _limit_size(self) -> int:
        """Return the size of the next window: no more than the account's rate lets through."""
        rate = self._bucket.per_second
        return min(self._size, max(1, int(rate * WINDOW_S))) if rate else self._size

    # --- what outcomes mean beyond their rows

    def _note(self, outcome: Outcome) -> None:
        """Note one outcome, and what it means for the account and the windows."""
        window = next(window for window in self._windows if window.knows(outcome.mail))
        if outcome.fault is Fault.STOPPED and outcome.stage in BEFORE_BODY:
            return
        decision = decide(outcome.stage, outcome.reply, outcome.fault)
        window.note(outcome, decision)
        self._noted_count += 1
        self._drains = self._drains or outcome.fault is not Fault.NONE or _closes(outcome)
        self._account.feel(decision, outcome)
        self._holds = self._holds or decision.action is Action.POLICY
        if window.is_done:
            self._adapt(window)
            self._advance()

    def _advance(self) -> None:
        """Keep the ledger busy: take the answer that has come, and ask for the next turn."""
        if self._turns.is_answered:
            self._end_turn()
        self._take_turn()

    def _adapt(self, window: OpenWindow) -> None:
        """Choose the size of the next windows by the pace of this one."""
        took_s = self.around.clock() - window.begun_s
        number = len(window.results)
        measured = number / took_s if took_s > 0 else FIRST_WINDOW
        self._size = max(1, min(WINDOW_MAX, int(measured * WINDOW_S)))
        if number >= FIRST_WINDOW:
            self._account.measured = measured

    def _pause_if_too_many(
        self, mailing_out_id: int, refusals: list[Result], reason: MailingOut.PauseReason
    ) -> None:
        if refusals and outcomes.must_pause(mailing_out_id, refusals):
            detail = refusals[-1].reply_text
            campaign.pause_by_system(mailing_out_id, reason, detail=detail)

    # --- the source that the transport asks for mails

    def next_mail(self, features: Features) -> BuiltMail | None:
        """Build the next mail of the windows; None: nothing now.

        The transport has asked `may_begin` just before.
        """
        if self._drains or self._bucket.wait_s():
            return None
        if self._turns.is_answered:
            self._advance()
        for window in self._windows:
            mail = window.next_mail(features, date=self.around.now_local())
            if mail is not None:
                self._bucket.take()
                return mail
        return None

    def _wait_for_pace(self) -> None:
        """Wait until the account's rate allows one more mail, or nothing may be sent any more."""
        while (wait_s := self._bucket.wait_s()) and self.may_begin():
            self.around.sleep(min(wait_s, LOOK_S))

    # --- the watch that the transport asks

    def may_begin(self) -> bool:
        """Say whether one more body may begin: not stopping, not paused, lease long enough."""
        self._look()
        stopped = self._is_stopped() or all(window.halted for window in self._windows)
        return not stopped and self.held.may_begin()

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        """Say whether to go on waiting for the server, and keep the lease meanwhile."""
        self._look()
        if stage in BEFORE_BODY:
            return waited_s < STALL_S and not self.around.stopping()
        if not self.around.stopping():
            return True
        now_s = self.around.clock()
        self._stop_seen_s = self._stop_seen_s or now_s
        return now_s - self._stop_seen_s < LAST_REPLY_S

    def _is_stopped(self) -> bool:
        return self._account.over or self._holds or self.around.stopping()

    def _look(self) -> None:
        """Halt the windows whose mailing out was paused; the lease is kept meanwhile."""
        stopped = self._turns.look(lambda: {window.mailing_out_id for window in self._windows})
        for window in self._windows if stopped else ():
            window.halted = window.halted or window.mailing_out_id in stopped


def _closes(outcome: Outcome) -> bool:
    """Tell whether the server said that it closes the connection."""
    return outcome.reply is not None and outcome.reply.code == SERVICE_CLOSING
