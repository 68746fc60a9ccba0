"""A real SMTP server on a loopback port that does what a test tells it to.

    with SmtpServer() as server:
        server.on("rcpt", "550 5.1.1 No such user", recipient="bob@example.com")
        server.on("dot", ACCEPT, RESET, times=1)      # takes the first mail, then breaks off
        ... send to ("127.0.0.1", server.port) ...
        assert [mail.recipients for mail in server.mails] == [("ann@example.com",)]

A *rule* is for one stage: ``connect`` (the greeting), ``ehlo``, ``starttls``, ``auth``, ``mail``,
``rcpt``, ``data`` (the reply to DATA), ``body`` (some of the body was read), ``dot``, ``rset``,
``quit``. It may be limited to a recipient (``rcpt`` and later) and to a number of ``times``. The
newest rule that fits is taken, and its actions are done in order:

* a ``str`` is a reply, one line or several divided by a line feed, sent instead of the usual one;
  its first digit decides: a 2xx or 3xx goes on with the mail (at ``dot``: takes it),
* ``bytes`` are sent as they are (garbage, half a line),
* ``CLOSE`` closes, ``RESET`` closes with a TCP RST, ``HANG`` says nothing more,
* a ``threading.Event`` is waited for; a plain callable is called,
* ``ACCEPT`` takes the mail (at ``dot``) without a reply, ``START_TLS`` shakes hands.

A rule that neither replies nor ends the connection is followed by the usual reply. Nothing here
sleeps, and ``close`` (or the end of ``with``) lets every thread go.
"""

import base64
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Self

from tests.smtp_certificates import Certificate, certificate_file


class Act(Enum):
    """What a rule can do besides replying."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    ACCEPT = "accept"
    START_TLS = "start tls"


CLOSE, RESET, HANG, ACCEPT, START_TLS = Act
Action = str | bytes | Act | threading.Event | Callable[[], object]


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    """A mail that the server took; ``data`` is without dot-stuffing and the final dot."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    secure: bool
    user: str


@dataclass(slots=True)
class Rule:
    """What to do at a stage; ``times`` counts down, None is for ever."""

    stage: str
    actions: tuple[Action, ...]
    recipient: str | None = None
    times: int | None = None

    def fits(self, stage: str, recipients: list[str]) -> bool:
        """Tell whether the rule is for this stage and recipient, and not used up."""
        wanted = self.recipient is None or self.recipient in recipients
        return self.stage == stage and wanted and self.times != 0


@dataclass(slots=True)
class SmtpServer:
    """The server; a context manager. See the module's text for rules.

    ``tls`` is ``"none"``, ``"starttls"`` (offered) or ``"implicit"``; ``users`` maps names to
    passwords, and AUTH is offered if there are any; ``accepts_token`` is asked about the user and
    access token of AUTH XOAUTH2, which is offered if it is set; ``extensions`` are announced
    besides SIZE (with ``PIPELINING`` among them clients may send ahead: it is all the same here);
    ``certificate`` is of
    ``tests.smtp_certificates``, whose ``client_context`` trusts the good one.
    ``receive_buffer_bytes`` makes the kernel take little ahead, so that a large mail is still on
    its way when the body is interrupted.
    """

    tls: Literal["none", "starttls", "implicit"] = "none"
    certificate: Certificate = "good"
    users: dict[str, str] = field(default_factory=dict)
    mechanisms: str = "PLAIN LOGIN"
    accepts_token: Callable[[str, str], bool] | None = None
    extensions: tuple[str, ...] = ("8BITMIME", "ENHANCEDSTATUSCODES")
    receive_buffer_bytes: int = 0
    host: str = "127.0.0.1"
    rules: list[Rule] = field(default_factory=list)
    mails: list[AcceptedMail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    clear_bytes: bytearray = field(default_factory=bytearray)
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listener: socket.socket = field(init=False)
    _threads: list[threading.Thread] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        if self.tls != "none":
            certificate_file(self.certificate)  # made before two threads can want one at once
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        if self.receive_buffer_bytes:
            self._listener.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer_bytes
            )
        self._listener.bind((self.host, 0))
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: hanging and waiting rules end, and all connections are closed."""
        self.close()

    def on(
        self,
        stage: str,
        *actions: Action,
        recipient: str | None = None,
        times: int | None = None,
    ) -> Rule:
        """Add a rule, which goes before those that are there."""
        rule = Rule(stage, actions, recipient, times)
        with self._lock:
            self.rules.insert(0, rule)
        return rule

    def close(self) -> None:
        """Close the listener and all connections, and wait for the threads."""
        self.stopping.set()
        with self._lock:
            open_sockets = [self._listener, *self._sockets]
        for open_socket in open_sockets:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def take_rule(self, stage: str, recipients: list[str]) -> Rule | None:
        """Return the rule to apply, and count it."""
        with self._lock:
            for rule in self.rules:
                if rule.fits(stage, recipients):
                    if rule.times is not None:
                        rule.times -= 1
                    return rule
        return None

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets.append(accepted)
                self.connections += 1
            self._start(_Session(self, accepted).run)


class _Ended(Exception):
    """The connection ends here, as the test wanted or because the client left."""


class _Session:
    """One connection: reads commands, applies rules, replies."""

    def __init__(self, server: SmtpServer, accepted: socket.socket) -> None:
        self.server = server
        self.socket = accepted
        self.buffer = bytearray()
        self.secure = False
        self.user = ""
        self.sender: str | None = None
        self.recipients: list[str] = []

    def run(self) -> None:
        try:
            if self.server.tls == "implicit":
                self._start_tls()
            if self._step("connect", "220 test.example ESMTP"):
                while True:
                    self._command(self._line().decode("latin-1"))
        except (_Ended, OSError):
            pass
        finally:
            with contextlib.suppress(OSError):
                self.socket.close()

    def _command(self, line: str) -> None:
        with self.server._lock:
            self.server.commands.append(line)
        verb = line.partition(" ")[0].upper()
        handler = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "QUIT": self._quit,
        }.get(verb)
        if handler is None:
            self._send(b"502 5.5.1 Unknown command\r\n")
        else:
            handler(line)

    def _ehlo(self, line: str) -> None:
        lines = ["test.example", *self.server.extensions]
        if self.server.tls == "starttls" and not self.secure:
            lines.append("STARTTLS")
        mechanisms = [self.server.mechanisms] if self.server.users else []
        mechanisms += ["XOAUTH2"] if self.server.accepts_token else []
        if mechanisms:
            lines.append(f"AUTH {' '.join(mechanisms)}")
        self._step("ehlo", "\n".join(f"250-{text}" for text in lines) + "\n250 SIZE 99999999")

    def _starttls(self, line: str) -> None:
        if self._step("starttls", "220 2.0.0 Go ahead") and not self.secure:
            self._start_tls()

    def _auth(self, line: str) -> None:
        if line.upper().startswith("AUTH XOAUTH2 "):
            return self._auth_xoauth2(line.split(" ")[2])
        user, password = self._credentials(line.split(" "))
        if password and self.server.users.get(user) == password:
            if self._step("auth", "235 2.7.0 Accepted"):
                self.user = user
        else:
            self._step("auth", "535 5.7.8 Authentication credentials invalid")
        return None

    def _auth_xoauth2(self, response: str) -> None:
        """Let in, or say why not and wait for the client to take note of it, and only then 535."""
        user, bearer, *rest = base64.b64decode(response).decode().split("\x01")
        assert (user[:5], bearer[:12], rest) == ("user=", "auth=Bearer ", ["", ""])
        if self.server.accepts_token and self.server.accepts_token(user[5:], bearer[12:]):
            if self._step("auth", "235 2.7.0 Accepted"):
                self.user = user[5:]
            return
        self._send(b"334 " + base64.b64encode(b'{"status":"400","schemes":"Bearer"}') + b"\r\n")
        if self._line() == b"":
            self._step("auth", "535 5.7.8 Username and Password not accepted")
        else:
            self._send(b"501 5.5.4 Cannot decode\r\n")

    def _credentials(self, words: list[str]) -> tuple[str, str]:
        if words[1].upper() == "LOGIN":
            asked = [self._ask(b"334 VXNlcm5hbWU6\r\n"), self._ask(b"334 UGFzc3dvcmQ6\r\n")]
            return asked[0], asked[1]
        response = base64.b64decode(words[2]).decode() if len(words) > 2 else self._ask(b"334 \r\n")
        _, user, password = response.split("\0")
        return user, password

    def _ask(self, question: bytes) -> str:
        self._send(question)
        return base64.b64decode(self._line()).decode()

    def _mail(self, line: str) -> None:
        self.sender, self.recipients = None, []
        if self._step("mail", "250 2.1.0 Sender ok"):
            self.sender = _address(line)

    def _rcpt(self, line: str) -> None:
        if self.sender is None:
            return self._send(b"503 5.5.1 No sender\r\n")
        self.recipients.append(_address(line))
        if not self._step("rcpt", "250 2.1.5 Recipient ok"):
            self.recipients.pop()
        return None

    def _data(self, line: str) -> None:
        if not self.recipients:
            return self._send(b"503 5.5.1 No recipients\r\n")
        if not self._step("data", "354 Go ahead"):
            return None
        self._step("dot", "250 2.0.0 Queued", self._body())
        self.sender, self.recipients = None, []
        return None

    def _body(self) -> bytes:
        lines = []
        self._step("body", "")
        while (line := self._line(keep_end=True)) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def _rset(self, line: str) -> None:
        self.sender, self.recipients = None, []
        self._step("rset", "250 2.0.0 Reset")

    def _quit(self, line: str) -> None:
        self._step("quit", "221 2.0.0 Bye")
        raise _Ended

    def _accept(self, data: bytes) -> None:
        mail = AcceptedMail(self.sender or "", tuple(self.recipients), data, self.secure, self.user)
        with self.server._lock:
            self.server.mails.append(mail)

    def _step(self, stage: str, usual: str, data: bytes | None = None) -> bool:
        """Apply a rule or give the usual reply; return whether the client may go on."""
        rule = self.server.take_rule(stage, self.recipients)
        reply = usual
        if rule:
            if stage == "body":
                self._receive()
            replies = [self._act(action, data) for action in rule.actions]
            said = [text for text in replies if text is not None]
            if said:
                return said[0][:1] in {"2", "3"}
        if reply:
            self._act(reply, data)
        return reply[:1] in {"2", "3"}

    def _act(self, action: Action, data: bytes | None) -> str | None:
        """Do one action; return what was said, if anything. A mail is taken before it is said."""
        match action:
            case str():
                if data is not None and action.startswith("2"):
                    self._accept(data)
                self._send("".join(f"{text}\r\n" for text in action.split("\n")).encode())
                return action
            case bytes():
                self._send(action)
                return action.decode("latin-1")
            case threading.Event():
                self._wait(action)
            case Act.ACCEPT:
                self._accept(data or b"")
            case Act.START_TLS:
                self._start_tls()
            case Act.HANG:
                self._wait(self.server.stopping)
                raise _Ended
            case Act.CLOSE:
                raise _Ended
            case Act.RESET:
                linger = struct.pack("ii", 1, 0)
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                raise _Ended
            case _:
                action()
        return None

    def _wait(self, event: threading.Event) -> None:
        while not event.wait(0.05):
            if self.server.stopping.is_set():
                raise _Ended

    def _start_tls(self) -> None:
        self.buffer.clear()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(certificate_file(self.server.certificate)))
        old = self.socket
        self.socket = context.wrap_socket(old, server_side=True)
        with self.server._lock:
            self.server._sockets.append(self.socket)
        self.secure = True

    def _send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _receive(self) -> None:
        received = self.socket.recv(65_536)
        if not received:
            raise _Ended
        if not self.secure:
            self.server.clear_bytes += received
        self.buffer += received

    def _line(self, *, keep_end: bool = False) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            self._receive()
        line = bytes(self.buffer[: end + 2])
        del self.buffer[: end + 2]
        return line if keep_end else line[:-2]


def _address(line: str) -> str:
    return line[line.index("<") + 1 : line.rindex(">")]
