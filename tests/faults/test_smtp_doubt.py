"""F4, F5, F6, F8: connections that end, or servers that take their time, around the final dot.

Before the body nothing of a mail was taken, and it is sent again; after it nobody knows.
"""

import pytest
from django.db import connection

from massmail.models import Suppression
from tests.faults.chaos_rules import ACCEPT, CLOSE, RESET, Until
from tests.faults.chaos_server import ANNOUNCED
from tests.faults.laboratory import EXPERIMENT, IS_LONG
from tests.smtp_certificates import certificate_file

pytestmark = EXPERIMENT

PEOPLE = 1000 if IS_LONG else 40
BEFORE_BODY = ("connect", "tls", "auth", "mail", "rcpt", "data")
STAGES = (*BEFORE_BODY, "body", "dot")
LOCK_STEP = ("8BITMIME", "ENHANCEDSTATUSCODES")  # what a server without PIPELINING announces
MANNERS = [(ANNOUNCED, 1), (ANNOUNCED, 5), (LOCK_STEP, 1)]


@pytest.mark.parametrize("connections", [1, 5])
def test_f4_reset_behind_the_reply_is_no_failure(laboratory, connections):
    """250 is sent, but the connection is reset before it is read: nobody can tell here."""
    server = laboratory.server()
    laboratory.campaign(server, people=PEOPLE, connections=connections)
    rule = server.on("dot", "250 2.0.0 Taken", RESET, every=7)

    laboratory.settle()

    states = laboratory.check()
    assert len(rule.hits) >= PEOPLE // 8
    assert states["sent"] + states["uncertain"] == PEOPLE == len(server.accepted)
    assert states["uncertain"] <= len(rule.hits)
    assert Suppression.objects.count() == 0


@pytest.mark.parametrize("connections", [1, 5])
@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_f5_no_reply_to_the_dot_leaves_the_mail_in_doubt(laboratory, end, connections):
    """5 % of the mails, some taken and some not: neither is sent again, neither fails."""
    share = 0.05
    server = laboratory.server()
    laboratory.campaign(server, people=PEOPLE * 3, connections=connections)
    taken = server.on("dot", ACCEPT, end, share=share / 2)
    refused = server.on("dot", end, share=share / 2)

    laboratory.settle()

    states = laboratory.check()
    assert taken.hits
    assert refused.hits
    assert states["uncertain"] == len(taken.hits) + len(refused.hits)
    assert states["sent"] == PEOPLE * 3 - states["uncertain"]
    assert len(server.accepted) == PEOPLE * 3 - len(refused.hits)
    assert Suppression.objects.count() == 0


@pytest.mark.parametrize("wait_s", [30, 120, 590])
def test_f6_a_late_reply_to_the_dot_is_waited_for(laboratory, wait_s):
    """The lease is renewed meanwhile, so that nobody takes over and sends it once more."""
    time = laboratory.time
    time.leap_s = 5
    if IS_LONG:
        laboratory.in_real_time()
    server = laboratory.server()
    laboratory.campaign(server, people=3)
    begun_s = []

    def is_over() -> bool:
        begun_s.append(time.shown_s)
        return time.shown_s - begun_s[0] >= wait_s

    rule = server.on("dot", Until(is_over), times=1)

    laboratory.settle()

    assert laboratory.check() == {"sent": 3}
    assert len(rule.hits) == 1
    assert len(server.accepted) == 3


@pytest.mark.parametrize(
    ("announced", "connections"), MANNERS, ids=["pipelined", "5 connections", "lock-step"]
)
@pytest.mark.parametrize("end", [CLOSE, RESET])
@pytest.mark.parametrize("stage", STAGES)
def test_f8_connection_lost_at_each_stage(laboratory, stage, end, announced, connections):
    """Only what was lost before its body is sent again, and the account's trouble costs nobody."""
    server = laboratory.server(
        announced=announced,
        tls="starttls",
        certificate=certificate_file("good"),
        users={"u": "right"},
    )
    laboratory.campaign(
        server,
        people=12,
        connections=connections,
        email_host="localhost",
        email_use_tls=True,
        email_host_user="u",
        email_host_password="right",
    )
    rule = server.on(stage, end, times=2)

    laboratory.settle()

    states = laboratory.check()
    assert len(rule.hits) == 2
    expected = {"sent": 12} if stage in BEFORE_BODY else {"sent": 10, "uncertain": 2}
    assert states == expected
    assert len(server.accepted) == expected["sent"]
    attempts = {row.attempts for row in laboratory.rows()}
    assert attempts == {1}
    assert Suppression.objects.count() == 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a thread needs a server to share")
@pytest.mark.django_db(transaction=True)
def test_f5_with_the_ledger_kept_in_a_thread(laboratory):
    """As workers do it: windows are claimed and recorded while others are on five wires."""
    people = PEOPLE * 15
    server = laboratory.server()
    laboratory.campaign(server, people=people, connections=5)
    taken = server.on("dot", ACCEPT, CLOSE, share=0.005)
    refused = server.on("dot", RESET, share=0.005)
    late = server.on("rcpt", "450 4.2.0 Try again later", share=0.02, times=people // 50)

    laboratory.settle(step_s=60)

    states = laboratory.check()
    in_doubt = len(taken.hits) + len(refused.hits)
    assert in_doubt
    assert late.hits
    assert states == {"sent": people - in_doubt, "uncertain": in_doubt}
