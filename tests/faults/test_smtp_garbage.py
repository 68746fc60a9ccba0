"""F9: servers that do not speak SMTP, or speak it in ways that nobody could foresee."""

import pytest

from massmail.models import EmailAccount, Suppression
from tests.faults.chaos_rules import ACCEPT
from tests.faults.laboratory import IS_LONG, TRANSPORT_EXPERIMENT
from tests.smtp_certificates import certificate_file

pytestmark = TRANSPORT_EXPERIMENT

GARBAGE = (
    b"\0\0\0\0\r\n",
    b"2\x0050 with a NUL\r\n",
    b"250\0with a NUL\r\n",
    b"\xff\xfe\xc3\x28 what is this?\r\n",
    b"2\xb250 ok\r\n",
    b"x" * 1_000_000 + b"\r\n",
    b"250 " + b"y" * 1_000_000 + b"\r\n",
    b"250-" + b"z" * 60 + b"\r\n",  # a first line, and then
    b"250-first\r\n550 5.1.1 second\r\n",
    b"550-5.1.1 first\r\n250 second\r\n",
    b"250-a line\r\n" * 100_000 + b"250 the end\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"99 too short\r\n",
    b"2500 too long\r\n",
    b"150 of no known kind\r\n",
    b"\r\n",
)
WHOLE = (  # the answer can be read: its code decides, whatever its text says
    b"250 5.1.1 No such user here\r\n",
    b"250\r\n",
    b"250 2.0.0 \xff\xfe\r\n",
    b"250 2.0.0 \0 behind a NUL\r\n",
    b"250 550 5.1.1 No such user here\r\n",
)
TURNS = 4 if IS_LONG else 1


@pytest.mark.parametrize("stage", ["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data"])
def test_f9_garbage_before_the_body_costs_nobody(laboratory, stage):
    server = laboratory.server(
        tls="starttls", certificate=certificate_file("good"), users={"u": "right"}
    )
    mailing_out = laboratory.campaign(
        server,
        people=30,
        email_host="localhost",
        email_use_tls=True,
        email_host_user="u",
        email_host_password="right",
    )
    rules = [server.on(stage, answer, times=TURNS) for answer in GARBAGE]

    laboratory.settle()

    assert laboratory.check() == {"sent": 30}
    assert {len(rule.hits) for rule in rules} == {TURNS}
    assert Suppression.objects.count() == 0
    assert EmailAccount.objects.get(owner=mailing_out.owner).massmail
    assert {row.attempts for row in laboratory.rows()} == {1}


@pytest.mark.parametrize("answers", [GARBAGE, WHOLE], ids=["garbage", "whole"])
def test_f9_an_unreadable_reply_to_the_dot_is_doubt(laboratory, answers):
    laboratory.time.leap_s = 10  # a reply without its end takes up all the time there is
    people = TURNS * len(answers) + 5
    server = laboratory.server()
    laboratory.campaign(server, people=people)
    for answer in answers:
        server.on("dot", ACCEPT, answer, times=TURNS)

    laboratory.settle()

    unreadable = TURNS * len(GARBAGE) if answers is GARBAGE else 0
    states = laboratory.check()
    assert (states["uncertain"], states["sent"]) == (unreadable, people - unreadable)
    assert Suppression.objects.count() == 0
