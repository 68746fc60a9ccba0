"""F10 to F13: servers that refuse for a while, some addresses for good, or the mail as such."""

from datetime import timedelta

import pytest

from massmail.models import EmailAccount, MailingOut, Suppression
from massmail.services.outcomes import PAUSE_AT
from tests.faults.chaos_rules import CLOSE
from tests.faults.laboratory import EXPERIMENT, IS_LONG

pytestmark = EXPERIMENT

PEOPLE = 5000 if IS_LONG else 300
STAGES = ("connect", "ehlo", "auth", "mail", "rcpt", "data", "dot")
LEAVING_AFTER_PAUSE = 20  # mails that may still leave once a mailing out has to pause


@pytest.mark.parametrize("stage", STAGES)
def test_f10_service_not_available_lets_the_account_rest(laboratory, stage):
    server = laboratory.server(users={"u": "right"})
    mailing_out = laboratory.campaign(
        server, people=30, email_host_user="u", email_host_password="right"
    )
    other = laboratory.campaign(laboratory.server(), people=30)
    rule = server.on(stage, "421 4.3.2 Service not available", CLOSE, times=2)

    laboratory.tick()

    account = EmailAccount.objects.get(owner=mailing_out.owner)
    assert account.cooling_until is not None or stage == "dot"
    other.refresh_from_db()
    assert other.sent_count == 30
    laboratory.settle()
    assert laboratory.check() == {"sent": 60}
    assert len(rule.hits) == 2
    assert Suppression.objects.count() == 0
    charged = {row.attempts for row in laboratory.rows()}
    assert charged <= ({1, 2, 3} if stage == "dot" else {1})


def test_f10_throttling_for_an_hour_is_waited_out(laboratory):
    """The account asks again now and then, and never two mails at once."""
    server = laboratory.server()
    laboratory.campaign(server, people=PEOPLE)
    begun_s = laboratory.time.shown_s
    rule = server.on(
        "mail",
        lambda: (
            "421 4.7.28 Our system has detected an unusual rate of mail"
            if laboratory.time.shown_s - begun_s < 3600
            else None
        ),
    )

    took = laboratory.settle()

    assert laboratory.check() == {"sent": PEOPLE}
    assert took < timedelta(hours=1, minutes=45)
    refused = len(rule.hits) - PEOPLE
    assert 3 <= refused <= 10
    assert {row.attempts for row in laboratory.rows()} == {1}


@pytest.mark.parametrize("minutes", [5, 15, 60])
def test_f11_grey_listing_is_over_after_a_few_attempts(laboratory, minutes):
    server = laboratory.server()
    laboratory.campaign(server, people=PEOPLE // 5)
    begun_s = laboratory.time.shown_s
    server.on(
        "rcpt",
        lambda: (
            "450 4.7.1 Greylisted, please try again later"
            if laboratory.time.shown_s - begun_s < minutes * 60
            else None
        ),
    )

    laboratory.settle(step_s=120)

    assert laboratory.check() == {"sent": PEOPLE // 5}
    assert 2 <= max(row.attempts for row in laboratory.rows()) <= 5
    assert Suppression.objects.count() == 0
    assert EmailAccount.objects.get().massmail


@pytest.mark.parametrize("connections", [1, 5])
def test_f12_unknown_addresses_are_suppressed_and_no_others(laboratory, connections):
    server = laboratory.server()
    laboratory.campaign(server, people=PEOPLE, connections=connections)
    rule = server.on("rcpt", "550 5.1.1 No such user here", share=0.01)

    laboratory.settle()

    states = laboratory.check()
    assert rule.hits
    assert states == {"sent": PEOPLE - len(rule.hits), "failed": len(rule.hits)}
    suppressed = Suppression.objects.values_list("address_key", flat=True)
    failed = [row.address_key for row in laboratory.rows() if row.status == "failed"]
    assert sorted(suppressed) == sorted(failed) == sorted(rule.hits)


@pytest.mark.parametrize("connections", [1, 5])
@pytest.mark.parametrize("stage", ["rcpt", "dot"])
@pytest.mark.parametrize(
    ("reply", "refusals"),
    [
        ("550 5.7.1 Message rejected as spam", PAUSE_AT),
        ("550 5.7.26 This mail is not authenticated", 1),
    ],
)
def test_f13_a_sudden_block_pauses_and_suppresses_nobody(
    laboratory, stage, reply, refusals, connections
):
    """30 % of the mails are refused from the 51st on: almost none leaves after the last straw."""
    server = laboratory.server()
    mailing_out = laboratory.campaign(server, people=PEOPLE, connections=connections)
    taken_by_then: list[int] = []

    def refuse() -> str | None:
        if len(server.log.entries) < 50:
            rule.hits.pop()
            return None
        taken_by_then.append(len(server.log.entries))
        return reply

    rule = server.on(stage, refuse, share=0.3)

    laboratory.settle()

    states = laboratory.check()
    mailing_out.refresh_from_db()
    assert (mailing_out.status, mailing_out.pause_reason) == (
        MailingOut.Status.PAUSED,
        MailingOut.PauseReason.POLICY,
    )
    # a refusal that nobody waited for any more counts as not begun
    assert refusals <= states["failed"] <= len(taken_by_then)
    left_since = len(server.accepted) - taken_by_then[refusals - 1]
    refused_since = len(taken_by_then) - refusals
    assert left_since + refused_since <= LEAVING_AFTER_PAUSE
    assert states["pending"] == PEOPLE - states["sent"] - states["failed"]
    assert {row.reason for row in laboratory.rows() if row.status == "failed"} == {"policy"}
    assert Suppression.objects.count() == 0
    assert EmailAccount.objects.get().massmail
