"""One call of ``send``: hands mails to the connections that have room, and waits for all at once.

What may be said on a connection is decided in ``smtp_session``, how many there are in
``smtp_pool``.
"""

import selectors
from collections import deque
from collections.abc import Iterator

from massmail.backends.base import (
    BuiltMail,
    Fault,
    Features,
    MailSource,
    Outcome,
    Reply,
    Stage,
    Watch,
)
from massmail.backends.smtp_connection import Connection
from massmail.backends.smtp_pool import Pool


class Sending:
    """Mails from one source over the connections of one pool, until there is nothing to do."""

    def __init__(self, pool: Pool, source: MailSource, watch: Watch) -> None:
        """Prepare; nothing is asked or sent yet."""
        self._pool = pool
        self._source = source
        self._watch = watch
        self._selector = selectors.DefaultSelector()
        self._idle: dict[Connection, None] = {}  # in the order in which they became idle
        self._leaving: list[Connection] = []  # QUIT was said
        self._kept: deque[BuiltMail] = deque()  # taken from the source, and not begun
        self._outcomes: list[Outcome] = []
        self._is_dry = False  # the source had nothing, and no outcome has come since
        self._is_halted = False  # the watch said no: nothing more begins
        self._look_s = pool.clock()  # when to ask the watch and see the time limits
        # what the last connection that ended said, if no outcome told it
        self._untold: tuple[Reply | None, Fault, str] | None = None
        self._features = Features()

    def outcomes(self) -> Iterator[Outcome]:
        """Send, and yield what becomes of each mail; network.

        A connection that is at work when this ends early is closed.
        """
        try:
            for connection in list(self._pool.connections):
                self._watch_over(connection)
                connection.receive()
                self._settle(connection)
            yield from self._until_done()
        finally:
            self._selector.close()
            for connection in [*self._leaving, *self._pool.connections]:
                if not connection.session.is_idle:
                    self._pool.remove(connection)

    def _until_done(self) -> Iterator[Outcome]:
        while True:
            self._begin_mails()
            if self._outcomes:
                found, self._outcomes = self._outcomes, []
                self._is_dry = False
                yield from found
            elif len(self._idle) < len(self._pool.connections):
                self._wait()
            else:
                return

    # --- mails

    def _begin_mails(self) -> None:
        """Give a mail to each connection that is idle, and open one more if all are at work."""
        if self._is_halted:
            self._stop_envelopes()
        for connection in list(self._idle):
            mail = self._next_mail(connection.session.features)
            if mail is None:
                return
            del self._idle[connection]
            self._begin_on(self._renewed(connection), mail)
        if not self._pool.connections:
            self._tell_farewell()
        elif not self._idle and self._pool.may_grow:
            self._grow()

    def _next_mail(self, features: Features) -> BuiltMail | None:
        """Return a mail that may begin now; None if there is none, or the watch says no."""
        if self._is_halted or (self._is_dry and not self._kept):
            return None
        if not self._watch.may_begin():
            self._is_halted = True
            return None
        if self._kept and _fits(self._kept[0], features):
            return self._kept.popleft()
        if self._is_dry:
            return None
        mail = self._source.next_mail(features)
        self._is_dry = mail is None
        return mail

    def _begin_on(self, connection: Connection, mail: BuiltMail) -> None:
        """Begin a mail; one that needs more than this connection has waits for another."""
        if _fits(mail, connection.session.features):
            connection.begin(mail)
        else:
            self._kept.append(mail)
        self._settle(connection)

    def _send_body(self, connection: Connection) -> None:
        """Send the body that has the go-ahead, unless the watch says no."""
        session = connection.session
        if not session.pipelined:
            connection.receive()  # hear what came unasked
            if not session.has_go_ahead:
                return None
        if self._is_halted or not self._watch.may_begin():
            self._is_halted = True
            return session.stop()
        following = None
        if session.pipelined and not self._pool.is_worn(connection):
            following = self._next_mail(session.features)
        return session.send_body(following)

    def _stop_envelopes(self) -> None:
        """End the connections whose mail may not begin any more."""
        for connection in list(self._pool.connections):
            if not (connection.session.is_idle or connection.session.is_in_doubt):
                connection.session.stop()
                self._settle(connection)

    def _tell_farewell(self) -> None:
        """Let one mail have what the last connection said, if no outcome told it.

        Else nobody would hear that the account is in trouble.
        """
        if self._untold is not None and (mail := self._next_mail(self._features)):
            reply, fault, detail = self._untold
            self._outcomes.append(Outcome(mail, Stage.MAIL, reply, fault, detail))
        self._untold = None

    # --- connections

    def _grow(self) -> None:
        """Open one more connection, if there is a mail for it; keep the mail if that fails."""
        mail = self._next_mail(self._features)
        if mail is None:
            return
        another = self._pool.open_another(self._watch)
        if another is None:
            self._kept.append(mail)
        else:
            self._watch_over(another)
            self._begin_on(another, mail)

    def _renewed(self, connection: Connection) -> Connection:
        """Return the connection, or a new one in its place if it has served long enough."""
        if not self._pool.is_worn(connection):
            return connection
        fresh = self._pool.open_another(self._watch)
        if fresh is None:
            return connection
        self._pool.connections.remove(connection)
        self._leaving.append(connection)
        connection.session.quit()
        connection.flush()
        self._watch_over(fresh)
        return fresh

    def _watch_over(self, connection: Connection) -> None:
        connection.events = selectors.EVENT_READ
        self._selector.register(connection, connection.events, connection)
        self._look_s = min(self._look_s, self._pool.clock())
        self._features = connection.session.features

    def _settle(self, connection: Connection) -> None:
        """Do what a connection is ready for, and take what it has to tell."""
        session = connection.session
        if session.has_go_ahead:
            self._send_body(connection)
        if session.outgoing:
            connection.flush()
        if session.has_ended:
            return self._remove(connection)
        self._take_from(connection)
        events = connection.wanted_events if session.outgoing else selectors.EVENT_READ
        if events != connection.events:
            connection.events = events
            self._selector.modify(connection, events, connection)
        if session.is_idle:
            self._idle[connection] = None
        return None

    def _take_from(self, connection: Connection) -> None:
        session = connection.session
        if session.outcomes:
            self._outcomes += session.outcomes
            session.outcomes.clear()
        if session.not_begun:
            self._kept += session.not_begun
            session.not_begun.clear()
        if session.mishandles_pipelining:
            session.mishandles_pipelining = False
            self._pool.distrust()

    def _remove(self, connection: Connection) -> None:
        """Close a connection that has ended, and remember what nobody was told."""
        session, is_left = connection.session, connection in self._leaving
        self._untold = None if is_left else session.farewell
        self._take_from(connection)
        self._idle.pop(connection, None)
        self._selector.unregister(connection)
        self._pool.remove(connection)
        if is_left:
            self._leaving.remove(connection)

    # --- waiting

    def _wait(self) -> None:
        """Wait until something arrives or may be written; then see the clock.

        In this order: a process that was stopped for an hour still reads what came meanwhile.
        """
        left_s = self._look_s - self._pool.clock()
        for key, _ in self._selector.select(max(left_s, 0)):
            connection: Connection = key.data
            connection.receive()
            self._settle(connection)
        if self._pool.clock() >= self._look_s:
            self._look()

    def _look(self) -> None:
        """Ask the watch for each connection that waits, and end those that waited too long."""
        again_s = []
        for connection in list(self._pool.connections):
            again_s.append(connection.look(self._watch))
            if connection.session.has_ended:
                self._settle(connection)
        self._look_s = self._pool.clock() + min(again_s, default=0)


def _fits(mail: BuiltMail, features: Features) -> bool:
    """Tell whether a server takes a mail that was perhaps built for another."""
    return (features.eight_bit or not mail.eight_bit) and (features.smtputf8 or not mail.smtputf8)
