"""The open connections of one account: how many, how old, and whether they may be pipelined."""

import logging
import selectors
from collections.abc import Callable
from dataclasses import dataclass, field

from massmail.backends.base import Stage, Step, TransportError, Watch
from massmail.backends.link import Clock
from massmail.backends.smtp_connection import Connection
from massmail.backends.smtp_opening import Opener
from massmail.backends.smtp_session import SmtpSession

logger = logging.getLogger(__name__)

MAILS_A_CONNECTION = 1_000  # then a new one takes its place
CONNECTION_S = 300
OPENING_S = 10  # how long the others wait for one more to open
REST_S = 60  # after one more did not open
LOCK_STEP_S = 3_600  # how long a server that mishandled pipelining is not trusted with it


class LockStepServers:
    """Remembers for a while, in this process, which servers mishandle pipelining."""

    def __init__(self) -> None:
        """Remember nothing."""
        self._until_s: dict[tuple[str, int], float] = {}

    def add(self, host: str, port: int, now_s: float) -> None:
        """Distrust a server for an hour from now."""
        self._until_s[host.strip().lower(), port] = now_s + LOCK_STEP_S

    def holds(self, host: str, port: int, now_s: float) -> bool:
        """Tell whether a server is distrusted now."""
        return now_s < self._until_s.get((host.strip().lower(), port), now_s)

    def clear(self) -> None:
        """Trust all again."""
        self._until_s.clear()


LOCK_STEP_SERVERS = LockStepServers()


@dataclass(frozen=True, slots=True)
class _ShortWatch:
    """The run's watch, with less time for a connection that is not the only one."""

    watch: Watch

    def may_begin(self) -> bool:
        return self.watch.may_begin()

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        return self.watch.waiting(waited_s, stage) and waited_s < OPENING_S


@dataclass
class Pool:
    """Connections that are open, at most ``limit``."""

    opener: Opener
    limit: int = 1
    lock_step: LockStepServers = field(default_factory=lambda: LOCK_STEP_SERVERS)
    connections: list[Connection] = field(default_factory=list)
    _rest_until_s: float = -float("inf")

    @property
    def clock(self) -> Clock:
        """The clock by which everything here goes, in seconds."""
        return self.opener.clock

    @property
    def may_grow(self) -> bool:
        """Tell whether one more may be opened now, beside those that are open."""
        return len(self.connections) < self.limit and self._may_open

    def open_first(
        self, watch: Watch | None = None, done: Callable[[Step], None] | None = None
    ) -> None:
        """Open one connection, and drop all that were open; network. Raises TransportError."""
        self.drop_all()
        self._add(watch, done)

    def open_another(self, watch: Watch) -> Connection | None:
        """Open one more; network. If that fails, it is logged, and not tried again for a while."""
        try:
            return self._add(_ShortWatch(watch))
        except TransportError as error:
            logger.warning("one more connection does not open: %s", error)
            self._rest_until_s = self.clock() + REST_S
            return None

    def is_worn(self, connection: Connection) -> bool:
        """Tell whether a connection has served long enough, and another may take its place."""
        old = self.clock() - connection.opened_s >= CONNECTION_S
        return (old or connection.session.mail_count >= MAILS_A_CONNECTION) and self._may_open

    def distrust(self) -> None:
        """Go on in lock-step with this server: it mishandles pipelining."""
        account = self.opener.account
        self.lock_step.add(account.email_host, account.email_port, self.clock())
        logger.warning("a server that announced PIPELINING mishandles it: lock-step for a while")
        for connection in self.connections:
            connection.session.pipelined = False

    def remove(self, connection: Connection) -> None:
        """Close a connection at once."""
        connection.close()
        if connection in self.connections:
            self.connections.remove(connection)

    def drop_all(self) -> None:
        """Close all at once, without a word."""
        while self.connections:
            self.connections.pop().close()

    def close(self) -> None:
        """Say QUIT on each, wait for the replies, ``quit_s`` together, and close; never raises."""
        with selectors.DefaultSelector() as selector:
            for connection in self.connections:
                if connection.session.is_idle:
                    connection.session.quit()
                    connection.flush()
                    selector.register(connection, selectors.EVENT_READ, connection)
            give_up_s = self.clock() + self.opener.timeouts.quit_s
            while selector.get_map() and (left_s := give_up_s - self.clock()) > 0:
                for key, _ in selector.select(left_s):
                    key.data.receive()
                    if key.data.session.has_ended:
                        selector.unregister(key.fileobj)
        self.drop_all()

    @property
    def _may_open(self) -> bool:
        return self.clock() >= self._rest_until_s

    def _add(
        self, watch: Watch | None = None, done: Callable[[Step], None] | None = None
    ) -> Connection:
        opened = self.opener.open(watch, done)
        account = self.opener.account
        trusted = not self.lock_step.holds(account.email_host, account.email_port, self.clock())
        session = SmtpSession(
            opened.capabilities,
            pipelined="PIPELINING" in opened.capabilities and trusted,
            parser=opened.parser,
        )
        connection = Connection(opened.link, session, self.opener.timeouts, self.clock)
        self.connections.append(connection)
        return connection
