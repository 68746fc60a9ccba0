"""TLS and logging in: no password leaves in clear, whatever the server does."""

import base64
import ssl
import threading
from dataclasses import dataclass

import pytest

from massmail.backends.base import (
    Fault,
    ReadyMails,
    Stage,
    TransportError,
)
from tests.massmail.backends.conftest import Watch, make_mail
from tests.smtp_certificates import client_context
from tests.smtp_server import CLOSE, HANG, START_TLS, SmtpServer

USER, PASSWORD = "ann", "correct horse"
LOGIN = {"email_host_user": USER, "email_host_password": PASSWORD}
USERS = {USER: PASSWORD}
IN_CLEAR = [
    PASSWORD.encode(),
    base64.b64encode(PASSWORD.encode()),
    base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()),
    b"AUTH",
]


def refused(transport):
    with pytest.raises(TransportError) as caught:
        transport.open()
    error = caught.value
    return error.stage, error.reply and error.reply.code, error.fault


def assert_nothing_in_clear(server):
    assert [secret for secret in IN_CLEAR if secret in bytes(server.clear_bytes)] == []


@pytest.mark.parametrize(
    ("tls", "field"), [("starttls", "email_use_tls"), ("implicit", "email_use_ssl")]
)
@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN", "XOAUTH2 PLAIN"])
def test_mail_over_tls_with_a_password(opened, tls, field, mechanisms):
    with SmtpServer(tls=tls, users=USERS, mechanisms=mechanisms) as server:
        transport = opened(server, **LOGIN, **{field: True})
        (outcome,) = transport.send(ReadyMails([make_mail()]), Watch())
        transport.close()
        assert outcome.accepted
        assert [(mail.secure, mail.user) for mail in server.mails] == [(True, USER)]
        assert_nothing_in_clear(server)


def test_starttls_is_followed_by_another_ehlo(opened):
    with SmtpServer(tls="starttls", users=USERS) as server:
        opened(server, **LOGIN, email_use_tls=True).close()
        assert [line.split()[0] for line in server.commands] == [
            "EHLO",
            "STARTTLS",
            "EHLO",
            "AUTH",
            "QUIT",
        ]


def test_app_password_is_preferred(opened):
    with SmtpServer(tls="implicit", users=USERS) as server:
        opened(
            server,
            email_use_ssl=True,
            email_host_user=USER,
            email_host_password="old",
            email_app_password=PASSWORD,
        )


@pytest.mark.parametrize("certificate", ["wrong name", "expired", "untrusted"])
@pytest.mark.parametrize(
    ("tls", "field"), [("starttls", "email_use_tls"), ("implicit", "email_use_ssl")]
)
def test_bad_certificate_is_refused(connect, tls, field, certificate):
    with SmtpServer(tls=tls, certificate=certificate, users=USERS) as server:
        transport = connect(server, **LOGIN, **{field: True})
        assert refused(transport) == (Stage.TLS, None, Fault.TLS)
        assert_nothing_in_clear(server)
        assert not [line for line in server.commands if line.startswith("AUTH")]


def test_certificate_is_checked_against_the_host_that_the_account_names(connect):
    with SmtpServer(tls="implicit") as server:
        transport = connect(server, host="localhost", email_use_ssl=True)
        transport.open()
        other = connect(server, host="127.0.0.2", email_use_ssl=True)
        with pytest.raises(TransportError):
            other.open()


def test_stripped_starttls_is_no_downgrade(connect):
    with SmtpServer(tls="none", users=USERS) as server:
        transport = connect(server, **LOGIN, email_use_tls=True)
        assert refused(transport) == (Stage.TLS, None, Fault.CAPABILITY)
        assert_nothing_in_clear(server)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("454 4.7.0 TLS not available", (Stage.TLS, 454, Fault.NONE)),
        ("502 5.5.1 What", (Stage.TLS, 502, Fault.NONE)),
        ("354 What", (Stage.TLS, None, Fault.GARBAGE)),
    ],
)
def test_refused_starttls_is_no_downgrade(connect, reply, expected):
    with SmtpServer(tls="starttls", users=USERS) as server:
        server.on("starttls", reply)
        assert refused(connect(server, **LOGIN, email_use_tls=True)) == expected
        assert_nothing_in_clear(server)


@pytest.mark.parametrize(
    "injected",
    [b"220 Go\r\n250 AUTH PLAIN\r\n", b"220 Go\r\n250-x\r\n", b"220 Go\r\n2"],
)
def test_plaintext_behind_the_starttls_reply_is_an_attack(connect, injected):
    with SmtpServer(tls="starttls", users=USERS) as server:
        server.on("starttls", injected, START_TLS)
        transport = connect(server, **LOGIN, email_use_tls=True)
        assert refused(transport) == (Stage.TLS, None, Fault.TLS)
        assert_nothing_in_clear(server)


def test_plaintext_instead_of_a_handshake(connect):
    with SmtpServer(tls="starttls", users=USERS) as server:
        asked = threading.Event()  # the reply and what follows it come in two pieces
        server.on("starttls", "220 Go", asked, b"500 no handshake\r\n", HANG)
        transport = connect(server, **LOGIN, email_use_tls=True)
        transport._pool.opener._ssl_context = _ShakingContext(client_context(), asked)
        assert refused(transport) == (Stage.TLS, None, Fault.TLS)
        assert_nothing_in_clear(server)


@dataclass
class _ShakingContext:
    """A context that tells when a handshake begins."""

    context: ssl.SSLContext
    begun: threading.Event

    def wrap_socket(self, *args, **options):
        self.begun.set()
        return self.context.wrap_socket(*args, **options)


def test_server_that_closes_in_the_handshake(connect):
    with SmtpServer(tls="starttls", users=USERS) as server:
        server.on("starttls", "220 Go", CLOSE)
        transport = connect(server, **LOGIN, email_use_tls=True)
        assert refused(transport) == (Stage.TLS, None, Fault.DISCONNECTED)


def test_password_without_tls_stays_here_unless_private_hosts_are_allowed(server, connect):
    server.users = USERS
    transport = connect(server, **LOGIN, host="mail.example.com")
    transport._pool.opener._resolve = lambda *_: [(2, 1, 6, "", ("127.0.0.1", server.port))]
    transport.open()
    assert [line.split()[0] for line in server.commands] == ["EHLO", "AUTH"]


def test_password_without_tls_never_goes_to_a_public_address(server, connect, monkeypatch):
    server.users = USERS
    monkeypatch.setattr("massmail.backends.hosts.is_public", lambda address: True)
    transport = connect(server, **LOGIN)
    assert refused(transport) == (Stage.AUTH, None, Fault.TLS)
    assert_nothing_in_clear(server)


@pytest.mark.parametrize(("user", "password"), [("", ""), (USER, ""), ("", PASSWORD)])
def test_account_without_user_or_password_does_not_log_in(server, opened, user, password):
    server.users = USERS
    opened(server, email_host_user=user, email_host_password=password)
    assert [line.split()[0] for line in server.commands] == ["EHLO"]


@pytest.mark.parametrize("mechanisms", ["XOAUTH2", "CRAM-MD5 GSSAPI"])
def test_no_mechanism_in_common(connect, mechanisms):
    with SmtpServer(tls="implicit", users=USERS, mechanisms=mechanisms) as server:
        transport = connect(server, **LOGIN, email_use_ssl=True)
        assert refused(transport) == (Stage.AUTH, None, Fault.CAPABILITY)


def test_server_without_auth(server, connect):
    assert refused(connect(server, **LOGIN)) == (Stage.AUTH, None, Fault.CAPABILITY)


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_wrong_password(server, connect, mechanisms):
    server.users, server.mechanisms = {USER: "another"}, mechanisms
    assert refused(connect(server, **LOGIN)) == (Stage.AUTH, 535, Fault.NONE)


@pytest.mark.parametrize("reply", ["454 4.7.0 Later", "534 5.7.9 App password needed", "421 Bye"])
def test_refused_login(server, connect, reply):
    server.users = USERS
    server.on("auth", reply)
    assert refused(connect(server, **LOGIN)) == (Stage.AUTH, int(reply[:3]), Fault.NONE)


def test_login_that_is_asked_without_end_is_garbage(server, connect):
    server.users = USERS
    server.on("auth", "334 more")
    assert refused(connect(server, **LOGIN)) == (Stage.AUTH, None, Fault.GARBAGE)


def test_password_that_cannot_be_sent(server, connect):
    server.users = USERS
    transport = connect(server, email_host_user=USER, email_host_password="a\0b")
    assert refused(transport) == (Stage.AUTH, None, Fault.CAPABILITY)


def test_error_does_not_show_the_password(server, connect):
    server.users = {USER: "another"}
    with pytest.raises(TransportError) as caught:
        connect(server, **LOGIN).open()
    assert PASSWORD not in repr(caught.value) + str(caught.value)
