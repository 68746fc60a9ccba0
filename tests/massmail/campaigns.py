"""A campaign ready to run against a real SMTP server, for the tests of the engine."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings

from common.fields import key_fingerprint
from crm.models import Contact
from massmail.clock import database_now
from massmail.models import Delivery, EmailAccount, Heartbeat, MailingOut
from massmail.services.delivery_run import deliver
from massmail.services.surroundings import Surroundings
from massmail.utils import sendmassmail
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    UserFactory,
)
from tests.smtp_server import SmtpServer


class Clock:
    """A database clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = database_now() + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **duration: float) -> datetime:
        self.at += timedelta(**duration)
        return self.at


def account_on(server: SmtpServer, **values) -> EmailAccount:
    return EmailAccountFactory.create(email_port=server.port, **values)


def all_alive(seen_at: datetime | None = None) -> None:
    """Let every part of the engine on one host have reported just now."""
    for role in Heartbeat.Role:
        Heartbeat.objects.create(
            host="mailer1",
            role=role,
            version=settings.VERSION,
            key_fingerprint=key_fingerprint(),
            seen_at=seen_at or database_now(),
        )


def campaign_on(
    server: SmtpServer, *, people: int = 3, start: bool = True, **account_values
) -> MailingOut:
    """A mailing out of an owner with one account on the server, started unless told otherwise."""
    owner = account_values.pop("owner", None) or UserFactory.create()
    account_on(server, owner=owner, **account_values)
    contacts = [ContactFactory.create(owner=owner) for _ in range(people)]
    mailing_out = MailingOut.objects.create_for(
        Contact.objects.filter(pk__in=[contact.pk for contact in contacts]),
        owner=owner,
        message=EmlMessageFactory.create(owner=owner),
        name="News",
    )
    if start:
        mailing_out.start()
    return mailing_out


def run(clock: Clock | None = None) -> int:
    """One tick and the runs it names, at the clock's moment; the number of outcomes."""
    clock = clock or Clock()
    around = Surroundings(now=clock)
    return sum(deliver(pk, around) for pks in sendmassmail.tick(clock()) for pk in pks)


@contextmanager
def serving() -> Iterator[SmtpServer]:
    """An SMTP server that takes everything until told otherwise."""
    with SmtpServer() as server:
        yield server


def counts(mailing_out: MailingOut) -> Counter[str]:
    """The rows by state, from the rows themselves."""
    return Counter(mailing_out.deliveries.values_list("status", flat=True))


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
