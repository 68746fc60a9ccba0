"""One logged-in connection at work: its link, its session, and how long it has waited.

Nothing here waits: who waits for several connections at once is ``smtp_sending``.
"""

import math

from massmail.backends.base import BuiltMail, Fault, Stage, Watch
from massmail.backends.link import RECEIVE_BYTES, Clock, Link, LinkError, Patience
from massmail.backends.smtp_conversation import Timeouts
from massmail.backends.smtp_session import SmtpSession


class Connection:
    """Moves bytes between a link and a session, and keeps the time of each stage."""

    def __init__(self, link: Link, session: SmtpSession, timeouts: Timeouts, clock: Clock) -> None:
        """Take over a link that is logged in, and its session."""
        self.session = session
        self.opened_s = clock()
        self.timeouts = timeouts
        self.events = 0  # what the selector was told to watch for
        self._link = link
        self._clock = clock
        self._since_s = self.opened_s  # since when the session waits for what it waits for
        self._patience: Patience | None = None  # of the present wait, made when it is looked at
        self._patience_of: tuple[Stage, int] | None = None

    def fileno(self) -> int:
        """Return what a selector watches."""
        return self._link.fileno()

    @property
    def wanted_events(self) -> int:
        """What the selector has to watch for while bytes wait to be written."""
        return self._link.wanted_events

    def begin(self, mail: BuiltMail) -> None:
        """Begin a mail on the idle session. In lock-step, hear first what came unasked."""
        if not self.session.pipelined:
            self.receive()
        if self.session.has_ended:
            self.session.not_begun.append(mail)
            return
        self.session.begin(mail)
        self.flush()

    def flush(self) -> None:
        """Hand over what the session has to write, as far as that goes now."""
        outgoing = self.session.outgoing
        while outgoing:
            try:
                sent = self._link.try_send_all(outgoing)
            except LinkError as error:
                self.receive()  # the complete reply of a server that then broke off
                self.session.closed(error.fault, error.detail)
                return
            if not sent:
                return
            self.session.wrote(sent)
            self._since_s = self._clock()

    def receive(self) -> None:
        """Take in what has arrived; the end of the stream closes the session."""
        session = self.session
        while not session.has_ended:
            try:
                received = self._link.try_receive()
            except LinkError as error:
                return session.closed(error.fault, error.detail)
            if received is None:
                return None
            if not received:
                return session.closed(Fault.DISCONNECTED, "closed by the server")
            replies = session.reply_count
            session.received(received)
            if session.reply_count != replies:
                self._since_s = self._clock()
            if len(received) < RECEIVE_BYTES and not self._link.is_secure:
                return None
        return None

    def look(self, watch: Watch) -> float:
        """Ask the watch if it is time to, and give up what took too long.

        Returns after how many seconds to look again.
        """
        session, again_s = self.session, self.timeouts.shortest_s
        if session.is_idle or session.has_ended:
            return again_s
        stage = session.stage
        if self._patience is None or self._patience_of != (stage, session.reply_count):
            self._patience = self._new_patience(stage, watch)
            self._patience_of = (stage, session.reply_count)
        elif stage is Stage.BODY:
            self._patience.progress(self._since_s)
        try:
            again_s = min(again_s, self._patience.next_slice_s())
        except LinkError as error:
            session.closed(error.fault, error.detail)
        return again_s

    def close(self) -> None:
        """Close at once, without a word; never raises."""
        self._link.close()

    def _new_patience(self, stage: Stage, watch: Watch) -> Patience:
        return Patience(
            stage,
            self.timeouts.limit_s(stage),
            watch,
            self._clock,
            slice_s=self.timeouts.slice_s,
            stall_s=self.timeouts.stall_s,
            total_s=self.timeouts.body_total_s if stage is Stage.BODY else math.inf,
            started_at=self._since_s,
        )
