"""SMTP on one kept connection: opens it safely, and runs one mail transaction after the other.

Up to DATA nothing of a mail was accepted; from its first body byte to the reply to the dot it
is in doubt. What a reply means is left to ``services/smtp_replies.py``, when to send and when
to open again to the caller.
"""

import contextlib
import functools
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

from massmail.backends import smtp_protocol as protocol
from massmail.backends.base import (
    AccessTokens,
    BuiltMail,
    Fault,
    Features,
    MailSource,
    Outcome,
    Stage,
    Step,
    TransportError,
    Watch,
)
from massmail.backends.hosts import Resolver, resolve_host
from massmail.backends.link import Clock, LinkError
from massmail.backends.smtp_conversation import SERVICE_CLOSING, Conversation, Timeouts

START_BODY = 354
NEXT_ANSWER = 334
LOGIN_REFUSED = 535
_HOST_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")


class SmtpAccount(Protocol):
    """What is read of an email account; the app password is preferred when there is one."""

    email_host: str
    email_port: int
    email_host_user: str
    email_host_password: str
    email_app_password: str
    email_use_tls: bool
    email_use_ssl: bool


@dataclass(frozen=True, slots=True)
class _OpeningWatch:
    """The watch when nobody watches: a server that stalls is given up."""

    stall_s: float

    def may_begin(self) -> bool:
        return True

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        return waited_s < self.stall_s


class SmtpTransport:
    """A transport that speaks SMTP; see ``base.Transport`` for the contract.

    TLS is always verified and never given up: an account says TLS from the start, STARTTLS, or
    none. A password leaves over TLS only, or to a private address where those are allowed; an
    access token over TLS only. With an access token the login is XOAUTH2 and no password is used.
    An account without user, or with neither password nor token, does not log in.
    """

    def __init__(
        self,
        account: SmtpAccount,
        *,
        allow_private_hosts: bool = False,
        access_tokens: AccessTokens | None = None,
        timeouts: Timeouts | None = None,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock = time.monotonic,
        resolve: Resolver = socket.getaddrinfo,
        ehlo_name: str = "",
    ) -> None:
        """Take an account, and its OAuth2 access tokens if it has any; nothing is connected yet.

        The rest is for tests and operators: scaled ``timeouts``, an ``ssl_context`` that must
        verify, a ``clock`` in seconds, a resolver, and our name instead of this host's own.
        """
        self._account = account
        self._allow_private_hosts = allow_private_hosts
        self._access_tokens = access_tokens
        self._token = ""  # the last one
        self._timeouts = timeouts or Timeouts()
        self._ssl_context = ssl_context
        self._clock = clock
        self._resolve = resolve
        self._ehlo_name = ehlo_name
        self._conversation: Conversation | None = None
        self._needs_reset = False
        self._done: Callable[[Step], None] = _tell_nobody

    @classmethod
    def from_account(
        cls,
        account: SmtpAccount,
        *,
        allow_private_hosts: bool,
        access_tokens: AccessTokens | None = None,
    ) -> Self:
        """Return the transport of an account, as the registry asks for it."""
        return cls(account, allow_private_hosts=allow_private_hosts, access_tokens=access_tokens)

    @property
    def is_open(self) -> bool:
        """Whether a connection is left to send on."""
        return self._conversation is not None

    def open(self, watch: Watch | None = None) -> None:
        """Connect, secure and log in; network. Raises TransportError.

        A connection that is still open is dropped first. Without a ``watch`` a server that
        lets us wait ``stall_s`` is given up (STALLED). A refused access token is exchanged for
        another once; if that is refused too, the fault is REVOKED.
        """
        self._drop()
        watch = watch or _OpeningWatch(self._timeouts.stall_s)
        try:
            self._conversation = self._greeted(watch)
        except TransportError as error:
            if not self._token or not _is_refused_login(error):
                raise
            self._conversation = self._greeted_again(watch)

    def _greeted_again(self, watch: Watch) -> Conversation:
        """Return a new connection, logged in with another token than the last one."""
        try:
            return self._greeted(watch, refused=self._token)
        except TransportError as error:
            if not _is_refused_login(error):
                raise
            raise TransportError(error.stage, error.reply, Fault.REVOKED) from error

    def _greeted(self, watch: Watch, *, refused: str = "") -> Conversation:
        """Return a new connection, secured and logged in; raises TransportError."""
        conversation = Conversation(self._timeouts, self._clock, watch)
        try:
            self._greet(conversation, refused)
        except LinkError as error:
            conversation.close()
            raise TransportError(conversation.stage, None, error.fault, error.detail) from error
        except BaseException:
            conversation.close()
            raise
        return conversation

    def open_watched(self, watch: Watch, done: Callable[[Step], None]) -> None:
        """Open, and tell each step that is done; see ``base.WatchedOpening``."""
        self._done = done
        self.open(watch)

    def send(self, source: MailSource, watch: Watch) -> Iterator[Outcome]:
        """Send mails one after the other, and yield what became of each; network.

        See ``base.Transport.send``. A complete 4xx or 5xx reply that was read before the dot
        was sent is an outcome at BODY with that reply: no server accepts half a mail. Raises
        ValueError for an envelope address that cannot be put into a command.
        """
        while self._conversation is not None and watch.may_begin():
            mail = source.next_mail(Features())
            if mail is None:
                return
            self._conversation.watch = watch
            outcome = self._try_mail(self._conversation, mail)
            if outcome is None:
                return
            yield outcome

    def close(self) -> None:
        """Say QUIT, for at most ``quit_s``, and close; never raises."""
        conversation = self._conversation
        if conversation is not None:
            conversation.watch = _OpeningWatch(self._timeouts.quit_s)
            with contextlib.suppress(LinkError):
                conversation.quit()
        self._drop()

    def _drop(self) -> None:
        """Close the connection, if there is one, without a word."""
        if self._conversation is not None:
            self._conversation.close()
        self._conversation = None
        self._needs_reset = False

    # Opening

    def _greet(self, conversation: Conversation, refused: str) -> None:
        """Connect, take the greeting, secure the connection and log in."""
        account = self._account
        host = account.email_host.strip()
        addresses = resolve_host(
            host,
            account.email_port,
            allow_private_hosts=self._allow_private_hosts,
            resolve=self._resolve,
        )
        self._done(Step.NAME)
        address = conversation.connect(addresses)
        if account.email_use_ssl:
            self._done(Step.CONNECT)
            self._start_tls(conversation, host)
        _require_done(conversation, conversation.greeting())
        capabilities = self._ehlo(conversation)
        if not account.email_use_ssl:
            self._done(Step.CONNECT)
        if account.email_use_tls and not account.email_use_ssl:
            conversation.stage = Stage.TLS
            if "STARTTLS" not in capabilities:
                raise LinkError(Fault.CAPABILITY, "no STARTTLS")
            _require_done(conversation, _exchange(conversation, "STARTTLS"))
            self._start_tls(conversation, host)
            capabilities = self._ehlo(conversation)
        conversation.stage = Stage.AUTH
        self._token = self._access_tokens(refused=refused) if self._access_tokens else ""
        self._log_in(conversation, self._auth(capabilities, private=not address.public))
        conversation.stage = Stage.MAIL

    def _start_tls(self, conversation: Conversation, host: str) -> None:
        conversation.stage = Stage.TLS
        conversation.start_tls(self._ssl_context or default_ssl_context(), host)
        self._done(Step.TLS)
        conversation.stage = Stage.CONNECT

    def _ehlo(self, conversation: Conversation) -> dict[str, str]:
        name = self._ehlo_name or own_name() or address_literal(conversation.local_address)
        reply = _exchange(conversation, f"EHLO {name}")
        _require_done(conversation, reply)
        return protocol.parse_capabilities(reply)

    def _log_in(self, conversation: Conversation, auth: protocol.AuthExchange | None) -> None:
        """Run an AUTH exchange; the code of the last reply decides, whatever its text."""
        if auth is not None:
            reply = conversation.exchange(auth.command)
            for answer in auth.answers:
                if reply.code == NEXT_ANSWER:
                    reply = conversation.exchange(answer)
            _require_done(conversation, reply)
        self._done(Step.LOGIN)

    def _auth(self, capabilities: dict[str, str], *, private: bool) -> protocol.AuthExchange | None:
        """Return how to log in; None without user, or with nothing to log in with."""
        secure = self._account.email_use_ssl or self._account.email_use_tls
        user, token = self._account.email_host_user, self._token
        password = self._account.email_app_password or self._account.email_host_password
        if not (user and (token or password)):
            return None
        if not (secure or (private and not token)):
            raise LinkError(Fault.TLS, "no password or token without TLS")
        try:
            if token:
                auth = protocol.choose_xoauth2(capabilities, user, token)
            else:
                auth = protocol.choose_auth(capabilities, user, password)
        except ValueError as error:
            raise LinkError(Fault.CAPABILITY, "user or password cannot be sent") from error
        if auth is None:
            missing = "no AUTH XOAUTH2" if token else "neither AUTH PLAIN nor LOGIN"
            raise LinkError(Fault.CAPABILITY, missing)
        return auth

    # Sending

    def _try_mail(self, conversation: Conversation, mail: BuiltMail) -> Outcome | None:
        """Send one mail; None if the watch stopped it before its body.

        Drops the connection when it is of no use any more.
        """
        conversation.stage = Stage.MAIL
        try:
            outcome = self._send_mail(conversation, mail)
        except LinkError as error:
            outcome = Outcome(mail, conversation.stage, None, error.fault, error.detail)
        except BaseException:
            self._drop()
            raise
        if outcome is None or _ends_connection(outcome):
            self._drop()
        return outcome

    def _send_mail(self, conversation: Conversation, mail: BuiltMail) -> Outcome | None:
        """Run one mail transaction; raises LinkError."""
        if self._needs_reset:
            _require_reset(_exchange(conversation, "RSET"))
            self._needs_reset = False
        for stage, command, done in (
            (Stage.MAIL, protocol.mail_command(mail.sender), 2),
            (Stage.RCPT, protocol.rcpt_command(mail.recipient), 2),
            (Stage.DATA, protocol.serialise_command("DATA"), 3),
        ):
            conversation.stage = stage
            reply = conversation.exchange(command)
            if reply.kind != done or (done == 3 and reply.code != START_BODY):
                return self._refused(mail, stage, reply)
        conversation.check_silence()
        if not conversation.watch.may_begin():
            return None
        reply = conversation.send_body(protocol.stuff_body(mail.message))
        if reply.kind == 2 and conversation.stage is Stage.DOT:
            return Outcome(mail, Stage.DOT, reply.brief())
        return self._refused(mail, conversation.stage, reply)

    def _refused(self, mail: BuiltMail, stage: Stage, reply: protocol.FullReply) -> Outcome:
        """Return the outcome of a mail that the server answered otherwise than hoped for."""
        if reply.kind not in {4, 5}:
            return Outcome(mail, stage, None, Fault.GARBAGE, f"unexpected {reply.code}")
        self._needs_reset = True
        return Outcome(mail, stage, reply.brief())


def _tell_nobody(_step: Step) -> None:
    """Hear of a step when nobody wants to know."""


def _exchange(conversation: Conversation, command: str) -> protocol.FullReply:
    return conversation.exchange(protocol.serialise_command(command))


def _is_refused_login(error: TransportError) -> bool:
    """Tell whether the server answered AUTH by 535: these credentials are not valid."""
    reply = error.reply
    return error.stage is Stage.AUTH and reply is not None and reply.code == LOGIN_REFUSED


def _require_done(conversation: Conversation, reply: protocol.FullReply) -> None:
    """Raise TransportError for a refusal, LinkError (GARBAGE) for anything else but 2xx."""
    if reply.kind in {4, 5}:
        raise TransportError(conversation.stage, reply.brief())
    if reply.kind != 2:
        raise LinkError(Fault.GARBAGE, f"unexpected {reply.code}")


def _require_reset(reply: protocol.FullReply) -> None:
    """Raise LinkError unless RSET was done; the mail that follows is not to blame."""
    if reply.kind != 2:
        closing = reply.code == SERVICE_CLOSING
        fault = Fault.DISCONNECTED if closing else Fault.GARBAGE
        raise LinkError(fault, f"RSET answered with {reply.code}")


def _ends_connection(outcome: Outcome) -> bool:
    """Tell whether nothing more can be sent after this outcome."""
    return (
        outcome.reply is None
        or outcome.reply.code == SERVICE_CLOSING
        or outcome.stage is Stage.BODY
    )


@functools.cache
def default_ssl_context() -> ssl.SSLContext:
    """Return the context of a verifying client: system roots, host name checked, TLS 1.2 on."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@functools.cache
def own_name() -> str:
    """Return this host's fully qualified name for EHLO, or ``""``; asks the resolver once."""
    name = socket.getfqdn().lower()
    if name.startswith("localhost") or not _HOST_NAME.fullmatch(name):
        return ""
    return name


def address_literal(address: str) -> str:
    """Return an IP address as EHLO names it (RFC 5321, section 4.1.3)."""
    address = address.partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
