import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from massmail.backends import smtp_opening
from massmail.backends.base import (
    Fault,
    ReadyMails,
    Stage,
    TransportError,
)
from massmail.backends.smtp import SmtpTransport
from massmail.testing.transport_contract import TransportContract
from tests.massmail.backends.conftest import Account, Watch, make_large_mail, make_mail
from tests.smtp_server import ACCEPT, CLOSE, SmtpServer


class TestContract(TransportContract):
    @pytest.fixture(autouse=True)
    def _servers(self, server):
        self.server = server

    def transport(self):
        return SmtpTransport(Account("127.0.0.1", self.server.port), allow_private_hosts=True)

    def broken_transport(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        return SmtpTransport(Account("127.0.0.1", port), allow_private_hosts=True)

    def accepted(self):
        return [mail.recipients[0] for mail in self.server.mails]

    def refuse(self, recipient):
        self.server.on("rcpt", "550 5.1.1 No such user", recipient=recipient)


def test_transcript_of_two_mails(server, opened):
    transport = opened(server)
    mails = [make_mail("ann@example.com"), make_mail("bob@example.com")]
    outcomes = list(transport.send(ReadyMails(mails), Watch()))
    transport.close()
    assert [(outcome.stage, outcome.accepted, outcome.counted) for outcome in outcomes] == [
        (Stage.DOT, True, True)
    ] * 2
    assert server.commands == [
        "EHLO client.example",
        f"MAIL FROM:<sender@example.com> SIZE={len(mails[0].data)}",
        "RCPT TO:<ann@example.com>",
        "DATA",
        f"MAIL FROM:<sender@example.com> SIZE={len(mails[1].data)}",
        "RCPT TO:<bob@example.com>",
        "DATA",
        "QUIT",
    ]
    assert [mail.data for mail in server.mails] == [mails[0].data, mails[1].data]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("stage", "reply", "counted"),
    [
        ("mail", "451 4.3.0 Later", False),
        ("mail", "550 5.7.60 Not you", False),
        ("rcpt", "450 4.2.0 Later", False),
        ("rcpt", "550 5.1.1 Nobody", False),
        ("data", "451 4.3.0 Later", True),
        ("data", "554 5.7.1 No", True),
        ("dot", "451 4.3.0 Later", True),
        ("dot", "554 5.7.1 No", True),
    ],
)
def test_refusal_is_an_outcome_and_the_next_mail_goes_on_after_rset(
    server, opened, stage, reply, counted
):
    server.on(stage, reply, times=1)
    transport = opened(server)
    first, second, third = transport.send(ReadyMails([make_mail()] * 3), Watch())
    assert (first.stage, first.fault, first.counted, first.accepted) == (
        Stage(stage),
        Fault.NONE,
        counted,
        False,
    )
    assert f"{first.reply.code} {first.reply.enhanced} {first.reply.text}" == reply
    assert (second.accepted, third.accepted) == (True, True)
    # behind the dot the next envelope may stand already: its end has reset the server as well
    sent_ahead = stage == "dot" and "PIPELINING" in server.extensions
    assert server.commands.count("RSET") == (0 if sent_ahead else 1)
    assert server.connections == 1
    assert len(server.mails) == 2


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_421_ends_the_sending(server, opened, stage):
    server.on(stage, "421 4.7.0 Too busy")
    mails = iter([make_mail(), make_mail()])
    (outcome,) = opened(server).send(ReadyMails(mails), Watch())
    assert (outcome.stage, outcome.reply.code, outcome.fault) == (Stage(stage), 421, Fault.NONE)
    sent_ahead = stage == "dot" and "PIPELINING" in server.extensions
    assert len(list(mails)) == (0 if sent_ahead else 1)
    assert "RSET" not in server.commands


@pytest.mark.parametrize("stage", ["mail", "rcpt"])
def test_421_said_unasked_before_closing_is_the_reply(server, opened, stage):
    before = {"mail": "ehlo", "rcpt": "mail"}[stage]
    server.on(before, b"250 Fine\r\n421 4.4.2 Idle too long\r\n", CLOSE)
    (outcome,) = opened(server).send(ReadyMails([make_mail()]), Watch())
    assert (outcome.stage, outcome.reply.code) == (Stage(stage), 421)


def test_unasked_reply_is_never_taken_for_that_of_another_recipient(server, opened):
    server.on("dot", ACCEPT, b"250 Fine\r\n550 5.1.1 Nobody\r\n")
    first, second = opened(server).send(ReadyMails([make_mail(), make_mail()]), Watch())
    assert first.accepted
    assert (second.stage, second.reply, second.fault) == (Stage.MAIL, None, Fault.GARBAGE)


def test_unasked_reply_before_the_body_sends_no_body(server, opened):
    server.on("data", b"354 Go\r\n550 No\r\n")
    (outcome,) = opened(server).send(ReadyMails([make_mail()]), Watch())
    assert (outcome.stage, outcome.reply, outcome.fault) == (Stage.DATA, None, Fault.GARBAGE)
    assert server.mails == []


def test_refused_rset_blames_the_connection_and_not_the_mail(server, opened):
    server.on("rcpt", "550 5.1.1 Nobody")
    server.on("rset", "550 No")
    _, second = opened(server).send(ReadyMails([make_mail(), make_mail()]), Watch())
    assert (second.stage, second.reply, second.fault) == (Stage.MAIL, None, Fault.GARBAGE)


def test_rset_is_sent_in_the_next_call_too(server, opened):
    server.on("rcpt", "550 5.1.1 Nobody", times=1)
    transport = opened(server)
    list(transport.send(ReadyMails([make_mail()]), Watch()))
    (outcome,) = transport.send(ReadyMails([make_mail()]), Watch())
    assert outcome.accepted
    assert server.commands.count("RSET") == 1


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("mail", "354 What"),
        ("rcpt", "354 What"),
        ("data", "250 What"),
        ("data", "334 What"),
        ("dot", "354 What"),
    ],
)
def test_reply_that_does_not_fit_its_command_is_garbage(server, opened, stage, reply):
    server.on(stage, reply)
    (outcome,) = opened(server).send(ReadyMails([make_mail(), make_mail()]), Watch())
    assert (outcome.stage, outcome.reply, outcome.fault) == (Stage(stage), None, Fault.GARBAGE)


def test_250_with_a_wrong_enhanced_code_is_accepted(server, opened):
    server.on("dot", "250 5.1.1 Queued")
    (outcome,) = opened(server).send(ReadyMails([make_mail()]), Watch())
    assert (outcome.accepted, outcome.reply.enhanced) == (True, "")


def test_address_with_a_line_break_sends_nothing(server, opened):
    transport = opened(server)
    with pytest.raises(ValueError, match=r"address|ASCII"):
        list(transport.send(ReadyMails([make_mail("a@b.example\r\nRSET")]), Watch()))
    assert server.commands == ["EHLO client.example"]


def test_open_again_after_a_broken_connection(server, opened):
    server.on("mail", CLOSE, times=1)
    transport = opened(server)
    (broken,) = transport.send(ReadyMails([make_mail()]), Watch())
    assert (broken.stage, broken.fault) == (Stage.MAIL, Fault.DISCONNECTED)
    transport.open()
    (outcome,) = transport.send(ReadyMails([make_mail()]), Watch())
    assert outcome.accepted


def test_large_mail_arrives_whole(opened):
    mail = make_large_mail()
    with SmtpServer(tls="implicit", receive_buffer_bytes=65_536) as server:
        (outcome,) = opened(server, email_use_ssl=True).send(ReadyMails([mail]), Watch())
        assert outcome.accepted
        assert server.mails[0].data == mail.data


def test_close_waits_for_quit_only_a_moment(opened):
    with SmtpServer() as server:
        server.on("quit", server.stopping)
        transport = opened(server)
        transport.close()
        assert server.commands[-1] == "QUIT"


@pytest.fixture(scope="module")
def kept():
    """One connection for all examples of a property."""
    with SmtpServer() as server:
        transport = SmtpTransport(Account("127.0.0.1", server.port), allow_private_hosts=True)
        transport.open()
        yield server, transport
        transport.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lines=st.lists(st.sampled_from(["", ".", "..", ".a", "a.", "QUIT", "ü€", "\0", "a" * 998])))
def test_what_is_received_is_what_was_sent(kept, lines):
    server, transport = kept
    data = "".join(f"{line}\r\n" for line in lines).encode()
    (outcome,) = transport.send(ReadyMails([make_mail(data=data)]), Watch())
    assert outcome.accepted
    assert server.mails[-1].data == data


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"MAIL FROM:<x@y>", b"a"])))
def test_no_body_smuggles_a_second_mail(kept, parts):
    server, transport = kept
    mails, commands = len(server.mails), len(server.commands)
    (outcome,) = transport.send(ReadyMails([make_mail(data=b"".join(parts))]), Watch())
    assert outcome.accepted
    assert len(server.mails) == mails + 1
    assert len(server.commands) == commands + 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mx.example.com", "mx.example.com"),
        ("MX.Example.com", "mx.example.com"),
        ("localhost.localdomain", ""),
        ("worker", ""),
        ("bücher.example", ""),
        ("10.0.0.1", ""),
        ("a\r\nb.example.com", ""),
    ],
)
def test_own_name_is_fully_qualified_or_none(monkeypatch, name, expected):
    monkeypatch.setattr(socket, "getfqdn", lambda: name)
    smtp_opening.own_name.cache_clear()
    assert smtp_opening.own_name() == expected
    smtp_opening.own_name.cache_clear()


@pytest.mark.parametrize(
    ("address", "literal"),
    [("192.0.2.1", "[192.0.2.1]"), ("fe80::1%eth0", "[IPv6:fe80::1]")],
)
def test_address_literal(address, literal):
    assert smtp_opening.address_literal(address) == literal


def test_second_address_is_tried_when_the_first_refuses(server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = unused.getsockname()
    found = [(socket.AF_INET, 1, 6, "", address) for address in (dead, ("127.0.0.1", server.port))]
    transport = SmtpTransport(
        Account("mail.example.com", server.port),
        allow_private_hosts=True,
        resolve=lambda *_: found,
    )
    transport.open()
    transport.close()
    assert server.connections == 1


def test_private_server_is_not_contacted_unless_allowed(server, connect):
    transport = connect(server, allow_private_hosts=False)
    with pytest.raises(TransportError) as caught:
        transport.open()
    assert (caught.value.stage, caught.value.fault) == (Stage.CONNECT, Fault.FORBIDDEN_HOST)
    assert server.connections == 0


def test_from_account_reads_plain_attributes(server):
    account = Account("127.0.0.1", server.port)
    transport = SmtpTransport.from_account(account, allow_private_hosts=True)
    transport.open()
    transport.close()
    assert server.commands[0].startswith("EHLO ")
