"""The lock-step conversation of an opening: a line out, its reply in.

Keeps the stage, because no error tells how far it had come. Joins the connection (``link``) with
the bytes of the protocol (``smtp_protocol``); what to say is said in ``smtp_opening``.
"""

import ssl
from dataclasses import dataclass

from massmail.backends import smtp_protocol as protocol
from massmail.backends.base import Fault, Stage, Watch
from massmail.backends.hosts import Address
from massmail.backends.link import Clock, Link, LinkError, Patience
from massmail.backends.smtp_session import SERVICE_CLOSING


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds; those of RFC 5321, section 4.5.3.2, where it names one.

    ``connect_s`` is shared by all addresses of a host, and holds for the TLS handshake again.
    ``body_s`` runs since the last progress, ``body_total_s`` for the whole body. ``stall_s`` is
    when giving up before a body counts as a stall; opening unwatched gives up by itself then.
    """

    connect_s: float = 30
    command_s: float = 300
    data_s: float = 120
    body_s: float = 180
    body_total_s: float = 600
    dot_s: float = 600
    quit_s: float = 2
    slice_s: float = 5
    stall_s: float = 60

    @property
    def shortest_s(self) -> float:
        """Return how long nobody may look away from a connection with a mail."""
        limits = (self.command_s, self.data_s, self.body_s, self.body_total_s, self.dot_s)
        return min(self.slice_s, *limits)

    def limit_s(self, stage: Stage) -> float:
        """Return how long to wait in a stage of a mail."""
        limits = {Stage.DATA: self.data_s, Stage.BODY: self.body_s, Stage.DOT: self.dot_s}
        return limits.get(stage, self.command_s)


class Conversation:
    """One connection, the stage it is in, and who watches while it waits.

    Every method that talks is network and raises LinkError; after that the conversation can
    only be closed.
    """

    def __init__(self, timeouts: Timeouts, clock: Clock, watch: Watch) -> None:
        """Prepare; nothing is connected yet."""
        self.stage = Stage.CONNECT
        self.watch = watch
        self.timeouts = timeouts
        self._clock = clock
        self._link: Link | None = None
        self.parser = protocol.ReplyParser()

    def connect(self, addresses: list[Address]) -> Address:
        """Connect to the first address that answers, and return it; ``connect_s`` for all."""
        give_up_at = self._clock() + self.timeouts.connect_s
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share_s = (give_up_at - self._clock()) / left
            try:
                self._link = Link.connect(address, self._patience(share_s))
            except LinkError as error:
                if left == 1 or error.fault in {Fault.STALLED, Fault.STOPPED}:
                    raise
            else:
                return address
        raise LinkError(Fault.DNS, "no address")

    @property
    def local_address(self) -> str:
        """Return our own IP address on this connection."""
        return self._open_link.local_address

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands, and verify the server as ``host``.

        Raises LinkError with the fault TLS if anything in clear came behind the reply to
        STARTTLS: it could have been slipped in (CVE-2011-0411).
        """
        if self.parser.has_leftover:
            raise LinkError(Fault.TLS, "data in clear behind the reply to STARTTLS")
        self._open_link.start_tls(context, host, self._patience(self.timeouts.connect_s))

    def greeting(self) -> protocol.FullReply:
        """Wait for the server's greeting."""
        return self._read_reply(self._patience(self.timeouts.command_s))

    def exchange(self, line: bytes) -> protocol.FullReply:
        """Send one command line and return its reply.

        A server that closes may say 421 unasked: that is the reply then. Anything else unasked
        means that replies and commands no longer match (GARBAGE): a reply must never be taken
        for that of another recipient.
        """
        unasked = self._listen()
        if unasked is not None and unasked.code == SERVICE_CLOSING:
            return unasked
        if unasked is not None or self.parser.has_leftover:
            raise LinkError(Fault.GARBAGE, "a reply to nothing")
        patience = self._patience(self.timeouts.command_s)
        self._open_link.send_all(line, patience)
        return self._read_reply(patience)

    def take_link(self) -> Link:
        """Hand the connection over; what was not read of it is in ``parser``."""
        link, self._link = self._open_link, None
        return link

    def close(self) -> None:
        """Close at once, without a word; never raises."""
        if self._link is not None:
            self._link.close()
            self._link = None

    @property
    def _open_link(self) -> Link:
        if self._link is None:
            raise LinkError(Fault.DISCONNECTED, "not connected")
        return self._link

    def _patience(self, limit_s: float) -> Patience:
        return Patience(
            self.stage,
            limit_s,
            self.watch,
            self._clock,
            slice_s=self.timeouts.slice_s,
            stall_s=self.timeouts.stall_s,
        )

    def _listen(self) -> protocol.FullReply | None:
        """Take in what has arrived, without waiting, and return the reply that it completes."""
        received = self._open_link.try_receive()
        self.parser.feed(received or b"")
        reply = self._next_reply()
        if reply is None and received == b"":
            raise LinkError(Fault.DISCONNECTED, "closed by the server")
        return reply

    def _read_reply(self, patience: Patience) -> protocol.FullReply:
        while (reply := self._next_reply()) is None:
            self.parser.feed(self._open_link.receive(patience))
        return reply

    def _next_reply(self) -> protocol.FullReply | None:
        try:
            return self.parser.next_reply()
        except protocol.UnreadableReply as error:
            raise LinkError(Fault.GARBAGE, str(error)) from error
