"""Stand-ins for the account and the watch; a transport reads plain attributes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from massmail.backends.base import BuiltMail, Stage
from massmail.backends.smtp import SmtpTransport
from massmail.backends.smtp_conversation import Timeouts
from massmail.backends.smtp_pool import LOCK_STEP_SERVERS
from tests.smtp_certificates import client_context
from tests.smtp_server import SmtpServer

LARGE = b"x" * 78 + b"\r\n"


@dataclass
class Account:
    email_host: str = "localhost"
    email_port: int = 25
    email_host_user: str = ""
    email_host_password: str = ""
    email_app_password: str = ""
    email_use_tls: bool = False
    email_use_ssl: bool = False
    connections: int = 1
    transport: str = "smtp"


@dataclass
class Watch:
    """Answers from lists, and remembers what it was asked."""

    begin: list[bool] = field(default_factory=list)
    wait: Callable[[float, Stage], bool] = lambda waited_s, stage: True
    waits: list[tuple[float, Stage]] = field(default_factory=list)

    def may_begin(self) -> bool:
        return self.begin.pop(0) if self.begin else True

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        self.waits.append((waited_s, stage))
        return self.wait(waited_s, stage)


def make_mail(recipient: str = "ann@example.com", data: bytes = b"Subject: Hi\r\n\r\nHi\r\n"):
    return BuiltMail("sender@example.com", recipient, f"<{recipient}>", data)


def make_large_mail(recipient: str = "ann@example.com"):
    """Return a mail that no pair of socket buffers holds."""
    return make_mail(recipient, LARGE * 150_000)


LOCK_STEP = ("8BITMIME", "ENHANCEDSTATUSCODES")
PIPELINED = (*LOCK_STEP, "PIPELINING")


@pytest.fixture(autouse=True)
def _trusting():
    """Forget which ports mishandled pipelining in another test."""
    LOCK_STEP_SERVERS.clear()


@pytest.fixture(params=[LOCK_STEP, PIPELINED], ids=["lock-step", "pipelined"])
def extensions(request):
    """What the server announces: each test that asks for it runs in both ways."""
    return request.param


@pytest.fixture
def server(extensions):
    with SmtpServer(extensions=extensions) as running:
        yield running


@pytest.fixture
def connect():
    """Return a function that makes a transport to a server; all are closed at the end."""
    made = []

    def to(server: SmtpServer, *, timeouts: Timeouts | None = None, **fields):
        private = fields.pop("allow_private_hosts", True)
        account = Account(email_host=fields.pop("host", "127.0.0.1"), email_port=server.port)
        for name, value in fields.items():
            setattr(account, name, value)
        transport = SmtpTransport(
            account,
            allow_private_hosts=private,
            timeouts=timeouts or Timeouts(quit_s=0.2),
            ssl_context=client_context(),
            ehlo_name="client.example",
        )
        made.append(transport)
        return transport

    yield to
    for transport in made:
        transport.close()


@pytest.fixture
def opened(connect):
    """Return a function that makes an open transport."""

    def to(server: SmtpServer, **fields):
        transport = connect(server, **fields)
        transport.open()
        return transport

    return to
