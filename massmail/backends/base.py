"""The transport contract: what a mail is on its way out, and what may become of it.

Types only. A transport (``backends/smtp.py``) turns built mails into outcomes; what an outcome
means for a recipient or an account is decided in ``services/smtp_replies.py``.
"""

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from massmail.errors import MassmailError


class Stage(enum.StrEnum):
    """Where a mail, or the connection, was when something happened; in the order of the protocol.

    From ``BODY`` on a mail is in doubt until a reply is read (RFC 1047); before, it is not.
    """

    CONNECT = "connect"  # name resolution, TCP, the greeting, EHLO
    TLS = "tls"  # STARTTLS and the handshake
    AUTH = "auth"
    MAIL = "mail"  # RSET before a mail counts as its MAIL
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # from the first byte of the body until the last byte of the dot is handed over
    DOT = "dot"  # waiting for the reply to the final dot


class Step(enum.StrEnum):
    """A step of opening, told when it is done; in the order in which they are taken.

    Without TLS there is no ``TLS``; an account without a password takes ``LOGIN`` by being
    welcomed.
    """

    NAME = "name"  # the host name has an address that may be reached
    CONNECT = "connect"  # TCP; without TLS from the start also the greeting and EHLO
    TLS = "tls"
    LOGIN = "login"


BEFORE_BODY = frozenset({Stage.CONNECT, Stage.TLS, Stage.AUTH, Stage.MAIL, Stage.RCPT, Stage.DATA})


class Fault(enum.StrEnum):
    """What went wrong where no usable reply tells it."""

    NONE = ""
    TIMEOUT = "timeout"  # the stage's time limit passed
    DISCONNECTED = "disconnected"  # closed or reset by the other side
    GARBAGE = "garbage"  # unreadable, over-long, or not a reply to what was asked
    DNS = "dns"  # the host name has no address, or the resolver failed
    REFUSED = "refused"  # connection refused or network unreachable
    TLS = "tls"  # handshake or certificate failed, or a password without TLS
    CAPABILITY = "capability"  # the server does not offer what the account needs
    STALLED = "stalled"  # the server let us wait too long before a body (60 s)
    STOPPED = "stopped"  # the watch asked to give up waiting
    FORBIDDEN_HOST = "forbidden_host"  # an address or port the installation does not allow
    CONFIGURATION = "configuration"  # what the operator has to set is missing or of no use
    SIGN_IN = "sign_in"  # the identity provider gave no access token just now
    REVOKED = "revoked"  # the permission to log in ended: a person has to connect the account again


@dataclass(frozen=True, slots=True)
class Features:
    """What a connection's server announced, as far as it changes how a mail is built."""

    eight_bit: bool = False  # 8BITMIME (RFC 6152)
    smtputf8: bool = False  # RFC 6531
    max_bytes: int | None = None  # SIZE (RFC 1870); None: not told


@dataclass(frozen=True, slots=True)
class BuiltMail:
    """One mail to one recipient, ready for the wire.

    ``sender`` and ``recipient`` are addr-specs with the domain as A-label, ASCII unless
    ``smtputf8``. ``message_id`` has its angle brackets. The message is ``data``, what is this
    mail's own, and then ``tail``, what all mails of a message share: pictures, attachments. Both
    have CRLF line ends and are not dot-stuffed; the last of them ends with CRLF. No line of
    ``tail`` begins with a dot, so that it goes out as it is, without copies; neither does one of
    ``data`` if it ``is_stuffed``, else that is looked into for each mail.
    """

    sender: str
    recipient: str
    message_id: str
    data: bytes
    tail: bytes = b""
    eight_bit: bool = False  # holds octets above 127
    smtputf8: bool = False  # its recipient or its headers are not ASCII
    is_stuffed: bool = False  # the builder vouches that no line of ``data`` begins with a dot

    @property
    def message(self) -> bytes:
        """The whole message."""
        return self.data + self.tail if self.tail else self.data


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply: ``code``, the enhanced status code or ``""``, and the text.

    ``text`` has the lines joined by a line feed, without code, enhanced code and control
    characters, at most 500 characters. It is written by the other side: escape it when shown.
    """

    code: int
    enhanced: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mail that was begun.

    Either ``reply`` is what the server answered at ``stage``, or ``fault`` says why there is no
    usable answer; ``detail`` is for the log and holds no address and no secret. ``provider_id`` is
    what a provider calls the mail that it took, at most 200 characters.
    """

    mail: BuiltMail
    stage: Stage
    reply: Reply | None
    fault: Fault = Fault.NONE
    detail: str = ""
    provider_id: str = ""

    @property
    def accepted(self) -> bool:
        """Tell whether the server took the mail: a 2xx reply to the final dot."""
        return (
            self.stage is Stage.DOT
            and self.fault is Fault.NONE
            and self.reply is not None
            and 200 <= self.reply.code <= 299
        )

    @property
    def counted(self) -> bool:
        """Tell whether it counts towards the daily limit: DATA was sent for it."""
        return self.stage in {Stage.DATA, Stage.BODY, Stage.DOT}


class TransportError(MassmailError):
    """Trouble of the account found while opening; no mail is involved."""

    def __init__(
        self, stage: Stage, reply: Reply | None, fault: Fault = Fault.NONE, detail: str = ""
    ) -> None:
        """Keep the facts in the form in which ``decide`` takes them."""
        self.stage = stage
        self.reply = reply
        self.fault = fault
        self.detail = detail
        code = f" {reply.code} {reply.enhanced}".rstrip() if reply else ""
        super().__init__(f"{stage}{code} {fault} {detail}".strip())


class MailSource(Protocol):
    """Where a transport takes its mails from."""

    def next_mail(self, features: Features) -> BuiltMail | None:
        """Return the next mail, built for a server with these features; None: nothing now."""
        ...


class ReadyMails:
    """A source of mails that are built already."""

    def __init__(self, mails: Iterable[BuiltMail]) -> None:
        """Take the mails; they are asked for one by one."""
        self._mails = iter(mails)

    def next_mail(self, features: Features) -> BuiltMail | None:
        """Return the next mail as it is."""
        return next(self._mails, None)


class Watch(Protocol):
    """How the caller keeps hold of a transport that is at work."""

    def may_begin(self) -> bool:
        """Say whether one more mail may begin.

        Asked before each mail and again right before its first body byte; False: begin nothing
        more. A mail stopped at its first body byte gets no outcome: nothing of it was accepted.
        """
        ...

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        """Say whether to go on waiting for the server; asked at least every 5 s.

        ``waited_s`` is the time since the command was sent (in a body: since its last progress).
        False: give up now. The mail then has the fault STALLED (before its body, after 60 s) or
        STOPPED, and the connection is closed.
        """
        ...


class AccessTokens(Protocol):
    """Where a transport gets the OAuth2 access tokens of its account; network."""

    def __call__(self, *, refused: str = "") -> str:
        """Return a token other than the one that was ``refused``.

        Raises TransportError at AUTH: REVOKED, SIGN_IN or CONFIGURATION.
        """
        ...


class Transport(Protocol):
    """The connections of one account. Not safe for use by several threads at once."""

    @property
    def is_open(self) -> bool:
        """Whether a connection is left to send on."""
        ...

    def open(self) -> None:
        """Connect and log in; network. Raises TransportError."""
        ...

    def send(self, source: MailSource, watch: Watch) -> Iterator[Outcome]:
        """Send mails, and yield one outcome for each mail begun, in any order; network.

        The source is asked whenever a connection has room, also after it had nothing, once an
        outcome has come. Ends when nothing is on the wire and the source has nothing now, when
        ``watch.may_begin()`` is False, or when no connection is left (the outcomes of the mails
        that it broke are yielded first). A mail taken from the source that gets no outcome was
        not begun: nothing of it was accepted. The caller may ``open`` again.
        """
        ...

    def close(self) -> None:
        """Say good-bye if that is possible; never raises, and may be called at any time."""
        ...


@runtime_checkable
class WatchedOpening(Protocol):
    """What a transport may offer besides: an opening that is watched, step by step."""

    def open_watched(self, watch: Watch, done: Callable[[Step], None]) -> None:
        """Open as ``Transport.open``, as long as the watch waits; tell each step that is done."""
        ...
