"""Runs against a real SMTP server: who gets a mail, and who stops getting one on the way."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from massmail.models import (
    EmailAccount,
    FailReason,
    MailingOut,
    MassContact,
    SkipReason,
    Suppression,
)
from massmail.services import campaign
from massmail.services.delivery_run import deliver
from massmail.services.surroundings import Surroundings
from tests.massmail.campaigns import Clock, campaign_on, refreshed, rows, run

pytestmark = pytest.mark.django_db


def test_everybody_gets_one_mail(server):
    mailing_out = campaign_on(server, people=60)

    run()
    run()

    addressees = [address for accepted in server.mails for address in accepted.recipients]
    assert sorted(addressees) == sorted(row.address for row in rows(mailing_out))
    assert len(set(addressees)) == 60
    assert refreshed(mailing_out).sent_count == 60
    assert mailing_out.status == MailingOut.Status.DONE
    assert mailing_out.today_date is not None
    assert mailing_out.sent_on(mailing_out.today_date) == 60
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


def test_statements_per_mail(server):
    campaign_on(server, people=500)

    with CaptureQueriesContext(connection) as captured:
        deliver(EmailAccount.objects.get().pk)

    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(server.mails) == 500
    assert len(statements) / 500 <= 0.3
