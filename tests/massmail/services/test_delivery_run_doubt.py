"""What died or fell silent in the middle: nobody is mailed twice, and somebody can decide."""

import random
from datetime import timedelta

import pytest

from massmail.backends.base import (
    Features,
    Outcome,
)
from massmail.models import (
    Delivery,
    EmailAccount,
    FailReason,
    MailingOut,
    Suppression,
)
from massmail.services import bulk_moves, lease
from massmail.services.access_tokens import open_connection
from massmail.services.delivery_run import deliver, deliver_in_turn
from massmail.services.surroundings import Surroundings
from tests.massmail.campaigns import Clock, campaign_on, refreshed, rows, run
from tests.smtp_server import ACCEPT, RESET

pytestmark = pytest.mark.django_db


class Broken:
    """A transport with a bug in the middle of each mail."""

    is_open = True

    def open(self) -> None: ...
    def close(self) -> None: ...

    def send(self, source, watch):
        if mail := source.next_mail(Features()):
            yield self.fail(mail)

    def fail(self, mail):
        raise RuntimeError("a bug")


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

        is_open = True

        def open(self) -> None: ...
        def close(self) -> None: ...

        def send(self, source, watch):
            from massmail.backends.base import Reply, Stage

            while built := source.next_mail(Features()):
                lease.expire(now=clock.forward(seconds=31))
                yield Outcome(built, Stage.DOT, Reply(250, "2.0.0", "ok"))

    deliver(account.pk, Surroundings(now=clock, open_transport=lambda account: Slow()))

    assert refreshed(mailing_out).sent_count == 1


def test_a_failing_transport_sends_nobody_twice(server):
    mailing_out = campaign_on(server, people=2)

    deliver(EmailAccount.objects.get().pk, Surroundings(open_transport=lambda account: Broken()))

    assert refreshed(mailing_out).uncertain_count == 1
    assert mailing_out.pending_count == 1


def test_a_failing_transport_lets_its_account_rest(server):
    campaign_on(server, people=5)
    clock = Clock()
    around = Surroundings(now=clock, open_transport=lambda account: Broken())

    outcomes = [deliver(EmailAccount.objects.get().pk, around) for _ in range(3)]

    account = EmailAccount.objects.get()
    assert (account.massmail, account.cooling_until) == (True, clock() + timedelta(minutes=1))
    assert outcomes == [1, 0, 0]


def test_a_failing_account_stops_nobody_elses(server):
    first, second = campaign_on(server, people=2), campaign_on(server, people=2)
    broken, sound = (EmailAccount.objects.get(owner=each.owner).pk for each in (first, second))
    clock = Clock()

    def open_transport(account):
        if account.pk == broken:
            raise RuntimeError("a bug")
        return open_connection(account)

    around = Surroundings(now=clock, open_transport=open_transport)

    assert deliver_in_turn([broken, sound], around) == 2
    assert refreshed(first).pending_count == 2
    assert refreshed(second).sent_count == 2
    account = EmailAccount.objects.get(pk=broken)
    assert (account.run_id, account.cooling_until) == (None, clock() + timedelta(minutes=1))


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


def _claim(held, clock, *, size):
    from massmail.services import ledger

    with ledger.turn(held, now=clock(), random_source=random.Random(1)) as this:
        return ledger.claim(this, size=size)
