"""S6: one tick over ten thousand paced accounts of a thousand owners, all with mail due."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.campaigns import message_of, tidy
from benchmarks.figures import Figure, middle
from benchmarks.people import add_owner, add_people
from benchmarks.stopwatch import spent
from crm.models import Contact
from massmail.clock import database_now
from massmail.models import AccountShare, Delivery, EmailAccount, MailingOut, MassmailSettings
from massmail.services import lease, versions
from massmail.utils import sendmassmail

OWNERS = 1_000
ACCOUNTS = 10_000
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick took, and which accounts it handed out."""

    seconds: float
    statements: int
    accounts: frozenset[int]


def tick_of_many(*, full: bool) -> Iterator[Figure]:
    """S6: time and statements of a tick, and whether two of them hand out all accounts."""
    now = database_now()
    _fill(now)
    tidy()
    later = now + timedelta(seconds=10)
    sendmassmail.tick(later)  # the first one writes the fingerprint and the heartbeat
    ticks = [_tick(later) for _round in range(ROUNDS)]
    seconds = middle([each.seconds for each in ticks])
    statements = max(each.statements for each in ticks)
    yield Figure(
        "S6",
        f"one tick, {ACCOUNTS:,} paced accounts due: s",
        seconds,
        wanted="at most 1",
        met=seconds <= 1,
    )
    yield Figure(
        "S6", "statements of a tick", statements, wanted="at most 50", met=statements <= 50
    )
    handed = _tick(later).accounts
    for account in sorted(handed):
        lease.take(account, now=later)
    handed |= _tick(later).accounts
    yield Figure(
        "S6",
        "accounts handed to tasks within two ticks",
        len(handed),
        wanted="all",
        met=len(handed) == ACCOUNTS,
    )


def _tick(now: datetime) -> Tick:
    runs: list[list[int]] = []
    with CaptureQueriesContext(connection) as captured:
        took = spent(lambda: runs.extend(sendmassmail.tick(now)))
    accounts = frozenset(account for run in runs for account in run)
    return Tick(took.wall_s, len(captured), accounts)


def _fill(now: datetime) -> None:
    """Write owners, accounts, and a running mailing out for each owner: a mail an account."""
    MassmailSettings.load()
    first = add_owner()
    add_people(ACCOUNTS, first)
    version = versions.freeze(message_of("A", first))
    owners = User.objects.bulk_create(User(username=f"owner{n}") for n in range(OWNERS))
    accounts = EmailAccount.objects.bulk_create(
        _mailbox(number, owners[number % OWNERS], now) for number in range(ACCOUNTS)
    )
    people = ContentType.objects.get_for_model(Contact)
    each = ACCOUNTS // OWNERS
    outs = MailingOut.objects.bulk_create(
        MailingOut(
            name=owner.username, owner=owner, content_type=people, message_version=version,
            status=MailingOut.Status.ACTIVE, started_at=now, start_at=now,
            recipients_number=each, pending_count=each,
        )
        for owner in owners
    )  # fmt: skip
    contacts = Contact.objects.order_by("pk").values_list("pk", flat=True)
    Delivery.objects.bulk_create(
        Delivery(mailing_out=outs[number % OWNERS], recipient_id=contact,
                 address_key=f"person{number}@example.com", email_account=accounts[number])
        for number, contact in enumerate(contacts[:ACCOUNTS])
    )  # fmt: skip
    AccountShare.objects.bulk_create(
        AccountShare(mailing_out=outs[number % OWNERS], email_account=account)
        for number, account in enumerate(accounts)
    )


def _mailbox(number: int, owner: User, now: datetime) -> EmailAccount:
    return EmailAccount(
        owner=owner,
        name=f"mailbox {number}",
        from_email=f"mailbox{number}@example.com",
        email_host="127.0.0.1",
        next_send_at=now - timedelta(seconds=number % 60),
    )
