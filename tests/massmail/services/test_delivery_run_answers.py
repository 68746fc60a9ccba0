"""What each answer of a real SMTP server does to the row, the account and the campaign."""

from datetime import timedelta

import pytest
from django.core import mail

from massmail.models import (
    Delivery,
    DeliveryAttempt,
    EmailAccount,
    FailReason,
    MailingOut,
    Suppression,
)
from massmail.services import pace
from tests.factories import MainAccountFactory, MassContactFactory
from tests.massmail.campaigns import Clock, account_on, campaign_on, refreshed, rows, run
from tests.smtp_server import CLOSE, SmtpServer

pytestmark = pytest.mark.django_db


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


def test_one_odd_address_does_not_keep_the_account_resting(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1)
    first = rows(mailing_out)[0]
    server.on("rcpt", "421 4.3.2 go away", recipient=first.address_key)

    waits = []
    for _ in range(4):
        run(clock)
        first.refresh_from_db()
        assert first.due_at is not None
        waits.append((first.due_at - clock()) / timedelta(minutes=1))
        clock.forward(minutes=20)

    assert waits == [0, 0, 5, 15]
    assert (first.status, first.attempts) == (Delivery.Status.PENDING, 0)
    assert refreshed(mailing_out).pending_count == 1


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


def test_broken_authentication_lets_the_account_rest_too(server):
    campaign_on(server, people=3)
    server.on("dot", "550 5.7.26 unauthenticated mail is not accepted")
    run()
    account = EmailAccount.objects.get()
    assert (account.cooling_reason, account.massmail) == ("authentication", True)


def test_what_is_deferred_for_ever_is_not_tried_again(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=3)
    server.on("mail", "421 4.7.1 [TS03] permanently deferred; Retrying will NOT succeed.", times=1)

    run(clock)

    assert refreshed(mailing_out).failed_count == 1
    first = rows(mailing_out)[0]
    assert (first.status, first.reason) == (Delivery.Status.FAILED, FailReason.POLICY)
    assert EmailAccount.objects.get().cooling_reason == "permanently deferred"
    assert Suppression.objects.count() == 0
    clock.forward(minutes=2)
    run(clock)
    assert refreshed(mailing_out).sent_count == 2


def test_the_quota_of_the_account_costs_nobody_and_is_probed_with_one_mail_an_hour(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=5)
    server.on("dot", "550 5.4.5 Daily user sending limit exceeded.", times=3)

    for _ in range(3):
        run(clock)
        assert refreshed(mailing_out).pending_count == 5
        clock.forward(minutes=59)
        assert run(clock) == 0
        clock.forward(minutes=2)
    assert len(server.mails) == 0
    assert {row.attempts for row in rows(mailing_out)} == {0}
    run(clock)

    assert refreshed(mailing_out).sent_count == 5
    assert EmailAccount.objects.get().cooling_count == 0


def test_an_account_on_a_list_rests_its_rows_wait_and_people_are_told(
    server, django_capture_on_commit_callbacks
):
    clock = Clock()
    mailing_out = campaign_on(server, people=3)
    server.on("rcpt", "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org")

    with django_capture_on_commit_callbacks(execute=True):
        run(clock)
        clock.forward(minutes=2)
        run(clock)

    account = EmailAccount.objects.get()
    assert (account.cooling_reason, account.cooling_count) == ("listed", 2)
    assert refreshed(mailing_out).pending_count == 3
    assert Suppression.objects.count() == 0
    assert len(mail.outbox) == 1


def test_many_throttled_mails_all_leave_in_the_end(server):
    """A server that says 421 for an hour, whenever it is asked."""
    clock = Clock()
    mailing_out = campaign_on(server, people=12)
    rule = server.on("mail", "421 4.7.0 too many mails")
    for _ in range(12):
        run(clock)
        clock.forward(minutes=5)
    assert refreshed(mailing_out).pending_count == 12
    server.rules.remove(rule)

    for _ in range(7):
        run(clock)
        clock.forward(minutes=5)

    assert refreshed(mailing_out).sent_count == 12
    assert {row.attempts for row in rows(mailing_out)} == {1}


def test_a_throttled_account_sends_slower_afterwards(server):
    clock = Clock()
    campaign_on(server, people=60)
    takes = iter(range(20))

    def throttle_later() -> None:
        if next(takes, None) == 15:
            server.on("mail", "421 4.7.0 too many mails", times=1)

    server.on("dot", throttle_later)
    run(clock)

    account = EmailAccount.objects.get()
    assert account.cooling_reason == "throttled"
    assert account.slow_per_second is not None
    assert pace.rate(account, clock()) == account.slow_per_second


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
