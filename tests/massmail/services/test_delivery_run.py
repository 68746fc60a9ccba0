"""Runs against a real SMTP server: what each answer does to the row, the account, the campaign."""

import random
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from massmail.backends.base import Outcome
from massmail.models import (
    Delivery,
    DeliveryAttempt,
    EmailAccount,
    FailReason,
    MailingOut,
    MassContact,
    MassmailSettings,
    SkipReason,
    Suppression,
)
from massmail.services import bulk_moves, campaign, lease
from massmail.services.delivery_run import Surroundings, deliver
from massmail.services.ledger import counts
from tests.factories import MainAccountFactory, MassContactFactory
from tests.massmail.campaigns import Clock, account_on, campaign_on, run
from tests.smtp_server import ACCEPT, CLOSE, RESET, SmtpServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def server():
    with SmtpServer(users={"u": "right"}) as server:
        yield server


def rows(mailing_out: MailingOut) -> list[Delivery]:
    return list(mailing_out.deliveries.order_by("pk"))


def refreshed(mailing_out: MailingOut) -> MailingOut:
    """The mailing out as it is now, its counters checked against the rows."""
    mailing_out.refresh_from_db()
    counted = counts(mailing_out)
    assert {
        status: getattr(mailing_out, f"{status}_count") for status in Delivery.Status.values
    } == {status: counted[status] for status in Delivery.Status.values}
    return mailing_out


def test_everybody_gets_one_mail(server):
    mailing_out = campaign_on(server, people=60)

    run()
    run()

    addressees = [address for accepted in server.mails for address in accepted.recipients]
    assert sorted(addressees) == sorted(row.address for row in rows(mailing_out))
    assert len(set(addressees)) == 60
    assert refreshed(mailing_out).sent_count == 60
    assert mailing_out.status == MailingOut.Status.DONE
    assert rows(mailing_out)[0].reply.startswith("250")
    assert {row.attempts for row in rows(mailing_out)} == {1}


def test_the_message_id_is_the_deliverys_own_and_stays_over_retries(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1)
    server.on("dot", "451 4.3.0 later", times=1)
    run(clock)
    first = rows(mailing_out)[0].message_id
    clock.forward(minutes=10)

    run(clock)

    (row,) = rows(mailing_out)
    assert row.message_id == first == f"<{row.uuid}@example.org>"
    assert f"Message-ID: {first}".encode() in server.mails[-1].data


def test_a_refused_address_fails_and_is_suppressed(server):
    mailing_out = campaign_on(server, people=2)
    first = rows(mailing_out)[0]
    address = first.address_key
    server.on("rcpt", "550 5.1.1 No such user", recipient=address)

    run()

    first.refresh_from_db()
    assert (first.status, first.reason) == (Delivery.Status.FAILED, FailReason.ADDRESS)
    assert first.reply == "550 5.1.1 No such user"
    assert [s.address_key for s in Suppression.objects.all()] == [address]
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.stage, attempt.code, attempt.enhanced) == ("rcpt", 550, "5.1.1")
    assert refreshed(mailing_out).status == MailingOut.Status.ERRORS
    assert mailing_out.sent_count == 1


def test_a_temporary_refusal_is_tried_again_later(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1)
    server.on("rcpt", "450 4.2.0 try later", times=1)

    run(clock)

    (row,) = rows(mailing_out)
    assert (row.status, row.attempts) == (Delivery.Status.PENDING, 1)
    assert row.due_at is not None
    assert timedelta(minutes=5) <= row.due_at - clock() <= timedelta(minutes=6)
    clock.forward(minutes=4)
    assert run(clock) == 0
    clock.forward(minutes=3)
    assert run(clock) == 1
    assert refreshed(mailing_out).sent_count == 1
    assert rows(mailing_out)[0].attempts == 2


def test_a_temporary_refusal_is_given_up_after_72_hours_and_6_attempts(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1)
    server.on("rcpt", "450 4.2.0 try later")

    attempts = 0
    while rows(mailing_out)[0].status == Delivery.Status.PENDING:
        attempts += run(clock)
        clock.forward(hours=2)

    (row,) = rows(mailing_out)
    assert row.reason == FailReason.TEMPORARY
    assert 6 <= attempts == row.attempts <= 15
    assert refreshed(mailing_out).failed_count == 1


def test_a_server_that_is_down_costs_nobody(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=3)
    server.close()

    run(clock)

    account = EmailAccount.objects.get()
    assert account.cooling_until == clock() + timedelta(minutes=1)
    assert {row.attempts for row in rows(mailing_out)} == {0}
    assert refreshed(mailing_out).pending_count == 3
    (blocker, *_rest) = mailing_out.blockers()
    assert blocker.code == "cooling"
    clock.forward(seconds=61)
    run(clock)
    account.refresh_from_db()
    assert account.cooling_until == clock() + timedelta(minutes=2)


def test_an_account_that_recovers_forgets_its_trouble(server):
    clock = Clock()
    campaign_on(server, people=3)
    server.on("connect", "421 4.3.2 busy", times=1)
    run(clock)
    clock.forward(minutes=2)

    run(clock)

    account = EmailAccount.objects.get()
    assert (account.cooling_count, account.cooling_until) == (0, None)
    assert len(server.mails) == 3


def test_a_wrong_password_switches_the_account_off_and_tells_once(server):
    mailing_out = campaign_on(server, people=3, email_host_user="u", email_host_password="p")
    server.on("auth", "535 5.7.8 Authentication credentials invalid")

    run()
    run()

    account = EmailAccount.objects.get()
    assert (account.massmail, account.off_reason) == (False, "credentials")
    assert account.trouble_reply.startswith("535 5.7.8")
    assert refreshed(mailing_out).pending_count == 3
    assert mailing_out.blockers()[0].code == "account_off"


def test_rows_of_an_account_that_went_off_leave_through_the_other(server):
    with SmtpServer() as other_server:
        mailing_out = campaign_on(server, people=6, start=False)
        owner = mailing_out.owner
        account_on(other_server, owner=owner)
        main = MainAccountFactory.create(owner=owner, email_port=server.port)
        vip = rows(mailing_out)[0]
        MassContactFactory.create(
            content_object=mailing_out.recipient_model._default_manager.get(pk=vip.recipient_id),
            email_account=main,
        )
        mailing_out.start()
        server.on("mail", "550 5.7.1 sender not allowed")

        for _ in range(3):
            run()

        assert len(other_server.mails) == 5
        assert server.mails == []
        assert refreshed(mailing_out).pending_count == 1
        vip.refresh_from_db()
        assert (vip.status, vip.email_account_id) == (Delivery.Status.PENDING, main.pk)
        assert "VIP" in mailing_out.blockers()[0].text


@pytest.mark.parametrize("accepted", [True, False])
def test_a_connection_lost_after_the_body_leaves_the_row_uncertain(server, accepted):
    mailing_out = campaign_on(server, people=1)
    server.on("dot", *([ACCEPT] if accepted else []), RESET, times=1)

    run()
    run()

    (row,) = rows(mailing_out)
    assert row.status == Delivery.Status.UNCERTAIN
    assert Suppression.objects.count() == 0
    assert refreshed(mailing_out).status == MailingOut.Status.DONE
    assert len(server.mails) == int(accepted)


def test_a_connection_lost_before_the_body_costs_nobody(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1)
    server.on("data", CLOSE, times=1)
    run(clock)
    clock.forward(minutes=2)

    run(clock)

    assert refreshed(mailing_out).sent_count == 1
    assert rows(mailing_out)[0].attempts == 1


def test_a_mail_that_breaks_the_connection_does_not_hold_up_the_others(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=4)
    first = rows(mailing_out)[0]
    server.on("data", CLOSE, recipient=first.address_key)

    for _ in range(4):
        run(clock)
        clock.forward(minutes=5)

    assert refreshed(mailing_out).sent_count == 3
    first.refresh_from_db()
    assert (first.status, first.attempts) == (Delivery.Status.PENDING, 0)


def test_five_policy_refusals_pause_the_mailing_out(server):
    mailing_out = campaign_on(server, people=30)
    server.on("dot", "554 5.7.1 message looks like spam")

    run()

    assert refreshed(mailing_out).status == MailingOut.Status.PAUSED
    assert mailing_out.pause_reason == MailingOut.PauseReason.POLICY
    assert mailing_out.failed_count == 5
    assert set(mailing_out.deliveries.exclude(reason="").values_list("reason", flat=True)) == {
        "policy"
    }
    assert Suppression.objects.count() == 0


def test_broken_authentication_pauses_at_once(server):
    mailing_out = campaign_on(server, people=30)
    server.on("dot", "550 5.7.26 unauthenticated mail is not accepted")

    run()

    assert refreshed(mailing_out).status == MailingOut.Status.PAUSED
    assert mailing_out.failed_count == 1


def test_a_person_who_unsubscribes_meanwhile_is_left_out(server):
    mailing_out = campaign_on(server, people=3)
    first, second, _third = rows(mailing_out)
    MassContact.objects.filter(object_id=first.recipient_id).update(massmail=False)
    Suppression.objects.create(address_key=second.address_key or "", kind="bounced")

    run()

    assert [row.reason for row in rows(mailing_out)] == ["unsubscribed", "suppressed", ""]
    assert refreshed(mailing_out).skipped_count == 2
    assert len(server.mails) == 1


def test_a_corrected_address_is_used_and_a_clash_left_out(server):
    mailing_out = campaign_on(server, people=3)
    people = mailing_out.recipient_model._default_manager
    first, second, third = rows(mailing_out)
    people.filter(pk=first.recipient_id).update(email="Corrected@Example.com")
    people.filter(pk=second.recipient_id).update(email=third.address_key)

    run()

    assert {address for m in server.mails for address in m.recipients} == {
        "Corrected@example.com",
        third.address_key,
    }
    second.refresh_from_db()
    assert (second.reason, second.duplicate_of_id) == (SkipReason.DUPLICATE, third.pk)
    refreshed(mailing_out)


def test_a_deleted_recipient_is_left_out(server):
    mailing_out = campaign_on(server, people=2)
    mailing_out.recipient_model._default_manager.filter(
        pk=rows(mailing_out)[0].recipient_id
    ).delete()

    run()

    assert rows(mailing_out)[0].reason == SkipReason.RECIPIENT_DELETED
    assert refreshed(mailing_out).sent_count == 1


@pytest.mark.parametrize("limit", [1, 4])
def test_a_daily_limit_of_n_means_n(server, limit):
    clock = Clock()
    mailing_out = campaign_on(server, people=6, daily_limit=limit)

    for _ in range(3):
        run(clock)

    assert len(server.mails) == limit
    assert mailing_out.blockers()[0].code == "limit"
    clock.forward(days=1)
    run(clock)
    assert len(server.mails) == min(6, 2 * limit)
    refreshed(mailing_out)


def test_refused_recipients_do_not_use_the_limit(server):
    mailing_out = campaign_on(server, people=4, daily_limit=2)
    for row in rows(mailing_out)[:2]:
        server.on("rcpt", "550 5.1.1 unknown", recipient=row.address_key)

    for _ in range(3):
        run()

    assert refreshed(mailing_out).sent_count == 2
    assert EmailAccount.objects.get().today_count == 2


def test_a_gap_moves_the_next_mail_and_never_sleeps(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=3, gap_min_s=15, gap_max_s=35)

    run(clock)
    run(clock)

    account = EmailAccount.objects.get()
    assert len(server.mails) == 1
    assert account.next_send_at is not None
    assert 15 <= (account.next_send_at - clock()).total_seconds() <= 35
    assert mailing_out.blockers()[0].code == "gap"
    clock.forward(seconds=36)
    run(clock)
    assert len(server.mails) == 2


def test_outside_the_sending_hours_nothing_leaves(server):
    clock = Clock()
    clock.at = clock.at.replace(hour=3)
    mailing_out = campaign_on(server, people=1)
    MassmailSettings.load()
    MassmailSettings.objects.update(
        use_business_time=True, friday=True, saturday=True, sunday=True, time_zone="UTC"
    )
    MailingOut.objects.update(start_at=clock() - timedelta(hours=1))

    assert run(clock) == 0
    clock.at = clock.at.replace(hour=9)
    assert run(clock) == 1
    assert refreshed(mailing_out).sent_count == 1


def test_pause_stops_and_resume_goes_on_with_nobody_twice(server):
    mailing_out = campaign_on(server, people=20)
    clock_s = iter(range(10_000))

    def pause_after_five() -> bool:  # called between mails, as a stop would be
        if len(server.mails) >= 5 and MailingOut.objects.get().is_active:
            campaign.pause(mailing_out)
        return False

    around = Surroundings(clock=lambda: next(clock_s) * 0.01, stopping=pause_after_five)

    deliver(EmailAccount.objects.get().pk, around)

    assert 1 <= len(server.mails) < 20
    paused = refreshed(mailing_out)
    assert (paused.status, paused.in_flight_count) == (MailingOut.Status.PAUSED, 0)
    run()
    before = len(server.mails)
    assert before == refreshed(mailing_out).sent_count
    campaign.resume(mailing_out)
    run()
    addressees = [address for accepted in server.mails for address in accepted.recipients]
    assert len(addressees) == len(set(addressees)) == 20


def test_a_cancelled_rest_is_left_out(server):
    mailing_out = campaign_on(server, people=3)

    mailing_out.cancel()
    run()

    assert {row.reason for row in rows(mailing_out)} == {SkipReason.CANCELLED}
    assert refreshed(mailing_out).status == MailingOut.Status.INTERRUPTED
    assert server.mails == []


def test_a_small_mailing_out_does_not_wait_behind_a_large_one(server):
    large = campaign_on(server, people=120)
    small = MailingOut.objects.create_for(
        large.recipient_model._default_manager.order_by("pk")[:3],
        owner=large.owner,
        message=large.message,
        name="Small",
    )
    MailingOut.objects.filter(pk=small.pk).update(exclude_already_received=False)
    small.refresh_from_db()
    small.start()

    run()

    order = [accepted.recipients[0] for accepted in server.mails]
    twice = [address for address in set(order) if order.count(address) == 2]
    last_of_small = max(order.index(address, order.index(address) + 1) for address in twice)
    assert len(twice) == 3
    assert last_of_small < 80


def test_a_scheduled_start_waits(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1, start=False)
    mailing_out.start(at=clock() + timedelta(hours=1))

    assert run(clock) == 0
    assert mailing_out.state_at(clock()) is MailingOut.State.SCHEDULED
    assert mailing_out.blockers()[0].code == "scheduled"
    clock.forward(hours=2)
    assert run(clock) == 1


def test_what_is_not_sent_in_time_expires(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=2, start=False)
    MailingOut.objects.filter(pk=mailing_out.pk).update(not_after=clock() + timedelta(hours=1))
    mailing_out.refresh_from_db()
    mailing_out.start()
    clock.forward(hours=2)

    run(clock)

    assert {row.reason for row in rows(mailing_out)} == {FailReason.EXPIRED}
    assert server.mails == []
    refreshed(mailing_out)


def test_a_dead_run_leaves_its_rows_uncertain_and_the_next_window_has_one_mail(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=30)
    account = EmailAccount.objects.get()
    held = lease.take(account.pk, now=clock())
    _claim(held, clock, size=10)
    clock.forward(seconds=31)

    run(clock)

    mailing_out = refreshed(mailing_out)
    assert (mailing_out.uncertain_count, mailing_out.sent_count) == (10, 20)
    assert mailing_out.window_limit > 1


def test_a_row_sent_again_that_meets_a_dead_run_is_poison(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1)
    account = EmailAccount.objects.get()
    for _ in range(2):
        held = lease.take(account.pk, now=clock())
        _claim(held, clock, size=10)
        lease.expire(now=clock.forward(seconds=31))
        bulk_moves.send_again(mailing_out.deliveries.all(), now=clock())

    (row,) = rows(mailing_out)
    assert (row.status, row.reason) == (Delivery.Status.FAILED, FailReason.POISON)
    refreshed(mailing_out)


def test_uncertain_rows_are_decided_by_a_person(server):
    mailing_out = campaign_on(server, people=2)
    server.on("dot", ACCEPT, RESET, times=2)
    clock = Clock()
    run(clock)
    clock.forward(minutes=5)
    run(clock)
    first, second = rows(mailing_out)
    assert refreshed(mailing_out).uncertain_count == 2

    bulk_moves.count_as_sent(mailing_out.deliveries.filter(pk=first.pk))
    bulk_moves.send_again(mailing_out.deliveries.filter(pk=second.pk))
    clock.forward(minutes=10)
    run(clock)
    run(clock)

    mailing_out = refreshed(mailing_out)
    assert (mailing_out.sent_count, mailing_out.status) == (2, MailingOut.Status.DONE)
    assert len(server.mails) == 3


def test_a_late_outcome_settles_its_own_claim(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1)
    account = EmailAccount.objects.get()

    class Slow:
        """Takes longer than the lease, during which others take the run for dead."""

        def open(self) -> None: ...
        def close(self) -> None: ...

        def send(self, mails, watch):
            from massmail.backends.base import Reply, Stage

            for built in mails:
                lease.expire(now=clock.forward(seconds=31))
                yield Outcome(built, Stage.DOT, Reply(250, "2.0.0", "ok"))

    deliver(account.pk, Surroundings(now=clock, open_transport=lambda account: Slow()))

    assert refreshed(mailing_out).sent_count == 1


def test_a_failing_transport_sends_nobody_twice(server):
    mailing_out = campaign_on(server, people=2)

    class Broken:
        def open(self) -> None: ...
        def close(self) -> None: ...

        def send(self, mails, watch):
            yield from (self.fail() for _mail in mails)

        def fail(self):
            raise RuntimeError("a bug")

    deliver(EmailAccount.objects.get().pk, Surroundings(open_transport=lambda account: Broken()))

    assert refreshed(mailing_out).uncertain_count == 1
    assert mailing_out.pending_count == 1


def test_a_mail_that_cannot_be_built_fails_alone(server, monkeypatch):
    mailing_out = campaign_on(server, people=3)
    model = mailing_out.recipient_model
    poor = rows(mailing_out)[1].recipient_id
    original = model.get_variables

    def get_variables(self):
        if self.pk == poor:
            raise ValueError("no name")
        return original(self)

    monkeypatch.setattr(model, "get_variables", get_variables)

    run()

    assert [row.reason for row in rows(mailing_out)] == ["", FailReason.LOCAL, ""]
    assert refreshed(mailing_out).sent_count == 2


def test_a_stop_returns_what_was_not_begun(server):
    mailing_out = campaign_on(server, people=20)
    stop = []
    server.on("dot", lambda: stop.append(1), times=1)

    deliver(EmailAccount.objects.get().pk, Surroundings(stopping=lambda: bool(stop)))

    mailing_out = refreshed(mailing_out)
    assert (mailing_out.uncertain_count, mailing_out.in_flight_count) == (0, 0)
    assert mailing_out.sent_count == len(server.mails) == 1
    assert EmailAccount.objects.get().run_id is None


def test_a_held_account_is_not_run_twice(server):
    campaign_on(server, people=2)
    account = EmailAccount.objects.get()
    assert lease.take(account.pk, now=Clock()()) is not None

    assert deliver(account.pk) == 0
    assert server.mails == []


def test_nothing_begins_when_the_lease_is_nearly_over(server):
    mailing_out = campaign_on(server, people=3)
    seconds = iter([0.0] * 4 + [25.0] * 1000)

    deliver(EmailAccount.objects.get().pk, Surroundings(clock=lambda: next(seconds)))

    assert refreshed(mailing_out).in_flight_count == 0
    assert mailing_out.uncertain_count == 0


def test_a_rate_is_kept_by_waiting(server):
    campaign_on(server, people=4, per_second=2.0)
    waited = []
    now_s = [0.0]

    def sleep(seconds):
        waited.append(seconds)
        now_s[0] += seconds

    around = Surroundings(clock=lambda: now_s[0], sleep=sleep, random=random.Random(1))
    deliver(EmailAccount.objects.get().pk, around)

    assert len(server.mails) == 4
    assert sum(waited) == pytest.approx(1.5)
    assert max(waited) <= 1


def test_statements_per_mail(server):
    campaign_on(server, people=500)

    with CaptureQueriesContext(connection) as captured:
        deliver(EmailAccount.objects.get().pk)

    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(server.mails) == 500
    assert len(statements) / 500 <= 0.3


def test_the_owner_is_told_once_that_an_account_is_off(
    server, django_capture_on_commit_callbacks, settings
):
    settings.ADMINS = [("Root", "root@example.com")]
    mailing_out = campaign_on(server, people=2, email_host_user="u", email_host_password="p")
    server.on("auth", "535 5.7.8 no")

    with django_capture_on_commit_callbacks(execute=True):
        run()
        run()

    (notice,) = mail.outbox
    assert notice.to == sorted([mailing_out.owner.email, "root@example.com"])
    assert "535 5.7.8" in notice.body


def _claim(held, clock, *, size):
    from massmail.services import ledger

    with ledger.turn(held, now=clock(), random_source=random.Random(1)) as this:
        return ledger.claim(this, size=size)
