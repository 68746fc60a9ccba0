"""A run's turns at the ledger when the database fails in one: made good, nobody lost or twice."""

from contextlib import contextmanager

import pytest
from django.db import OperationalError

from massmail.models import Delivery, EmailAccount
from massmail.services import ledger
from massmail.services.delivery_run import deliver
from massmail.services.plain_turn import PlainTurns
from massmail.services.surroundings import Surroundings
from tests.massmail.campaigns import campaign_on, serving
from tests.massmail.ledger_runs import counted

pytestmark = pytest.mark.django_db
S = Delivery.Status
PEOPLE = 25
FIRST = 10  # mails of the first window


@pytest.fixture
def server():
    with serving() as server:
        yield server


def run_on_a_database_that_fails(monkeypatch, *, at: int, times: int, after_commit: bool) -> None:
    """Run with a connection that breaks in the turn `at` and in the next ones, `times` in all."""
    turn, plainly = ledger.turn, PlainTurns.record_and_claim
    taken: list[object] = []

    def breaks() -> bool:
        return at <= len(taken) < at + times

    @contextmanager
    def breaking(*args, **kwargs):
        taken.append(args)
        if breaks() and not after_commit:
            raise OperationalError("the connection broke")
        with turn(*args, **kwargs) as this:
            yield this
        if breaks():
            raise OperationalError("the connection broke, and nobody knows what was committed")

    def breaking_plainly(*args, **kwargs):
        taken.append(args)
        if breaks() and not after_commit:
            raise OperationalError("the connection broke")
        window = plainly(*args, **kwargs)
        if breaks():
            raise OperationalError("the connection broke, and nobody knows what was committed")
        return window

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "turn", breaking)
        patch.setattr(PlainTurns, "record_and_claim", breaking_plainly)
        deliver(EmailAccount.objects.get().pk, Surroundings(sleep=lambda _seconds: None))


@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("times", [1, 3])
def test_turn_that_failed_is_made_good_and_the_run_ends(server, monkeypatch, after_commit, times):
    mailing_out = campaign_on(server, people=PEOPLE)

    run_on_a_database_that_fails(monkeypatch, at=2, times=times, after_commit=after_commit)

    assert counted(mailing_out) == {"sent": FIRST, "pending": PEOPLE - FIRST}
    account = EmailAccount.objects.get()
    assert (account.run_id, account.today_count) == (None, FIRST)

    deliver(account.pk)

    assert counted(mailing_out) == {"sent": PEOPLE}
    recipients = [mail.recipients for mail in server.mails]
    assert len(recipients) == len(set(recipients)) == PEOPLE
    assert EmailAccount.objects.get().today_count == PEOPLE


def test_lease_ends_before_the_database_is_back(server, monkeypatch):
    mailing_out = campaign_on(server, people=PEOPLE)
    seconds = iter(range(100_000))
    turn, taken = ledger.turn, []

    @contextmanager
    def breaking(*args, **kwargs):
        taken.append(1)
        if len(taken) > 1:
            raise OperationalError("the connection broke")
        with turn(*args, **kwargs) as this:
            yield this

    monkeypatch.setattr(ledger, "turn", breaking)
    around = Surroundings(sleep=lambda _s: None, clock=lambda: next(seconds) * 0.02)
    with pytest.raises(OperationalError):
        deliver(EmailAccount.objects.get().pk, around)

    assert EmailAccount.objects.get().run_id is not None  # not given back: its lease will end
    assert counted(mailing_out) == {"in_flight": FIRST, "pending": PEOPLE - FIRST}
    assert len(server.mails) <= FIRST
