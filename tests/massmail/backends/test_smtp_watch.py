"""The watch: when it is asked, and what its no leads to."""

import itertools
import threading

import pytest

from massmail.backends.base import (
    Fault,
    ReadyMails,
    Stage,
    TransportError,
)
from massmail.backends.link import LinkError, Patience
from massmail.backends.smtp_conversation import Timeouts
from massmail.services.smtp_replies import Action, decide
from tests.massmail.backends.conftest import Watch, make_large_mail, make_mail
from tests.smtp_server import HANG, SmtpServer

QUICK = Timeouts(slice_s=0.01, quit_s=0.05, stall_s=60)
STAGES = ["mail", "rcpt", "data", "body", "dot"]


@pytest.fixture
def slow_server(extensions):
    with SmtpServer(extensions=extensions, receive_buffer_bytes=4_096) as server:
        yield server


def stop_after(times, at):
    """Say no at one stage after so many questions; a busy machine may be asked at others too."""
    left = itertools.count(times, -1)
    return lambda waited_s, stage: stage is not at or next(left) > 0


def test_no_before_the_body_drops_the_connection_and_has_no_outcome(server, opened):
    transport = opened(server)
    watch = Watch(begin=[True, False])
    assert list(transport.send(ReadyMails([make_mail(), make_mail()]), watch)) == []
    transport.close()
    assert server.commands[-1] == "DATA"
    assert server.mails == []


def test_no_between_mails_keeps_the_connection(server, opened):
    transport = opened(server)
    mails = iter([make_mail(), make_mail()])
    assert len(list(transport.send(ReadyMails(mails), Watch(begin=[True, True, False])))) == 1
    assert len(list(transport.send(ReadyMails(mails), Watch()))) == 1
    assert server.connections == 1


@pytest.mark.parametrize("stage", STAGES)
def test_stopped_while_waiting(slow_server, opened, stage):
    slow_server.on(stage, HANG)
    transport = opened(slow_server, timeouts=QUICK)
    watch = Watch(wait=stop_after(2, Stage(stage)))
    mail = make_large_mail() if stage == "body" else make_mail()
    (outcome,) = transport.send(ReadyMails([mail, make_mail()]), watch)
    assert (outcome.stage, outcome.reply, outcome.fault) == (Stage(stage), None, Fault.STOPPED)
    assert [asked for _, asked in watch.waits if asked == stage] == [stage] * 3
    in_doubt = decide(outcome.stage, outcome.reply, outcome.fault).action is Action.UNCERTAIN
    assert in_doubt == (stage in {"body", "dot"})


@pytest.mark.parametrize(
    ("stage", "fault"),
    [
        ("mail", Fault.STALLED),
        ("data", Fault.STALLED),
        ("body", Fault.STOPPED),
        ("dot", Fault.STOPPED),
    ],
)
def test_given_up_after_the_stall_limit(slow_server, opened, stage, fault):
    slow_server.on(stage, HANG)
    timeouts = Timeouts(slice_s=0.01, quit_s=0.05, stall_s=0.03)
    watch = Watch(wait=lambda waited_s, asked: asked != stage or waited_s < 0.03)
    mail = make_large_mail() if stage == "body" else make_mail()
    (outcome,) = opened(slow_server, timeouts=timeouts).send(ReadyMails([mail]), watch)
    assert (outcome.stage, outcome.fault) == (Stage(stage), fault)


def test_late_answer_is_waited_for(server, opened):
    answered = threading.Event()
    server.on("dot", answered)

    def wait(waited_s, stage):
        if stage is Stage.DOT:
            answered.set()
        return True

    watch = Watch(wait=wait)
    (outcome,) = opened(server, timeouts=QUICK).send(ReadyMails([make_mail()]), watch)
    assert outcome.accepted
    assert watch.waits[-1][1] is Stage.DOT


def test_opening_can_be_watched(server, connect):
    server.on("connect", HANG)
    with pytest.raises(TransportError) as caught:
        connect(server, timeouts=QUICK).open(Watch(wait=stop_after(0, Stage.CONNECT)))
    assert caught.value.fault is Fault.STOPPED


def test_watch_that_raises_leaves_no_half_mail_behind(server, opened):
    def fail(waited_s, stage):
        raise RuntimeError("database gone")

    server.on("rcpt", HANG)
    transport = opened(server, timeouts=QUICK)
    with pytest.raises(RuntimeError):
        list(transport.send(ReadyMails([make_mail()]), Watch(wait=fail)))
    assert list(transport.send(ReadyMails([make_mail()]), Watch())) == []


class Clock:
    def __init__(self):
        self.now_s = 1_000.0

    def __call__(self):
        return self.now_s


def patience(clock, watch, stage=Stage.DOT, **options):
    return Patience(stage, options.pop("limit_s", 600), watch, clock, **options)


def test_watch_is_asked_every_five_seconds():
    clock, watch = Clock(), Watch()
    waiting = patience(clock, watch)
    for _ in range(100):
        clock.now_s += waiting.next_slice_s()
        assert clock.now_s - 1_000 <= 600
    assert [waited for waited, _ in watch.waits] == [5.0 * (i + 1) for i in range(len(watch.waits))]
    assert len(watch.waits) == 99


def test_trickling_bytes_do_not_put_off_the_question():
    clock, watch = Clock(), Watch()
    waiting = patience(clock, watch)
    for _ in range(10):
        waiting.next_slice_s()
        clock.now_s += 1
    assert [waited for waited, _ in watch.waits] == [5.0]


def test_limit_passes_between_slices():
    clock = Clock()
    waiting = patience(clock, Watch(), limit_s=7)
    for expected_s in (5, 2):
        assert waiting.next_slice_s() == expected_s
        clock.now_s += expected_s
    with pytest.raises(LinkError) as caught:
        waiting.next_slice_s()
    assert caught.value.fault is Fault.TIMEOUT


def test_progress_begins_the_limit_anew_but_not_the_total():
    clock = Clock()
    waiting = patience(clock, Watch(), Stage.BODY, limit_s=10, total_s=30)
    for _ in range(3):
        clock.now_s += 9
        waiting.progress()
        waiting.next_slice_s()
    clock.now_s += 9
    waiting.progress()
    with pytest.raises(LinkError) as caught:
        waiting.next_slice_s()
    assert caught.value.fault is Fault.TIMEOUT


@pytest.mark.parametrize(
    ("stage", "waited_s", "fault"),
    [
        (Stage.MAIL, 59, Fault.STOPPED),
        (Stage.MAIL, 60, Fault.STALLED),
        (Stage.CONNECT, 61, Fault.STALLED),
        (Stage.BODY, 61, Fault.STOPPED),
        (Stage.DOT, 61, Fault.STOPPED),
    ],
)
def test_giving_up_is_a_stall_only_late_and_before_the_body(stage, waited_s, fault):
    clock = Clock()
    waiting = patience(clock, Watch(wait=lambda *_: False), stage)
    clock.now_s += waited_s
    with pytest.raises(LinkError) as caught:
        waiting.next_slice_s()
    assert caught.value.fault is fault
