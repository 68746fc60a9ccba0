"""The plain turn leaves what the long way leaves, and steps aside for whatever is not plain."""

import uuid
from datetime import UTC, datetime
from random import Random

import pytest
from django.db import connection

from crm.models import Contact
from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    MailingOut,
    MassContact,
    MassmailSettings,
    Suppression,
)
from massmail.services import ledger, outcomes, plain_turn
from massmail.services.ledger import Window
from massmail.services.outcomes import Result
from massmail.services.plain_turn import NotPlainError, PlainTurns, Route
from massmail.services.smtp_replies import Action, Decision
from tests.factories import EmlMessageFactory
from tests.massmail.campaigns import Clock, campaign_on
from tests.massmail.ledger_runs import NO_SERVER, TAKEN, Run, counted

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="a plain turn is one statement of PostgreSQL's"
    ),
]
S = Delivery.Status
PEOPLE = 70
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Sending:
    """A mailing out of which the first full window was sent and not recorded yet."""

    def __init__(self, **account_values) -> None:
        self.clock = Clock()
        self.mailing_out = campaign_on(NO_SERVER, people=PEOPLE, **account_values)
        self.account = EmailAccount.objects.latest("pk")
        self.run = Run.of(self.account, self.clock.at)
        window = self.run.claim()
        assert window is not None
        self.window: Window = window
        self.results = [Result(row, Decision(Action.SENT), TAKEN) for row in window.rows]

    def route(self) -> Route:
        found = plain_turn.route(self.account.pk, MassmailSettings.load(), now=self.clock.at)
        assert found is not None
        return found

    def plainly(self) -> Window:
        turns = PlainTurns(self.run.held)
        return turns.record_and_claim(
            self.window, self.results, self.route(), claim_id=uuid.uuid4()
        )

    def step_by_step(self) -> Window | None:
        with ledger.turn(self.run.held, now=self.clock.at, random_source=Random(1)) as this:
            outcomes.record(this, self.window, self.results)
            return ledger.claim(this, size=50)

    def state(self) -> list[object]:
        """All that a turn writes, ids and times of this campaign aside."""
        first = Delivery.objects.filter(mailing_out=self.mailing_out).order_by("pk")[0].pk
        rows = Delivery.objects.filter(mailing_out=self.mailing_out).order_by("pk")
        share = AccountShare.objects.get(mailing_out=self.mailing_out)
        self.account.refresh_from_db()
        self.mailing_out.refresh_from_db()
        return [
            [
                (row.status, row.reason, row.attempts, row.reply, row.due_at, bool(row.sent_at),
                 bool(row.claim), row.message_id.replace(str(row.uuid), ""), bool(row.address))
                for row in rows
            ],
            counted(self.mailing_out),
            self.mailing_out.attempts_count,
            self.mailing_out.today_count,
            self.account.today_count,
            self.account.run_lease_until and self.account.run_lease_until - self.clock.at,
            share.watermark - first,
            share.exhausted,
        ]  # fmt: skip


def refused(sending: Sending) -> None:
    """Try a plain turn, see it refused, and see that it did nothing."""
    before = sending.state()
    with pytest.raises(NotPlainError):
        sending.plainly()
    assert sending.state() == before


def test_both_ways_leave_the_same():
    plain, long = Sending(), Sending()

    window = plain.plainly()
    other = long.step_by_step()

    assert other is not None
    assert len(window.rows) == len(other.rows) == PEOPLE - 50
    assert plain.state() == long.state()
    assert [row.address for row in window.rows] == [
        address for (address,) in Contact.objects.filter(
            pk__in=[row.recipient.pk for row in window.rows if row.recipient]
        ).order_by("pk").values_list("email")
    ]  # fmt: skip


def test_address_is_kept_as_it_is_written():
    sending = Sending()
    someone = Delivery.objects.filter(status=S.PENDING).order_by("pk")[0]
    written = someone.address_key.title() if someone.address_key else ""
    Contact.objects.filter(pk=someone.recipient_id).update(email=written)

    window = sending.plainly()
    sending.window = window
    sending.results = [Result(row, Decision(Action.SENT), TAKEN) for row in window.rows]
    sending.step_by_step()

    someone.refresh_from_db()
    assert (someone.status, someone.address) == (S.SENT, written)


def _unsubscribe(person: Contact) -> None:
    MassContact.objects.filter(object_id=person.pk).update(massmail=False)


def _suppress(person: Contact) -> None:
    Suppression.objects.create(address_key=str(person.address_key), kind=Suppression.Kind.MANUAL)


def _correct(person: Contact) -> None:
    Contact.objects.filter(pk=person.pk).update(email="corrected@example.org")


def _disqualify(person: Contact) -> None:
    Contact.objects.filter(pk=person.pk).update(disqualified=True)


def _delete(person: Contact) -> None:
    person.delete()


@pytest.mark.parametrize("change", [_unsubscribe, _suppress, _correct, _disqualify, _delete])
def test_a_person_who_changed_is_judged_the_long_way(change):
    sending = Sending()
    someone = Delivery.objects.filter(status=S.PENDING).order_by("pk")[7]
    change(Contact.objects.get(pk=someone.recipient_id))

    refused(sending)


@pytest.mark.parametrize(
    "values",
    [
        {"status": MailingOut.Status.PAUSED},
        {"window_limit": 1},
        {
            "start_at": datetime(2026, 1, 1, tzinfo=UTC),
            "not_after": datetime(2026, 2, 1, tzinfo=UTC),
        },
    ],
)
def test_a_mailing_out_that_may_not_go_on_is_left(values):
    sending = Sending()
    MailingOut.objects.filter(pk=sending.mailing_out.pk).update(**values)

    refused(sending)


@pytest.mark.parametrize(
    "values", [{"massmail": False}, {"run_id": uuid.uuid4()}, {"cooling_count": 1}]
)
def test_an_account_that_changed_is_left(values):
    sending = Sending()
    EmailAccount.objects.filter(pk=sending.account.pk).update(**values)

    refused(sending)


def test_a_row_that_somebody_else_decided_is_left():
    sending = Sending()
    row = sending.window.rows[3]
    Delivery.objects.filter(pk=row.delivery_id).update(status=S.UNCERTAIN)
    MailingOut.objects.filter(pk=sending.mailing_out.pk).update(
        in_flight_count=49, uncertain_count=1
    )

    refused(sending)


def test_a_limit_is_never_passed():
    sending = Sending(kind=EmailAccount.Kind.RELAY, daily_limit=PEOPLE - 1)

    refused(sending)


def test_a_limit_that_is_met_exactly_is_plain():
    sending = Sending(kind=EmailAccount.Kind.RELAY, daily_limit=PEOPLE)

    sending.plainly()

    assert EmailAccount.objects.get(pk=sending.account.pk).today_count == PEOPLE


def test_two_mailing_outs_take_turns_the_long_way():
    sending = Sending()
    assert sending.route().is_plain
    second = MailingOut.objects.create_for(
        Contact.objects.all(),
        owner=sending.mailing_out.owner,
        message=EmlMessageFactory.create(owner=sending.mailing_out.owner),
        name="Second",
    )
    second.start()

    assert not sending.route().is_plain


def test_a_retry_that_is_due_takes_the_long_way():
    sending = Sending()
    waiting = Delivery.objects.filter(status=S.PENDING).order_by("pk")[0]
    Delivery.objects.filter(pk=waiting.pk).update(due_at=sending.clock.at)

    assert not sending.route().is_plain
