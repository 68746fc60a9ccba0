"""Logging in with an access token: over TLS alone, and again with another when one is refused."""

import base64

import pytest

from massmail.backends import make_transport
from massmail.backends.base import (
    Fault,
    ReadyMails,
    Stage,
    TransportError,
)
from massmail.backends.smtp import SmtpTransport
from massmail.backends.smtp_conversation import Timeouts
from tests.massmail.backends.conftest import Account, Watch, make_mail
from tests.smtp_certificates import client_context
from tests.smtp_server import HANG, SmtpServer

USER, TOKEN = "ann@example.org", "ya29." + "t" * 2000


class Tokens:
    """Gives tokens from a list, and remembers which were refused."""

    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens)
        self.refused: list[str] = []

    def __call__(self, *, refused: str = "") -> str:
        self.refused.append(refused)
        return self.left.pop(0)


@pytest.fixture
def server():
    with SmtpServer(tls="implicit", accepts_token=lambda *given: given == (USER, TOKEN)) as server:
        yield server


@pytest.fixture
def connect():
    made = []

    def to(server, tokens, **fields):
        values = {"email_host_user": USER, "email_use_ssl": True, **fields}
        account = Account(email_host="localhost", email_port=server.port, **values)
        transport = SmtpTransport(
            account,
            allow_private_hosts=True,
            access_tokens=tokens,
            timeouts=Timeouts(quit_s=0.2),
            ssl_context=client_context(),
        )
        made.append(transport)
        return transport

    yield to
    for transport in made:
        transport.close()


def refused(transport):
    with pytest.raises(TransportError) as caught:
        transport.open()
    error = caught.value
    return error.stage, error.reply and error.reply.code, error.fault


def logins(server):
    return [line for line in server.commands if line.startswith("AUTH")]


@pytest.mark.parametrize(
    ("tls", "fields"),
    [("implicit", {}), ("starttls", {"email_use_ssl": False, "email_use_tls": True})],
)
def test_mail_with_an_access_token(connect, tls, fields):
    with SmtpServer(tls=tls, accepts_token=lambda *given: given == (USER, TOKEN)) as server:
        transport = connect(server, Tokens(TOKEN), **fields)
        transport.open()
        (outcome,) = transport.send(ReadyMails([make_mail()]), Watch())
        assert outcome.accepted
        assert [(mail.secure, mail.user) for mail in server.mails] == [(True, USER)]
        (login,) = logins(server)
        _, mechanism, response = login.split(" ")
        assert mechanism == "XOAUTH2"
        assert base64.b64decode(response).decode() == (
            f"user={USER}\x01auth=Bearer {TOKEN}\x01\x01"
        )
        assert TOKEN.encode() not in bytes(server.clear_bytes)


@pytest.mark.parametrize("reply", ["235 2.7.0 Authentication successful", "235 OK", "235"])
def test_code_235_is_success_whatever_its_text(server, connect, reply):
    server.on("auth", reply)
    connect(server, Tokens(TOKEN)).open()
    assert len(logins(server)) == 1


def test_token_goes_before_a_password(server, connect):
    server.users = {USER: "secret"}
    connect(server, Tokens(TOKEN), email_host_password="secret").open()
    assert [line.split()[1] for line in logins(server)] == ["XOAUTH2"]


def test_refused_token_is_exchanged_once(server, connect):
    tokens = Tokens("old", TOKEN)
    transport = connect(server, tokens)
    transport.open()
    (outcome,) = transport.send(ReadyMails([make_mail()]), Watch())
    assert outcome.accepted
    assert tokens.refused == ["", "old"]
    # the empty line answers what the server says about the token, and only then comes its 535
    first = server.commands.index(logins(server)[0])
    assert server.commands[first + 1].startswith("EHLO")
    assert server.connections == 2


def test_two_refused_tokens_mean_that_the_permission_ended(server, connect):
    tokens = Tokens("old", "new", TOKEN)
    assert refused(connect(server, tokens)) == (Stage.AUTH, 535, Fault.REVOKED)
    assert (tokens.refused, len(logins(server))) == (["", "old"], 2)


def test_other_trouble_at_the_second_login_is_what_it_is(server, connect):
    server.on("auth", "454 4.7.0 Later", times=1)
    server.on("auth", "535 5.7.8 No", times=1)
    assert refused(connect(server, Tokens("old", TOKEN))) == (Stage.AUTH, 454, Fault.NONE)


@pytest.mark.parametrize("reply", ["454 4.7.0 Later", "534 5.7.9 Policy", "421 4.3.0 Bye"])
def test_other_refusals_do_not_cost_a_token(server, connect, reply):
    server.on("auth", reply)
    tokens = Tokens(TOKEN)
    assert refused(connect(server, tokens)) == (Stage.AUTH, int(reply[:3]), Fault.NONE)


def test_server_that_goes_on_asking_is_garbage(server, connect):
    server.on("auth", "334 ", times=1)
    server.on("auth", "334 ", times=1)
    transport = connect(server, Tokens("old", TOKEN))
    assert refused(transport) == (Stage.AUTH, None, Fault.GARBAGE)


def test_server_without_xoauth2(connect):
    with SmtpServer(tls="implicit", users={USER: "secret"}) as server:
        transport = connect(server, Tokens(TOKEN), email_host_password="secret")
        assert refused(transport) == (Stage.AUTH, None, Fault.CAPABILITY)
        assert logins(server) == []


def test_token_never_leaves_without_tls(connect):
    with SmtpServer(accepts_token=lambda *_: True) as server:
        transport = connect(server, Tokens(TOKEN), email_use_ssl=False)
        assert refused(transport) == (Stage.AUTH, None, Fault.TLS)
        assert logins(server) == []


@pytest.mark.parametrize("certificate", ["wrong name", "expired", "untrusted"])
def test_token_never_goes_to_a_server_with_a_bad_certificate(connect, certificate):
    with SmtpServer(
        tls="implicit", certificate=certificate, accepts_token=lambda *_: True
    ) as server:
        assert refused(connect(server, Tokens(TOKEN))) == (Stage.TLS, None, Fault.TLS)
        assert logins(server) == []


@pytest.mark.parametrize("token", ["a\x01b", "tökén", "x" * 20_000])
def test_token_that_cannot_be_sent(server, connect, token):
    assert refused(connect(server, Tokens(token))) == (Stage.AUTH, None, Fault.CAPABILITY)
    assert logins(server) == []


def test_trouble_of_the_token_source_is_trouble_of_the_login(server, connect):
    def no_token(*, refused: str = "") -> str:
        raise TransportError(Stage.AUTH, None, Fault.SIGN_IN, "HTTP 503")

    assert refused(connect(server, no_token)) == (Stage.AUTH, None, Fault.SIGN_IN)
    assert (server.connections, logins(server)) == (1, [])


def test_stalled_login_is_given_up(server, connect):
    server.on("auth", HANG)
    transport = connect(server, Tokens(TOKEN))
    with pytest.raises(TransportError) as caught:
        transport.open(Watch(wait=lambda waited_s, stage: stage is not Stage.AUTH))
    assert caught.value.stage is Stage.AUTH


def test_error_does_not_show_the_token(server, connect):
    with pytest.raises(TransportError) as caught:
        connect(server, Tokens("secret-one", "secret-two")).open()
    assert "secret" not in repr(caught.value) + str(caught.value)


def test_registry_hands_tokens_on(server, settings):
    settings.MASSMAIL_ALLOW_PRIVATE_HOSTS = True
    tokens = Tokens(TOKEN)
    transport = make_transport(Account("localhost", server.port), access_tokens=tokens)
    assert isinstance(transport, SmtpTransport)
    assert transport._pool.opener._access_tokens is tokens
