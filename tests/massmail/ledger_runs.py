"""A run that claims and records windows without sending, for the tests of the ledger."""

from datetime import datetime
from random import Random

from massmail.backends.base import BuiltMail, Outcome, Reply, Stage
from massmail.models import (
    Delivery,
    EmailAccount,
    MailingOut,
)
from massmail.services import lease, ledger, outcomes
from massmail.services.ledger import Window
from massmail.services.smtp_replies import Action, Decision
from tests.massmail.campaigns import counts
from tests.smtp_server import SmtpServer

NO_SERVER = SmtpServer(port=2525)  # nothing is sent
S = Delivery.Status
TAKEN = Outcome(BuiltMail("a@x.org", "b@x.org", "<1@x.org>", b""), Stage.DOT, Reply(250, "", "ok"))


class Run:
    """A run that holds one account and claims windows; mails are taken as sent."""

    def __init__(self, held: lease.Lease, now: datetime) -> None:
        self.held = held
        self.now = now

    @classmethod
    def of(cls, account: EmailAccount, now: datetime) -> "Run":
        held = lease.take(account.pk, now=now)
        assert held is not None
        return cls(held, now)

    def claim(self, size: int = 50) -> Window | None:
        with ledger.turn(self.held, now=self.now, random_source=Random(1)) as this:
            return ledger.claim(this, size=size)

    def record_and_claim(self, window: Window, *, sent: int, size: int = 50) -> Window | None:
        done = [outcomes.Result(row, Decision(Action.SENT), TAKEN) for row in window.rows[:sent]]
        with ledger.turn(self.held, now=self.now, random_source=Random(1)) as this:
            outcomes.record(this, window, done)
            return ledger.claim(this, size=size)

    def claimed(self, size: int = 50) -> list[int]:
        """The recipients of the next window."""
        window = self.claim(size)
        return [row.delivery_id for row in window.rows] if window else []


def counted(mailing_out: MailingOut) -> dict[str, int]:
    """The counters, seen to count the rows."""
    mailing_out.refresh_from_db()
    found = {status: getattr(mailing_out, f"{status}_count") for status in S.values}
    rows = counts(mailing_out)
    assert found == {status: rows[status] for status in S.values}
    return {status: number for status, number in found.items() if number}
