"""Two runs never take the same account or row: raced on the database that has races."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from crm.models import Contact
from massmail.clock import database_now
from massmail.errors import IllegalTransition
from massmail.models import (
    Delivery,
    EmailAccount,
    MailingOut,
)
from massmail.services import lease
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    UserFactory,
)
from tests.massmail.campaigns import campaign_on
from tests.massmail.ledger_runs import NO_SERVER, Run, S, counted

races = [
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="SQLite has one writer at a time: claims are raced on PostgreSQL",
    ),
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
]


def at_once(*works: Callable[[], object]) -> None:
    """Run each work in a thread of its own, all let go together; raise what one raised."""
    barrier = threading.Barrier(len(works))
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=30)
            work()
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []


def two_mailing_outs_over(
    limits: list[int], *, people: int
) -> tuple[list[EmailAccount], list[MailingOut]]:
    """Accounts of one owner with these daily limits, and two mailing outs to the same people."""
    owner = UserFactory.create()
    accounts = [EmailAccountFactory.create(owner=owner, daily_limit=limit) for limit in limits]
    ContactFactory.create_batch(people, owner=owner)
    mailing_outs = []
    for _ in range(2):
        message = EmlMessageFactory.create(owner=owner)
        mailing_out = MailingOut.objects.create_for(
            Contact.objects.all(), owner=owner, message=message, name="News"
        )
        mailing_out.start()
        mailing_outs.append(mailing_out)
    return accounts, mailing_outs


def send_all(account: EmailAccount) -> list[int]:
    """Claim and record windows until there is none; the ids of the rows."""
    held = lease.take(account.pk, now=database_now())
    if held is None:
        return []  # another run was first
    run = Run(held, database_now())
    claimed, window = [], run.claim(5)
    while window is not None:
        claimed += [row.delivery_id for row in window.rows]
        window = run.record_and_claim(window, sent=len(window.rows), size=5)
    return claimed


class TestRaces:
    pytestmark = races

    def test_one_of_many_runs_takes_an_account(self):
        account = EmailAccountFactory.create()
        for _ in range(10):
            taken: list[lease.Lease] = []

            def take(taken: list[lease.Lease] = taken) -> None:
                if held := lease.take(account.pk, now=database_now()):
                    taken.append(held)

            at_once(*[take] * 6)
            assert len(taken) == 1
            lease.release(taken[0])

    def test_no_row_is_claimed_twice_and_the_limit_is_exact(self):
        """Two runs an account (one is too late), two mailing outs, a limit of its own each."""
        accounts, mailing_outs = two_mailing_outs_over([7, 40, 0], people=60)
        claimed: list[int] = []

        def work(account: EmailAccount) -> Callable[[], None]:
            return lambda: claimed.extend(send_all(account))

        at_once(*[work(account) for account in accounts for _ in range(2)])

        assert [number for number in Counter(claimed).values() if number != 1] == []
        sent = Delivery.objects.filter(status=S.SENT).values_list("email_account", flat=True)
        assert Counter(sent) == {accounts[0].pk: 7, accounts[1].pk: 40, accounts[2].pk: 40}
        assert [EmailAccount.objects.get(pk=a.pk).today_count for a in accounts] == [7, 40, 40]
        assert sum(counted(mailing_out)["sent"] for mailing_out in mailing_outs) == 87

    def test_two_ticks_at_once_settle_rows_of_a_deleted_account_once(self):
        mailing_out = campaign_on(NO_SERVER, people=20)

        def expire() -> None:
            lease.expire(now=database_now())

        for _ in range(5):
            Delivery.objects.update(status=S.IN_FLIGHT, email_account=None)
            MailingOut.objects.update(pending_count=0, uncertain_count=0, in_flight_count=20)
            at_once(*[expire] * 3)
            assert counted(mailing_out) == {"uncertain": 20}

    def test_a_frozen_transaction_holds_up_no_other_account(self):
        now = database_now()
        frozen, dead = (EmailAccountFactory.create() for _ in range(2))
        for account in (frozen, dead):
            assert lease.take(account.pk, now=now - timedelta(hours=1)) is not None
        is_locked, is_over = threading.Event(), threading.Event()

        def freeze() -> None:
            with transaction.atomic():
                EmailAccount.objects.select_for_update().get(pk=frozen.pk)
                is_locked.set()
                assert is_over.wait(timeout=30)

        def tick() -> None:
            assert is_locked.wait(timeout=30)
            try:
                lease.expire(now=now)
            finally:
                is_over.set()

        at_once(freeze, tick)

        held = EmailAccount.objects.exclude(run_id=None).values_list("pk", flat=True)
        assert list(held) == [frozen.pk]
        lease.expire(now=now)
        assert not EmailAccount.objects.exclude(run_id=None).exists()

    def test_two_starts_at_once_start_once(self):
        mailing_out = campaign_on(NO_SERVER, people=5, start=False)
        started: list[bool] = []

        def start() -> None:
            try:
                MailingOut.objects.get(pk=mailing_out.pk).start()
                started.append(True)
            except IllegalTransition:
                started.append(False)

        at_once(start, start, start)
        assert sorted(started) == [False, False, True]
        assert counted(mailing_out) == {"pending": 5}
