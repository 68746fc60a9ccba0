"""What is written for each kind of outcome: the row, its attempt, the suppression, the pause."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from massmail.backends.base import BuiltMail, Fault, Outcome, Reply, Stage
from massmail.clock import database_now
from massmail.models import (
    AccountShare,
    CoolingDomain,
    Delivery,
    DeliveryAttempt,
    EmailAccount,
    MailingOut,
    Suppression,
)
from massmail.services import account_health, bulk_moves, lease, ledger, outcomes
from massmail.services.ledger import Window
from massmail.services.outcomes import Result
from massmail.services.smtp_replies import Action, Decision
from tests.factories import EmailAccountFactory
from tests.massmail.campaigns import campaign_on, run
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)  # nothing is sent
S = Delivery.Status
MAIL = BuiltMail("a@example.org", "b@example.org", "<1@example.org>", b"")


class Claimed:
    """A window of a mailing out that a run has claimed."""

    def __init__(self, people: int = 1, **account_values) -> None:
        self.mailing_out = campaign_on(NO_SERVER, people=people, **account_values)
        self.now = database_now() + timedelta(seconds=10)
        self.account = EmailAccount.objects.get()
        held = lease.take(self.account.pk, now=self.now)
        assert held is not None
        self.held = held
        with ledger.turn(held, now=self.now, random_source=Random(1)) as this:
            window = ledger.claim(this, size=50)
        assert window is not None
        self.window: Window = window

    def record(self, *decided: tuple[Decision, Outcome | None]) -> None:
        """Record these outcomes of the first rows."""
        results = [
            Result(row, decision, outcome, error="" if outcome else "a bug")
            for row, (decision, outcome) in zip(self.window.rows, decided, strict=False)
        ]
        with ledger.turn(self.held, now=self.now, random_source=Random(1)) as this:
            outcomes.record(this, self.window, results)

    def row(self, number: int = 0) -> Delivery:
        return self.mailing_out.deliveries.order_by("pk")[number]


def answered(stage: Stage = Stage.DOT, code: int = 250, text: str = "ok") -> Outcome:
    return Outcome(MAIL, stage, Reply(code, "", text))


SENT = (Decision(Action.SENT), answered())
LATER = (Decision(Action.LATER, "temporary", why="later"), answered(Stage.RCPT, 450, "wait"))
FAILED = (Decision(Action.FAILED, "address", suppress=True), answered(Stage.RCPT, 550, "no"))
POLICY = (Decision(Action.POLICY, "policy", why="spam"), answered(code=554, text="spam"))
LOST = (
    Decision(Action.UNCERTAIN, why="lost"),
    Outcome(MAIL, Stage.DOT, None, Fault.DISCONNECTED, "closed"),
)
COOLING = (Decision(Action.COOLING, why="throttled"), answered(Stage.MAIL, 421, "busy"))
OFF = (Decision(Action.OFF, why="sender refused"), answered(Stage.MAIL, 550, "you"))
BROKEN = (Decision(Action.UNCERTAIN, why="transport failed"), None)


@pytest.mark.parametrize(
    ("decided", "status", "reason", "attempts", "keeps_claim", "reply"),
    [
        (SENT, S.SENT, "", 1, True, "250 ok"),
        (LATER, S.PENDING, "", 1, False, "450 wait"),
        (FAILED, S.FAILED, "address", 1, False, "550 no"),
        (POLICY, S.FAILED, "policy", 1, False, "554 spam"),
        (LOST, S.UNCERTAIN, "", 1, True, "the connection broke"),
        (COOLING, S.PENDING, "", 0, False, "421 busy"),
        (OFF, S.PENDING, "", 0, False, "550 you"),
        (BROKEN, S.UNCERTAIN, "", 1, True, "a bug"),
    ],
    ids=lambda value: value[0].action if isinstance(value, tuple) else None,
)
def test_what_a_row_becomes(decided, status, reason, attempts, keeps_claim, reply):
    claimed = Claimed()
    claimed.record(decided)
    row = claimed.row()
    assert (row.status, row.reason, row.attempts, row.reply) == (status, reason, attempts, reply)
    assert (row.claim == claimed.window.claim) is keeps_claim
    claimed.mailing_out.refresh_from_db()
    assert getattr(claimed.mailing_out, f"{status}_count") == 1
    assert claimed.mailing_out.in_flight_count == 0
    assert claimed.mailing_out.attempts_count == attempts


def test_providers_id_is_kept_with_the_mail_that_it_took():
    claimed = Claimed(people=2)
    claimed.record(
        (SENT[0], Outcome(MAIL, Stage.DOT, Reply(250, "", "queued"), provider_id="pm-1")), SENT
    )
    rows = [claimed.row(number) for number in range(2)]
    assert [(row.status, row.provider_id) for row in rows] == [(S.SENT, "pm-1"), (S.SENT, "")]
    assert [row.reply for row in rows] == ["250 queued", "250 ok"]


@pytest.mark.parametrize(
    ("decided", "used"),
    [
        (SENT, 1),
        (LATER, 0),
        (POLICY, 1),
        (LOST, 1),
        (BROKEN, 1),
        ((Decision(Action.FAILED, "content"), answered(Stage.DATA, 554)), 1),
        (COOLING, 0),
    ],
    ids=lambda value: value[0].action if isinstance(value, tuple) else None,
)
def test_the_limit_counts_what_may_have_left(decided, used):
    """DATA was sent for it, whatever came of it; and every uncertain row."""
    claimed = Claimed(people=2, daily_limit=5)
    claimed.record(decided)
    assert EmailAccount.objects.get().today_count == used


def test_what_did_not_simply_succeed_is_kept_as_an_attempt():
    claimed = Claimed(people=3)
    claimed.record(SENT, FAILED, LOST)
    refused, lost = DeliveryAttempt.objects.all()
    assert (refused.outcome, refused.stage, refused.code, refused.reply) == (
        "failed",
        "rcpt",
        550,
        "550 no",
    )
    assert (lost.outcome, lost.stage, lost.code, lost.why) == ("uncertain", "dot", None, "lost")
    assert {refused.email_account, lost.email_account} == {claimed.account}


def test_a_hard_refusal_suppresses_the_address_once():
    claimed = Claimed()
    key = claimed.row().address_key or ""
    Suppression.objects.create(address_key=key, kind="bounced", source="older")
    claimed.record(FAILED)
    assert [(row.address_key, row.source) for row in Suppression.objects.all()] == [(key, "older")]


def test_a_suppression_says_where_it_is_from():
    claimed = Claimed()
    claimed.record(FAILED)
    row = Suppression.objects.get()
    assert (row.kind, row.until, row.source) == ("bounced", None, "News: 550 no")


def test_rows_not_begun_wait_again_and_are_due_at_once():
    claimed = Claimed(people=3)
    claimed.record(SENT)
    for number in (1, 2):
        row = claimed.row(number)
        assert (row.status, row.claim, row.due_at) == (S.PENDING, None, claimed.now)
        assert row.attempts == 0


def test_rows_not_begun_of_an_account_that_is_off_are_handed_over():
    claimed = Claimed(people=2)
    AccountShare.objects.update(handed_over=True)
    EmailAccount.objects.update(massmail=False)
    claimed.record()
    assert AccountShare.objects.get().handed_over is False


# --- somebody decided meanwhile


def lost(claimed: Claimed) -> None:
    lease.expire(now=claimed.now + timedelta(minutes=1))
    assert claimed.row().status == S.UNCERTAIN


@pytest.mark.parametrize(
    ("decided", "status"), [(SENT, S.SENT), (FAILED, S.FAILED), (LATER, S.PENDING)]
)
def test_a_late_outcome_settles_its_own_claim_and_counts_once(decided, status):
    claimed = Claimed()
    lost(claimed)
    claimed.record(decided)
    row = claimed.row()
    assert (row.status, row.attempts) == (status, 1)
    claimed.mailing_out.refresh_from_db()
    assert claimed.mailing_out.attempts_count == 1
    assert claimed.mailing_out.uncertain_count == 0


def test_a_late_refusal_on_an_account_that_was_handed_over_is_handed_over_too():
    """It was taken for dead, switched off and emptied; then the row waits again."""
    claimed = Claimed()
    lost(claimed)
    EmailAccount.objects.update(massmail=False)
    other = EmailAccountFactory.create(owner=claimed.mailing_out.owner)
    MailingOut.objects.update(recipients_number=2, pending_count=1)
    Delivery.objects.create(
        mailing_out=claimed.mailing_out, recipient_id=0, email_account=claimed.account
    )
    assert account_health.hand_over() == 1
    claimed.record(LATER)
    assert account_health.hand_over() == 1
    assert claimed.row().email_account == other


def test_a_late_outcome_changes_nothing_that_a_person_decided():
    claimed = Claimed()
    lost(claimed)
    bulk_moves.send_again(claimed.mailing_out.deliveries.all(), now=claimed.now)
    before = claimed.row()
    claimed.record(SENT)
    after = claimed.row()
    assert (after.status, after.due_at, after.reply) == (S.PENDING, before.due_at, "")
    claimed.mailing_out.refresh_from_db()
    assert (claimed.mailing_out.pending_count, claimed.mailing_out.sent_count) == (1, 0)


# --- windows and pauses


def test_windows_grow_again_after_a_death():
    claimed = Claimed()
    MailingOut.objects.update(window_limit=4)
    claimed.window.mailing_out.window_limit = 4
    claimed.record(SENT)
    assert MailingOut.objects.get().window_limit == 8


@pytest.mark.parametrize(("refusals", "pauses"), [(4, False), (5, True)])
def test_the_fifth_policy_refusal_pauses(refusals, pauses):
    claimed = Claimed(people=6)
    claimed.record(*[POLICY] * refusals)
    last = Result(claimed.window.rows[0], POLICY[0], POLICY[1])
    assert outcomes.must_pause(claimed.mailing_out.pk, [last]) is pauses


def test_refusals_of_long_ago_do_not_count():
    claimed = Claimed(people=6)
    claimed.record(*[POLICY] * 5)
    MailingOut.objects.update(attempts_count=outcomes.PAUSE_AMONG + 1)
    last = Result(claimed.window.rows[0], POLICY[0], POLICY[1])
    assert outcomes.must_pause(claimed.mailing_out.pk, [last]) is False


def test_broken_authentication_pauses_at_the_first():
    claimed = Claimed()
    decision = Decision(Action.POLICY, "policy", why="authentication", pauses=True)
    assert outcomes.must_pause(
        claimed.mailing_out.pk, [Result(claimed.window.rows[0], decision, POLICY[1])]
    )


def test_other_failures_do_not_count_as_mails_that_could_not_be_built():
    claimed = Claimed(people=6)
    claimed.record(*[FAILED] * 5)
    decision = Decision(Action.FAILED, "local", why=outcomes.NOT_BUILT)
    last = Result(claimed.window.rows[0], decision, error="no name")
    assert outcomes.must_pause(claimed.mailing_out.pk, [last]) is False


@pytest.mark.parametrize(("attempts", "pauses"), [(400, True), (401, False)])
def test_mails_that_could_not_be_built_pause_when_they_are_more_than_one_in_a_hundred(
    attempts, pauses
):
    claimed = Claimed(people=6)
    decision = Decision(Action.FAILED, "local", why=outcomes.NOT_BUILT)
    claimed.record(*[(decision, None)] * 5)
    MailingOut.objects.update(attempts_count=attempts)
    last = Result(claimed.window.rows[0], decision, error="no name")
    assert outcomes.must_pause(claimed.mailing_out.pk, [last]) is pauses


def test_a_refusal_may_name_how_often_it_is_tried_again():
    twice = Decision(Action.LATER, "temporary", why="routing", retries=2)
    found = []
    for made in range(3):
        claimed = Claimed()
        row = replace(claimed.window.rows[0], attempts=made)
        result = Result(row, twice, answered(Stage.RCPT, 550, "no route"))
        with ledger.turn(claimed.held, now=claimed.now, random_source=Random(1)) as this:
            outcomes.record(this, claimed.window, [result])
        found.append((claimed.row().status, claimed.row().reason))
        MailingOut.objects.update(status="I")
        EmailAccount.objects.all().delete()
    assert found == [(S.PENDING, ""), (S.PENDING, ""), (S.FAILED, "address")]


def test_a_retry_comes_when_the_server_asks_for_it():
    claimed = Claimed()
    claimed.record(
        (Decision(Action.LATER, why="greylisted"), answered(Stage.RCPT, 450, "retry in 2 hours"))
    )
    due_at = claimed.row().due_at
    assert due_at is not None
    assert timedelta(hours=2) <= due_at - claimed.now <= timedelta(hours=2.4)


def test_a_domain_rests_for_the_run_that_met_it():
    claimed = Claimed()
    domain = (claimed.row().address_key or "").rpartition("@")[2]
    decision = Decision(Action.LATER, why="throttled", rests_domain=True)
    result = Result(claimed.window.rows[0], decision, answered(Stage.RCPT, 451, "slow"))
    with ledger.turn(claimed.held, now=claimed.now, random_source=Random(1)) as this:
        outcomes.record(this, claimed.window, [result])
        assert this.cooling == {domain: claimed.now + timedelta(minutes=1)}


@pytest.mark.parametrize(("minutes", "rests"), [(3, True), (0, False)])
def test_only_a_probe_ends_the_rest_of_a_domain(minutes, rests):
    """A mail that was claimed before the rest began proves nothing."""
    claimed = Claimed()
    domain = (claimed.row().address_key or "").rpartition("@")[2]
    until = claimed.now + timedelta(minutes=minutes)
    CoolingDomain.objects.create(email_account=claimed.account, domain=domain, until=until)
    claimed.record(SENT)
    assert CoolingDomain.objects.exists() is rests


def test_addresses_that_need_smtputf8_fail_for_that_and_pause_nothing():
    with SmtpServer() as server:
        mailing_out = campaign_on(server, people=7, start=False)
        for person in mailing_out.recipient_model._default_manager.order_by("pk")[:6]:
            person.email = f"zoë{person.pk}@example.com"
            person.save()
        mailing_out.start()
        run()
        reasons = mailing_out.deliveries.order_by("pk").values_list("reason", flat=True)
        assert list(reasons) == ["smtputf8"] * 6 + [""]
        assert len(server.mails) == 1


def test_a_long_reply_is_cut():
    result = Result(Claimed().window.rows[0], SENT[0], answered(text="x" * 600))
    assert len(result.reply_text) == outcomes.REPLY_MAX
