"""F7: a server that says nothing more, at each stage."""

import pytest

from massmail.models import Suppression
from tests.faults.chaos_rules import HANG
from tests.faults.laboratory import IS_LONG, TRANSPORT_EXPERIMENT
from tests.smtp_certificates import certificate_file

pytestmark = TRANSPORT_EXPERIMENT

# Until when a run waits, in seconds. Before the body a server may keep an account waiting for a
# minute: longer waits for several of them would stop all others.
LIMITS_S = {
    "connect": 60,
    "tls": 30,
    "auth": 60,
    "mail": 60,
    "rcpt": 60,
    "data": 60,
    "body": 180,
    "dot": 600,
}
IN_DOUBT = ("body", "dot")


@pytest.mark.parametrize(("stage", "limit_s"), LIMITS_S.items())
def test_f7_silence_is_given_up_at_the_limit_of_its_stage(laboratory, stage, limit_s):
    time = laboratory.time
    time.leap_s = 1 if stage == "body" else limit_s / 60
    if IS_LONG:
        laboratory.in_real_time()
    server = laboratory.server(
        tls="starttls",
        certificate=certificate_file("good"),
        users={"u": "right"},
        receive_buffer_bytes=4096,
    )
    other = laboratory.campaign(laboratory.server(), people=10)
    mailing_out = laboratory.campaign(
        server,
        people=1,
        attached_bytes=8_000_000 if stage == "body" else 0,
        email_host="localhost",
        email_use_tls=True,
        email_host_user="u",
        email_host_password="right",
    )
    begun_s: list[float] = []
    server.on(stage, lambda: begun_s.append(time.shown_s), HANG, times=1)

    while not begun_s:
        laboratory.tick()
    took_s = time.shown_s - begun_s[0]

    assert limit_s <= took_s <= limit_s * 1.1
    other.refresh_from_db()
    assert other.sent_count == 10
    laboratory.settle()
    expected = {"sent": 10, "uncertain": 1} if stage in IN_DOUBT else {"sent": 11}
    assert laboratory.check() == expected
    mailing_out.refresh_from_db()
    assert mailing_out.uncertain_count == int(stage in IN_DOUBT)
    assert Suppression.objects.count() == 0
