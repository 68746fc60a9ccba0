"""A daily limit of N means N: eight workers, test mails beside them, and a worker that dies.

What left is counted by the server, not by the ledger.
"""

import time
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from crm.models import Contact
from massmail.clock import database_now
from massmail.errors import SendTestRefused
from massmail.models import EmailAccount, MailingOut
from massmail.services import lease, render
from massmail.services.delivery_run import deliver
from massmail.services.test_mails import send_test_mail
from tests.factories import ContactFactory, EmlMessageFactory, UserFactory
from tests.massmail.campaigns import account_on
from tests.massmail.ledger_runs import Run, counted
from tests.massmail.services.test_ledger_races import at_once, races
from tests.smtp_server import SmtpServer

WORKERS = 8
PATIENCE_S = 60
LEASE_S = 4  # far more than a window takes here
TESTED = "me@example.net"


def accounts_with(limits: list[int], server: SmtpServer) -> list[EmailAccount]:
    owner = UserFactory.create()
    return [account_on(server, owner=owner, daily_limit=limit) for limit in limits]


def mailing_outs_of(owner, *, people: int, number: int = 2) -> list[MailingOut]:
    """Several mailing outs to the same people, all started."""
    ContactFactory.create_batch(people, owner=owner)
    found = []
    for _ in range(number):
        mailing_out = MailingOut.objects.create_for(
            Contact.objects.all(),
            owner=owner,
            message=EmlMessageFactory.create(owner=owner),
            name="News",
        )
        mailing_out.start()
        found.append(mailing_out)
    return found


def used(accounts: list[EmailAccount]) -> list[int]:
    ids = [account.pk for account in accounts]
    rows = EmailAccount.objects.in_bulk(ids)
    return [rows[pk].today_count for pk in ids]


def worker(accounts: list[EmailAccount], limits: list[int], seed: int) -> Callable[[], None]:
    """Runs accounts at random, and settles dead runs, until nothing is left of any limit."""

    def work() -> None:
        random, end_s = Random(seed), time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            lease.expire(now=database_now())
            sent = deliver(random.choice(accounts).pk)
            is_free = not EmailAccount.objects.exclude(run_id=None).exists()
            if not sent and is_free and used(accounts) >= limits:
                return
        raise AssertionError("the limits are not used up in time")

    return work


def sends_tests(account: EmailAccount, number: int) -> Callable[[], None]:
    """Sends test mails while the workers are at it, as far as the limit lets it."""
    message = EmlMessageFactory.create(owner=account.owner)
    person = render.sample_person(ContactFactory.create(owner=account.owner))

    def work() -> None:
        for _ in range(number):
            try:
                send_test_mail(message, account=account, person=person, to=TESTED)
            except SendTestRefused:
                return

    return work


def dying_worker(account: EmailAccount) -> Callable[[], None]:
    """Claims a window, and is never heard of again."""

    def work() -> None:
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            held = lease.take(account.pk, now=database_now())
            if held is not None:
                Run(held, database_now()).claim(3)
                return

    return work


def left(server: SmtpServer) -> Counter[str]:
    """What the server took, by the account's address."""
    return Counter(mail.sender for mail in server.mails)


class TestQuotas:
    pytestmark = races

    @pytest.mark.parametrize("limits", [[37], [7, 23, 11, 1]])
    def test_exactly_as_many_leave_as_are_allowed(self, server, limits):
        accounts = accounts_with(limits, server)
        mailing_outs = mailing_outs_of(accounts[0].owner, people=60)
        workers = [worker(accounts, limits, seed) for seed in range(WORKERS)]

        at_once(*workers, *[sends_tests(accounts[0], 3) for _ in range(2)])

        assert sorted(left(server).values()) == sorted(limits)
        assert used(accounts) == limits
        tests = sum(mail.recipients == (TESTED,) for mail in server.mails)
        sent = sum(counted(mailing_out)["sent"] for mailing_out in mailing_outs)
        assert sent + tests == sum(limits)

    def test_a_worker_that_dies_costs_what_it_may_have_sent(self, server, settings):
        settings.MASSMAIL_LEASE_S = LEASE_S
        limits = [20, 9]
        accounts = accounts_with(limits, server)
        mailing_outs = mailing_outs_of(accounts[0].owner, people=40)
        dying = [dying_worker(account) for account in accounts]
        workers = [worker(accounts, limits, seed) for seed in range(WORKERS - len(dying))]

        at_once(*dying, *workers, sends_tests(accounts[1], 2))

        counts = [counted(mailing_out) for mailing_out in mailing_outs]
        uncertain = sum(count.get("uncertain", 0) for count in counts)
        assert uncertain > 0
        assert len(server.mails) + uncertain == sum(limits)
        assert used(accounts) == limits
