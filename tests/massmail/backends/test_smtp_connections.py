"""Several connections of one account, against a real server."""

import itertools
import logging

import pytest

from massmail.backends import smtp_pool
from massmail.backends.base import BuiltMail, Fault, ReadyMails, Stage
from massmail.backends.smtp_conversation import Timeouts
from massmail.backends.smtp_pool import LOCK_STEP_S, LOCK_STEP_SERVERS, LockStepServers
from tests.massmail.backends.conftest import (
    LARGE,
    PIPELINED,
    Watch,
    make_large_mail,
    make_mail,
)
from tests.smtp_server import ACCEPT, CLOSE, HANG, SmtpServer


def mails(count):
    return [make_mail(f"m{number:03}@example.com") for number in range(count)]


def recipients(found):
    return sorted(mail.recipient for mail in found)


def taken(server):
    return sorted(recipient for mail in server.mails for recipient in mail.recipients)


def test_connections_are_opened_as_long_as_there_is_more_to_send(server, opened):
    transport = opened(server, connections=5)
    sent = mails(60)
    outcomes = list(transport.send(ReadyMails(sent), Watch()))
    assert [outcome.accepted for outcome in outcomes] == [True] * 60
    assert recipients(outcome.mail for outcome in outcomes) == recipients(sent) == taken(server)
    assert server.connections == 5


def test_few_mails_open_few_connections(server, opened):
    assert len(list(opened(server, connections=5).send(ReadyMails(mails(1)), Watch()))) == 1
    assert server.connections == 1


def test_open_connections_serve_the_next_call(server, opened):
    transport = opened(server, connections=3)
    for _ in range(3):
        assert len(list(transport.send(ReadyMails(mails(20)), Watch()))) == 20
    assert server.connections == 3


def test_one_more_that_does_not_open_is_logged_and_costs_nothing(server, opened, caplog):
    transport = opened(server, connections=5)
    server.on("connect", "554 5.7.1 Enough of you")
    with caplog.at_level(logging.WARNING):
        outcomes = list(transport.send(ReadyMails(mails(30)), Watch()))
    assert [outcome.accepted for outcome in outcomes] == [True] * 30
    assert server.connections == 2  # not tried again for a minute
    assert "one more connection does not open" in caplog.text


def test_connection_that_breaks_is_replaced_while_another_is_left(server, opened):
    server.on("dot", CLOSE, times=1)
    sent = mails(40)
    outcomes = list(opened(server, connections=2).send(ReadyMails(sent), Watch()))
    assert recipients(outcome.mail for outcome in outcomes) == recipients(sent)
    (broken,) = [outcome for outcome in outcomes if not outcome.accepted]
    assert (broken.stage, broken.fault) == (Stage.DOT, Fault.DISCONNECTED)
    assert len(server.mails) == 39
    assert server.connections == 3


def test_no_mail_is_lost_or_doubled_when_connections_break_again_and_again(server, opened):
    sent = mails(200)
    for number in range(10, 200, 20):
        server.on("dot", ACCEPT, CLOSE, recipient=f"m{number:03}@example.com", times=1)
    outcomes = list(opened(server, connections=4).send(ReadyMails(sent), Watch()))
    accepted = {outcome.mail.recipient for outcome in outcomes if outcome.accepted}
    broken = {outcome.mail.recipient for outcome in outcomes if not outcome.accepted}
    assert len(outcomes) == 200
    assert len(taken(server)) == len(set(taken(server))) == 200
    assert {f"m{number:03}@example.com" for number in range(10, 200, 20)} == broken
    assert not accepted & broken


def test_worn_connection_is_exchanged_between_mails(server, opened, monkeypatch):
    monkeypatch.setattr(smtp_pool, "MAILS_A_CONNECTION", 3)
    outcomes = list(opened(server).send(ReadyMails(mails(10)), Watch()))
    assert [outcome.accepted for outcome in outcomes] == [True] * 10
    assert server.connections == 4
    assert server.commands.count("QUIT") >= 2  # the last may still be on its way


def test_old_connection_is_exchanged(server, opened, monkeypatch):
    monkeypatch.setattr(smtp_pool, "CONNECTION_S", 0)
    assert len(list(opened(server).send(ReadyMails(mails(3)), Watch()))) == 3
    assert server.connections == 4


def test_worn_connection_goes_on_if_no_new_one_opens(server, opened, monkeypatch):
    monkeypatch.setattr(smtp_pool, "MAILS_A_CONNECTION", 3)
    transport = opened(server)
    server.on("connect", "421 4.3.2 Later")
    outcomes = list(transport.send(ReadyMails(mails(10)), Watch()))
    assert [outcome.accepted for outcome in outcomes] == [True] * 10
    assert server.connections == 2


def test_server_that_mishandles_pipelining_is_served_in_lock_step(connect):
    with SmtpServer(extensions=PIPELINED) as server:
        server.on("rcpt", "503 5.5.1 One at a time", times=1)
        transport = connect(server)
        transport.open()
        first, second = transport.send(ReadyMails(mails(2)), Watch())
        assert (first.stage, first.reply.code, second.accepted) == (Stage.RCPT, 503, True)
        assert LOCK_STEP_SERVERS.holds("127.0.0.1", server.port, 0)
        transport.open()
        assert not transport._pool.connections[0].session.pipelined
        (third,) = transport.send(ReadyMails(mails(1)), Watch())
        assert third.accepted


def test_distrust_ends_after_an_hour():
    servers = LockStepServers()
    servers.add("Mail.example.com ", 25, 1_000)
    for host, port, now_s, held in [
        ("mail.example.com", 25, 1_000, True),
        ("mail.example.com", 25, 1_000 + LOCK_STEP_S - 1, True),
        ("mail.example.com", 25, 1_000 + LOCK_STEP_S, False),
        ("mail.example.com", 587, 1_000, False),
        ("other.example.com", 25, 1_000, False),
    ]:
        assert servers.holds(host, port, now_s) is held


@pytest.mark.parametrize("tls", ["none", "implicit"])
def test_large_mails_arrive_whole_over_several_connections(opened, tls, extensions):
    tail = LARGE * 4_500  # 350 KB
    sent = [
        BuiltMail("a@b.example", f"m{number}@c.example", f"<{number}>", b"A: b\r\n\r\n.x\r\n", tail)
        for number in range(12)
    ]
    with SmtpServer(tls=tls, extensions=extensions, receive_buffer_bytes=16_384) as server:
        transport = opened(server, email_use_ssl=tls == "implicit", connections=3)
        outcomes = list(transport.send(ReadyMails(sent), Watch()))
        assert [outcome.accepted for outcome in outcomes] == [True] * 12
        assert [mail.data for mail in server.mails] == [sent[0].message] * 12


def test_slow_reader_holds_up_nobody_else(opened, extensions):
    timeouts = Timeouts(body_s=0.3, quit_s=0.2, slice_s=0.05)
    with SmtpServer(extensions=extensions, receive_buffer_bytes=4_096) as server:
        server.on("body", HANG, recipient="slow@example.com")
        sent = [make_large_mail("slow@example.com"), *mails(20)]
        transport = opened(server, connections=2, timeouts=timeouts)
        outcomes = list(transport.send(ReadyMails(sent), Watch()))
    (slow,) = [each for each in outcomes if each.mail.recipient == "slow@example.com"]
    assert (slow.stage, slow.fault) == (Stage.BODY, Fault.TIMEOUT)
    # the mail whose envelope stood behind that body went over the other connection
    assert sorted(each.mail.recipient for each in outcomes if each.accepted) == recipients(
        mails(20)
    )


def test_each_waiting_connection_is_asked_about(opened, extensions):
    timeouts = Timeouts(quit_s=0.1, slice_s=0.02)
    with SmtpServer(extensions=extensions) as server:
        server.on("dot", HANG)
        asked = itertools.count()
        watch = Watch(wait=lambda waited_s, stage: next(asked) < 20)
        transport = opened(server, connections=2, timeouts=timeouts)
        outcomes = list(transport.send(ReadyMails(mails(2)), watch))
    assert [outcome.fault for outcome in outcomes] == [Fault.STOPPED] * 2
    assert [outcome.stage for outcome in outcomes] == [Stage.DOT] * 2


@pytest.mark.parametrize("allowed", [0, 1, 7, 30])
def test_nothing_begins_after_the_watch_said_no(server, opened, allowed):
    watch = Watch(begin=[True] * allowed + [False] * 1_000)
    outcomes = list(opened(server, connections=3).send(ReadyMails(mails(40)), watch))
    assert recipients(outcome.mail for outcome in outcomes) == taken(server)
    assert len(watch.begin) >= 990  # nobody asks again and again


def test_source_is_asked_again_once_an_outcome_has_come(server, opened):
    class Source:
        def __init__(self):
            self.left = [make_mail("a@example.com"), None, make_mail("b@example.com"), None]

        def next_mail(self, features):
            return self.left.pop(0) if self.left else None

    outcomes = list(opened(server, connections=2).send(Source(), Watch()))
    assert recipients(outcome.mail for outcome in outcomes) == ["a@example.com", "b@example.com"]


def test_source_hears_what_the_server_announced(opened):
    seen = []

    class Source:
        def next_mail(self, features):
            seen.append(features)

    extensions = (*PIPELINED, "SMTPUTF8")
    with SmtpServer(extensions=extensions) as server:
        assert list(opened(server).send(Source(), Watch())) == []
    assert [(each.eight_bit, each.smtputf8, each.max_bytes) for each in seen] == [
        (True, True, 99_999_999)
    ]


def test_address_that_is_not_ascii_goes_where_it_is_taken(opened):
    mail = BuiltMail(
        "a@b.example", "jörg@c.example", "<1>", "S: ö\r\n".encode(), eight_bit=True, smtputf8=True
    )
    with SmtpServer(extensions=(*PIPELINED, "SMTPUTF8")) as server:
        (outcome,) = opened(server).send(ReadyMails([mail]), Watch())
        assert outcome.accepted
        assert server.commands[1] == "MAIL FROM:<a@b.example> BODY=8BITMIME SMTPUTF8 SIZE=7"
        assert server.mails[0].recipients[0].encode("latin-1").decode() == "jörg@c.example"


def test_close_says_good_bye_on_each_connection_and_waits_for_all_together(opened, extensions):
    with SmtpServer(extensions=extensions) as server:
        transport = opened(server, connections=3)
        list(transport.send(ReadyMails(mails(30)), Watch()))
        server.on("quit", server.stopping)
        transport.close()
        assert server.commands.count("QUIT") >= 2  # the last may still be on its way
        assert not transport.is_open


def test_ending_early_closes_what_is_at_work(server, opened):
    transport = opened(server, connections=2)
    answers = transport.send(ReadyMails(mails(20)), Watch())
    next(iter(answers))
    answers.close()
    assert all(each.session.is_idle for each in transport._pool.connections)
