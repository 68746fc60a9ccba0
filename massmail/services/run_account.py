"""The account of a run: its connections, and what answers mean for its health."""

import logging

from common.fields import SecretUnreadable
from massmail.backends.base import Outcome, Transport, TransportError
from massmail.models import EmailAccount
from massmail.services import account_health, outcomes
from massmail.services.smtp_replies import Action, Decision, decide
from massmail.services.surroundings import Surroundings

logger = logging.getLogger(__name__)

DOUBTS_IN_A_ROW = 2  # connections broken after the body before the account rests
_BROKEN_TRANSPORT = Decision(Action.COOLING, why="configuration")


class RunAccount:
    """An account while a run holds it. `over` once nothing more may be sent in this run."""

    def __init__(self, account_id: int, around: Surroundings) -> None:
        self.over = False
        self.row: EmailAccount | None = None  # as it was in the last turn
        self.measured: float | None = None  # mails a second, once it sent some
        self._id = account_id
        self._around = around
        self._transport: Transport | None = None
        self._doubts = 0

    def opened(self) -> Transport | None:
        """Return the open transport, or None: the account is in trouble (network, SQL)."""
        if self._transport is not None and not self._transport.is_open:
            self.drop_connection()
        if self._transport is not None or self.over:
            return self._transport
        self.row = self.row or EmailAccount.objects.get(pk=self._id)
        try:
            self._transport = self._around.open_transport(self.row)
        except TransportError as error:
            decision = decide(error.stage, error.reply, error.fault)
            logger.warning("account %d: %s (%s)", self._id, decision.why, error)
            self._trouble(decision, outcomes.verbatim(error.reply, error.fault))
        except SecretUnreadable:
            logger.exception("account %d: trouble of the installation", self._id)
            self.over = True
        except Exception:  # the border to transports of other apps
            logger.exception("account %d: its transport does not open", self._id)
            self._trouble(_BROKEN_TRANSPORT, "")
        return self._transport

    def drop_connection(self) -> None:
        """Close the transport, if there is one."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def feel(self, decision: Decision, outcome: Outcome) -> None:
        """Let the account feel what became of a mail (SQL only where something changes)."""
        if decision.action is Action.SENT:
            self._doubts = 0
            self._recover()
        elif decision.action is Action.UNCERTAIN:
            self._doubts += 1
            if self._doubts >= DOUBTS_IN_A_ROW:
                self._trouble(Decision(Action.COOLING, why="unreadable reply"), "")
        else:
            self._doubts = 0
            if decision.action in {Action.COOLING, Action.OFF} or decision.rests_account:
                self._trouble(decision, outcomes.verbatim(outcome.reply, outcome.fault))

    def feel_broken_transport(self) -> None:
        """Let the account rest after a fault in its transport's own code."""
        self.drop_connection()
        self._trouble(_BROKEN_TRANSPORT, "")

    def _recover(self) -> None:
        """Forget the account's trouble once a mail of it was taken."""
        if self.row is not None and self.row.cooling_count:
            account_health.recover(self._id)
            self.row.cooling_count = 0

    def _trouble(self, decision: Decision, reply: str) -> None:
        """Let the account rest or switch it off, once, and end the run."""
        if self.over:
            return
        self.over = True
        now = self._around.now()
        account_health.meet(self._id, decision, reply=reply, now=now, measured=self.measured)
