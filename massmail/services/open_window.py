"""A claimed window while its mails are built and sent: what is left, on the wire, and done."""

import logging
from collections import deque
from datetime import datetime

from massmail.backends.base import BuiltMail, Features, Outcome
from massmail.models import EmailAccount, FailReason
from massmail.services import outcomes, render
from massmail.services.eligibility import Verdict
from massmail.services.ledger import Window
from massmail.services.outcomes import Result
from massmail.services.smtp_replies import Action, Decision
from massmail.utils.email_creators import BuildError, CompiledMessage

logger = logging.getLogger(__name__)


class OpenWindow:
    """The mails of one window, each built when a connection has room for it."""

    def __init__(
        self, window: Window, message: CompiledMessage, account: EmailAccount, *, begun_s: float
    ) -> None:
        self.window = window
        self.begun_s = begun_s
        self.results: list[Result] = []
        self.halted = False  # nothing more of it begins: its mailing out was paused
        self._message = message
        self._sender = render.sender_of(account, window.mailing_out)
        self._rest = deque(window.rows)
        self._on_wire: dict[str, Verdict] = {}  # handed over, not yet with an outcome
        self.not_built_count = 0  # mails that our own data did not let us build

    @property
    def mailing_out_id(self) -> int:
        """The mailing out whose mails these are."""
        return self.window.mailing_out.pk

    @property
    def has_more(self) -> bool:
        """Whether a mail of it may still be begun."""
        return bool(self._rest) and not self.halted

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is on the wire, nor will be."""
        return not self._on_wire and not self.has_more

    def next_mail(self, features: Features, *, date: datetime) -> BuiltMail | None:
        """Build the next mail; None when there is none. What cannot be built is a result."""
        while self.has_more:
            row = self._rest.popleft()
            try:
                person = render.person_of(self.window.mailing_out, row)
                mail = self._message.build(person, self._sender, date=date, features=features)
            except Exception as error:  # the border to recipient types of other apps
                logger.exception("delivery %d: its mail cannot be built", row.delivery_id)
                self._note_not_built(row, error)
                continue
            self._on_wire[mail.message_id] = row
            return mail
        return None

    def knows(self, mail: BuiltMail) -> bool:
        """Tell whether a mail on the wire is of this window."""
        return mail.message_id in self._on_wire

    def note(self, outcome: Outcome, decision: Decision) -> None:
        """Note what became of a mail."""
        row = self._on_wire.pop(outcome.mail.message_id)
        self.results.append(Result(row, decision, outcome))

    def doubt(self, decision: Decision) -> None:
        """Note that nobody knows what became of the mails on the wire."""
        rows = self._on_wire.values()
        self.results += [Result(row, decision, error=decision.why) for row in rows]
        self._on_wire.clear()

    def forget_wire(self) -> None:
        """Take back what was handed over and got no outcome: it was not begun."""
        self._rest.extendleft(reversed(self._on_wire.values()))
        self._on_wire.clear()

    def _note_not_built(self, row: Verdict, error: Exception) -> None:
        """Note a mail that our own data does not let us build; too many end the window."""
        reason = error.reason if isinstance(error, BuildError) else FailReason.LOCAL.value
        why = reason if reason == FailReason.SMTPUTF8 else outcomes.NOT_BUILT
        decision = Decision(Action.FAILED, reason, why=why)
        self.results.append(Result(row, decision, error=str(error) or repr(error)))
        self.not_built_count += why == outcomes.NOT_BUILT
        self.halted = self.halted or self.not_built_count >= outcomes.PAUSE_AT
