"""Opens one SMTP connection safely: connects, secures it, logs in; one command at a time.

TLS is always verified and never given up. What happens on the open connection: ``smtp_session``.
"""

import functools
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypedDict

from massmail.backends import smtp_protocol as protocol
from massmail.backends.base import AccessTokens, Fault, Stage, Step, TransportError, Watch
from massmail.backends.hosts import Resolver, resolve_host
from massmail.backends.link import Clock, Link, LinkError
from massmail.backends.smtp_conversation import Conversation, Timeouts

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
    connections: int


class OpeningOptions(TypedDict, total=False):
    """What an ``Opener`` takes besides the account."""

    allow_private_hosts: bool
    access_tokens: AccessTokens | None
    timeouts: Timeouts | None
    ssl_context: ssl.SSLContext | None
    clock: Clock
    resolve: Resolver
    ehlo_name: str


@dataclass(frozen=True, slots=True)
class OpeningWatch:
    """The watch when nobody watches: a server that stalls is given up."""

    stall_s: float

    def may_begin(self) -> bool:
        return True

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        return waited_s < self.stall_s


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that is logged in: what the server announced, and what it said beyond that."""

    link: Link
    capabilities: dict[str, str]
    parser: protocol.ReplyParser


class Opener:
    """Opens connections of one account, one after the other.

    TLS from the start, STARTTLS, or none, as the account says. A password leaves over TLS only,
    or to a private address where those are allowed; an access token over TLS only. With an access
    token the login is XOAUTH2 and no password is used. An account without user, or with neither
    password nor token, does not log in.
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
        self.account = account
        self.timeouts = timeouts or Timeouts()
        self.clock = clock
        self._allow_private_hosts = allow_private_hosts
        self._access_tokens = access_tokens
        self._token = ""  # the last one
        self._ssl_context = ssl_context
        self._resolve = resolve
        self._ehlo_name = ehlo_name
        self._done: Callable[[Step], None] = _tell_nobody

    def open(
        self, watch: Watch | None = None, done: Callable[[Step], None] | None = None
    ) -> Opened:
        """Connect, secure and log in; network. Raises TransportError.

        Without a ``watch`` a server that lets us wait ``stall_s`` is given up (STALLED). ``done``
        is told each step. A refused access token is exchanged for another once; if that is
        refused too, the fault is REVOKED.
        """
        self._done = done or _tell_nobody
        watch = watch or OpeningWatch(self.timeouts.stall_s)
        try:
            return self._greeted(watch)
        except TransportError as error:
            if not self._token or not _is_refused_login(error):
                raise
            return self._greeted_again(watch)

    def _greeted_again(self, watch: Watch) -> Opened:
        """Return a new connection, logged in with another token than the last one."""
        try:
            return self._greeted(watch, refused=self._token)
        except TransportError as error:
            if not _is_refused_login(error):
                raise
            raise TransportError(error.stage, error.reply, Fault.REVOKED) from error

    def _greeted(self, watch: Watch, *, refused: str = "") -> Opened:
        """Return a new connection, secured and logged in; raises TransportError."""
        conversation = Conversation(self.timeouts, self.clock, watch)
        try:
            capabilities = self._greet(conversation, refused)
            return Opened(conversation.take_link(), capabilities, conversation.parser)
        except LinkError as error:
            conversation.close()
            raise TransportError(conversation.stage, None, error.fault, error.detail) from error
        except BaseException:
            conversation.close()
            raise

    def _greet(self, conversation: Conversation, refused: str) -> dict[str, str]:
        """Connect, take the greeting, secure the connection, log in; return what was announced."""
        account = self.account
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
        return capabilities

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
        secure = self.account.email_use_ssl or self.account.email_use_tls
        user, token = self.account.email_host_user, self._token
        password = self.account.email_app_password or self.account.email_host_password
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
