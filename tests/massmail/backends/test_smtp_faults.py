"""Every stage meets every fault: what is said of the mail, and whether it was in doubt."""

import contextlib
import itertools
import socket

import pytest

from massmail.backends.base import (
    Fault,
    ReadyMails,
    Stage,
    TransportError,
)
from massmail.backends.smtp_conversation import Timeouts
from massmail.services.smtp_replies import Action, decide
from tests.massmail.backends.conftest import Watch, make_large_mail, make_mail
from tests.smtp_server import ACCEPT, CLOSE, HANG, RESET, SmtpServer

SHORT_S = 0.08
SHORT = Timeouts(
    command_s=SHORT_S, data_s=SHORT_S, body_s=SHORT_S, dot_s=SHORT_S, quit_s=SHORT_S, slice_s=0.01
)
LONG = Timeouts(quit_s=SHORT_S)
FAULTS = {
    "close": ((CLOSE,), Fault.DISCONNECTED),
    "reset": ((RESET,), Fault.DISCONNECTED),
    "half a reply": ((b"250 O", CLOSE), Fault.DISCONNECTED),
    "timeout": ((HANG,), Fault.TIMEOUT),
    "half a line for ever": ((b"250", HANG), Fault.TIMEOUT),
    "garbage": ((b"hello\r\n", HANG), Fault.GARBAGE),
    "NUL and bad UTF-8": ((b"\0\xff\xfe\r\n", HANG), Fault.GARBAGE),
    "1 MB line": ((b"250 " + b"x" * 1_000_000, HANG), Fault.GARBAGE),
    "mixed codes": ((b"250-a\r\n550 b\r\n", HANG), Fault.GARBAGE),
    "endless reply": ((b"250-a\r\n" * 200, HANG), Fault.GARBAGE),
}
MAIL_STAGES = ["mail", "rcpt", "data", "body", "dot"]
SENT_AHEAD = {"mail": True, "rcpt": True, "data": True, "body": False, "dot": False}
OPENING_STAGES = ["connect", "ehlo", "auth"]


def timeouts_for(fault):
    """Return short limits only where one has to pass, so that a busy machine changes nothing."""
    return SHORT if fault is Fault.TIMEOUT else LONG


def shorten(transport):
    """Let the limits be short from now on: opening had all the time."""
    for connection in transport._pool.connections:
        connection.timeouts = SHORT


@pytest.fixture
def slow_server(extensions):
    with SmtpServer(
        extensions=extensions, receive_buffer_bytes=4_096, users={"ann": "secret"}
    ) as server:
        yield server


@pytest.mark.parametrize(("stage", "name"), [*itertools.product(MAIL_STAGES, FAULTS)])
def test_broken_mail(slow_server, opened, stage, name):
    actions, fault = FAULTS[name]
    slow_server.on(stage, *actions)
    transport = opened(slow_server, timeouts=LONG)
    if fault is Fault.TIMEOUT:
        shorten(transport)
    mails = iter([make_large_mail() if stage == "body" else make_mail(), make_mail()])
    (outcome,) = transport.send(ReadyMails(mails), Watch())
    assert (outcome.reply, outcome.fault) == (None, fault)
    if SENT_AHEAD[stage] and "PIPELINING" in slow_server.extensions:
        # a broken connection may take the replies along that it had not delivered
        assert outcome.stage in {Stage.MAIL, Stage(stage)}
    else:
        assert outcome.stage is Stage(stage)
    action = decide(outcome.stage, outcome.reply, outcome.fault).action
    assert action is (Action.UNCERTAIN if stage in {"body", "dot"} else Action.COOLING)
    assert list(transport.send(ReadyMails([make_mail()]), Watch())) == []


@pytest.mark.parametrize(("stage", "name"), [*itertools.product(OPENING_STAGES, FAULTS)])
def test_broken_opening(slow_server, connect, stage, name):
    actions, fault = FAULTS[name]
    slow_server.on(stage, *actions)
    login = {"email_host_user": "ann", "email_host_password": "secret"}
    transport = connect(slow_server, timeouts=timeouts_for(fault), **login)
    with pytest.raises(TransportError) as caught:
        transport.open()
    error = caught.value
    expected = Stage.AUTH if stage == "auth" else Stage.CONNECT
    assert (error.stage, error.reply, error.fault) == (expected, None, fault)
    assert decide(error.stage, error.reply, error.fault).action is Action.COOLING
    assert list(transport.send(ReadyMails([make_mail()]), Watch())) == []


@pytest.mark.parametrize("stage", ["connect", "ehlo"])
@pytest.mark.parametrize("reply", ["421 Bye", "451 4.3.0 Later", "554 5.7.1 Not you"])
def test_refused_opening(server, connect, stage, reply):
    server.on(stage, reply)
    with pytest.raises(TransportError) as caught:
        connect(server).open()
    error = caught.value
    assert error.reply
    assert (error.stage, error.reply.code, error.fault) == (
        Stage.CONNECT,
        int(reply[:3]),
        Fault.NONE,
    )
    assert decide(error.stage, error.reply, error.fault).action is Action.COOLING


@pytest.mark.parametrize("ending", [CLOSE, RESET, HANG])
@pytest.mark.parametrize(
    ("said", "action"),
    [
        ("552 5.3.4 Too big", Action.POLICY),
        ("451 4.3.0 Later", Action.LATER),
        ("421 4.3.2 Bye", Action.LATER),
    ],
)
def test_complete_refusal_in_the_middle_of_a_body_is_an_answer(
    slow_server, opened, said, action, ending
):
    slow_server.on("body", said, ending)
    (outcome,) = opened(slow_server).send(ReadyMails([make_large_mail(), make_mail()]), Watch())
    assert (outcome.stage, outcome.reply.code, outcome.fault) == (
        Stage.BODY,
        int(said[:3]),
        Fault.NONE,
    )
    assert decide(outcome.stage, outcome.reply, outcome.fault).action is action
    assert slow_server.mails == []


def test_acceptance_in_the_middle_of_a_body_is_garbage(slow_server, opened):
    slow_server.on("body", "250 2.0.0 Queued", HANG)
    (outcome,) = opened(slow_server).send(ReadyMails([make_large_mail()]), Watch())
    assert (outcome.stage, outcome.reply, outcome.fault) == (Stage.BODY, None, Fault.GARBAGE)


@pytest.mark.parametrize("ending", [CLOSE, RESET])
def test_accepted_but_never_told_is_in_doubt(server, opened, ending):
    server.on("dot", ACCEPT, ending)
    (outcome,) = opened(server).send(ReadyMails([make_mail()]), Watch())
    assert len(server.mails) == 1
    assert (outcome.stage, outcome.fault) == (Stage.DOT, Fault.DISCONNECTED)
    assert decide(outcome.stage, outcome.reply, outcome.fault).action is Action.UNCERTAIN


def test_over_long_250_at_the_dot_is_in_doubt_and_suppresses_nobody(server, opened):
    server.on("dot", ACCEPT, b"250 " + b"x" * 10_000 + b"\r\n")
    (outcome,) = opened(server).send(ReadyMails([make_mail()]), Watch())
    decision = decide(outcome.stage, outcome.reply, outcome.fault)
    assert (decision.action, decision.suppress) == (Action.UNCERTAIN, False)


def test_body_that_trickles_is_bounded_in_total(slow_server, opened):
    slow_server.on("body", HANG)
    timeouts = Timeouts(body_s=60, body_total_s=SHORT_S, quit_s=SHORT_S)
    (outcome,) = opened(slow_server, timeouts=timeouts).send(
        ReadyMails([make_large_mail()]), Watch()
    )
    assert (outcome.stage, outcome.fault) == (Stage.BODY, Fault.TIMEOUT)


def test_unanswered_connection_gives_up_within_its_limit(connect):
    with SmtpServer() as server:
        server.on("connect", HANG)
        transport = connect(server, timeouts=Timeouts(stall_s=SHORT_S, slice_s=0.01))
        with pytest.raises(TransportError) as caught:
            transport.open()
        assert (caught.value.stage, caught.value.fault) == (Stage.CONNECT, Fault.STALLED)


@pytest.mark.parametrize(
    ("actions", "said", "fault"),
    [
        (("552 5.3.4 Too big", HANG), 552, Fault.NONE),
        ((CLOSE,), None, Fault.DISCONNECTED),
        ((RESET,), None, Fault.DISCONNECTED),
        ((HANG,), None, Fault.TIMEOUT),
    ],
)
def test_body_over_tls_is_interrupted(opened, actions, said, fault):
    with SmtpServer(tls="implicit", receive_buffer_bytes=4_096) as server:
        server.on("body", *actions)
        transport = opened(server, timeouts=LONG, email_use_ssl=True)
        if fault is Fault.TIMEOUT:
            shorten(transport)
        (outcome,) = transport.send(ReadyMails([make_large_mail()]), Watch())
        code = outcome.reply and outcome.reply.code
        assert (outcome.stage, code, outcome.fault) == (Stage.BODY, said, fault)


@pytest.fixture
def black_hole():
    """An address whose listener never takes a connection: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            queued = stack.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(listener.getsockname())
        yield listener.getsockname()


def test_black_hole_takes_only_its_share_of_the_time(black_hole, server, connect):
    transport = connect(server, timeouts=Timeouts(connect_s=0.1))
    good = ("127.0.0.1", server.port)
    transport._pool.opener._resolve = lambda *_: [
        (2, 1, 6, "", address) for address in (black_hole, good)
    ]
    transport.open()
    assert server.connections == 1


def test_black_hole_alone_is_a_timeout(black_hole, server, connect):
    transport = connect(server, timeouts=Timeouts(connect_s=0.03))
    transport._pool.opener._resolve = lambda *_: [(2, 1, 6, "", black_hole)] * 3
    with pytest.raises(TransportError) as caught:
        transport.open()
    assert (caught.value.stage, caught.value.fault) == (Stage.CONNECT, Fault.TIMEOUT)
