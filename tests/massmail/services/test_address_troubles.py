"""When an address is written to no more, and that nobody is suppressed too early."""

from datetime import UTC, datetime, timedelta

import pytest

from massmail.models import AddressTrouble, Delivery, MailingOut, Suppression
from massmail.services.address_troubles import LIMITS, Trouble, note, suppress
from massmail.services.reply_rules import Action, Decision, Repeated
from tests.massmail.campaigns import Clock, campaign_on, refreshed, rows, run
from tests.massmail.ledger_runs import NO_SERVER

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 7, 12, tzinfo=UTC)
KEY = "ann@example.com"


def meet(kind: Repeated, *days: float) -> None:
    """Let the address have this trouble after so many days each."""
    decision = Decision(Action.FAILED, "address", why="a test", repeated=kind)
    for day in days:
        note([Trouble(KEY, decision, f"after {day}")], now=NOW + timedelta(days=day))


def suppressions() -> list[tuple[str, datetime | None, str]]:
    return [(row.address_key, row.until, row.source) for row in Suppression.objects.all()]


@pytest.mark.parametrize(
    ("kind", "days", "until"),
    [
        (Repeated.DOMAIN, [0], "no"),
        (Repeated.DOMAIN, [0, 0.99], "no"),
        (Repeated.DOMAIN, [0, 0.5, 0.99], "no"),
        (Repeated.DOMAIN, [0, 1], None),
        (Repeated.DOMAIN, [0, 0.5, 1], None),
        (Repeated.INACTIVE, [0, 6.9], "no"),
        (Repeated.INACTIVE, [0, 7], None),
        (Repeated.SOFT, [0, 5, 10, 15], "no"),
        (Repeated.SOFT, [0, 1, 2, 3, 4, 5, 13], "no"),
        (Repeated.SOFT, [0, 4, 8, 12, 14], 44),
        (Repeated.SOFT, [0, 1, 2, 3, 4, 5, 20], 50),
    ],
)
def test_how_many_troubles_over_how_long(kind, days, until):
    meet(kind, *days)
    if until == "no":
        assert suppressions() == []
        assert AddressTrouble.objects.get().count == len(days)
    else:
        moment = NOW + timedelta(days=until) if until else None
        assert suppressions() == [(KEY, moment, f"after {days[-1]}")]
        assert not AddressTrouble.objects.exists()


def test_every_kind_has_a_limit():
    assert set(LIMITS) == set(Repeated) - {Repeated.NONE}


def test_kinds_are_counted_apart():
    meet(Repeated.DOMAIN, 0)
    meet(Repeated.INACTIVE, 30)
    assert suppressions() == []
    assert AddressTrouble.objects.count() == 2


def test_a_mail_that_was_taken_meanwhile_begins_anew():
    campaign_on(NO_SERVER, people=1)
    meet(Repeated.INACTIVE, 0)
    Delivery.objects.update(status="sent", address_key=KEY, sent_at=NOW + timedelta(days=1))
    meet(Repeated.INACTIVE, 8)
    assert suppressions() == []
    trouble = AddressTrouble.objects.get()
    assert (trouble.count, trouble.first_at) == (1, NOW + timedelta(days=8))
    meet(Repeated.INACTIVE, 15)
    assert suppressions() == [(KEY, None, "after 15")]


def test_a_mail_taken_before_changes_nothing():
    campaign_on(NO_SERVER, people=1)
    Delivery.objects.update(status="sent", address_key=KEY, sent_at=NOW - timedelta(days=1))
    MailingOut.objects.update(status="D", finished_at=NOW - timedelta(hours=1))
    meet(Repeated.INACTIVE, 0, 7)
    assert suppressions() == [(KEY, None, "after 7")]


def test_lifted_by_a_person_it_takes_as_many_troubles_again():
    meet(Repeated.INACTIVE, 0, 7)
    Suppression.objects.all().delete()
    meet(Repeated.INACTIVE, 14)
    assert suppressions() == []


@pytest.mark.parametrize(
    ("older", "asked", "expected", "source"),
    [
        (None, 30, None, "older"),
        (40, 30, 40, "older"),
        (20, 30, 30, "newer"),
        (20, None, None, "newer"),
        (-1, None, None, "newer"),
    ],
)
def test_a_suppression_is_never_shortened(older, asked, expected, source):
    def moment(days: int | None) -> datetime | None:
        return None if days is None else NOW + timedelta(days=days)

    Suppression.objects.create(address_key=KEY, kind="bounced", source="older", until=moment(older))
    suppress(KEY, until=moment(asked), source="newer", now=NOW)
    assert suppressions() == [(KEY, moment(expected), source)]


def test_what_a_person_decided_stays():
    Suppression.objects.create(address_key=KEY, kind="unsubscribed", source="by them")
    suppress(KEY, until=None, source="bounced", now=NOW)
    assert sorted(row.kind for row in Suppression.objects.all()) == ["bounced", "unsubscribed"]


# --- as a run meets them


def test_a_full_mailbox_counts_when_the_mail_is_given_up(server):
    clock = Clock()
    mailing_out = campaign_on(server, people=1)
    server.on("rcpt", "452 4.2.2 over quota")
    run(clock)
    assert not AddressTrouble.objects.exists()

    while rows(mailing_out)[0].status == "pending":
        clock.forward(hours=6)
        run(clock)

    trouble = AddressTrouble.objects.get()
    assert (trouble.kind, trouble.count) == ("soft", 1)
    assert refreshed(mailing_out).failed_count == 1
    assert not Suppression.objects.exists()


def test_a_domain_that_is_not_found_twice_is_suppressed(server):
    clock = Clock()
    server.on("rcpt", "550 5.1.2 Host unknown")
    first = campaign_on(server, people=1)
    run(clock)
    key = rows(first)[0].address_key
    assert not Suppression.objects.exists()

    Delivery.objects.update(status="pending", reason="", due_at=clock())  # as a person tries again
    MailingOut.objects.update(status="A", failed_count=0, pending_count=1, finished_at=None)
    clock.forward(days=1)
    run(clock)

    assert [row.address_key for row in Suppression.objects.all()] == [key]


def test_what_people_refuse_by_policy_is_no_trouble_of_theirs(server):
    mailing_out = campaign_on(server, people=10)
    server.on("rcpt", "550 5.7.1 blocked by policy")
    run()
    assert refreshed(mailing_out).status == MailingOut.Status.PAUSED
    assert not AddressTrouble.objects.exists()
    assert not Suppression.objects.exists()
