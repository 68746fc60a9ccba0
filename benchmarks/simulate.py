"""Many accounts on paper: `python -m benchmarks.simulate [--accounts N …]`.

Runs the engine's own limits, sending hours, gaps and retries for any number of mailboxes, without
database and network, on a clock of its own; prints when how many are through and how long the
queue was. Workers are a number of mails that may leave between two ticks.
"""

import argparse
import heapq
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:  # models can be imported only once Django is set up
    from massmail.models import MassmailSettings

TICK_S = 2
STARTS_AT = datetime(2026, 5, 4, 8, tzinfo=UTC)  # a Monday
SHARES = (0.5, 0.9, 0.99, 1.0)  # of the accounts, whose end is told


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated."""

    accounts: int = 100_000
    mails_each: int = 20
    refused: float = 0.02  # the share of mails that meets a temporary refusal
    workers: int = 64  # processes that send
    mail_s: float = 0.5  # of a worker for a mail of an account with a gap, connection included
    seed: int = 1


@dataclass(slots=True)
class _Mailbox:
    """What one account still has to send, and what it has used of its day."""

    fresh: int
    retries: list[tuple[datetime, int, datetime]] = field(default_factory=list)  # due, tries, first
    today_on: date | None = None
    today_count: int = 0


@dataclass
class Report:
    """What came of it."""

    sent: int = 0
    failed: int = 0
    ended_at: list[datetime] = field(default_factory=list)  # one moment an account, ascending
    queues: list[tuple[datetime, int]] = field(default_factory=list)  # once an hour: the longest

    def lines(self) -> Iterator[str]:
        """Return the report in lines."""
        yield f"sent {self.sent:,}, given up {self.failed:,}"
        for share in SHARES:
            at = self.ended_at[max(0, int(len(self.ended_at) * share) - 1)]
            yield f"{share:.0%} of the accounts are through after {at - STARTS_AT}"
        for at, length in self.queues:
            yield f"{at:%a %H:%M}: at most {length:,} accounts waited for a worker"


def simulate(plan: Plan, settings_row: "MassmailSettings") -> Report:
    """Send all mails of all accounts by the engine's rules; no database, no network."""
    simulation = _Simulation(plan, settings_row)
    capacity = max(1, int(plan.workers * TICK_S / plan.mail_s))
    now, hour_ends, longest = STARTS_AT, STARTS_AT + timedelta(hours=1), 0
    while simulation.due:
        now = max(now + timedelta(seconds=TICK_S), simulation.due[0][0])
        while now >= hour_ends:
            if longest:
                simulation.report.queues.append((hour_ends, longest))
            hour_ends, longest = hour_ends + timedelta(hours=1), 0
        longest = max(longest, simulation.serve(now, capacity))
    if longest:
        simulation.report.queues.append((hour_ends, longest))
    simulation.report.ended_at.sort()
    return simulation.report


class _Simulation:
    def __init__(self, plan: Plan, settings_row: "MassmailSettings") -> None:
        from massmail.models import EmailAccount  # see above

        self.report = Report()
        self._plan, self._settings = plan, settings_row
        self._random = Random(plan.seed)  # noqa: S311  # chance
        self._account = EmailAccount(kind=EmailAccount.Kind.MAILBOX)  # each in its turn
        self._mailboxes = [_Mailbox(plan.mails_each) for _number in range(plan.accounts)]
        self.due = [(STARTS_AT, number) for number in range(plan.accounts)]
        self._waiting = 0

    def serve(self, now: datetime, capacity: int) -> int:
        """Let as many accounts send as workers can; return how many have to wait for one."""
        for _mail in range(capacity):
            if not self.due or self.due[0][0] > now:
                return 0
            _at, number = heapq.heappop(self.due)
            next_at = self._send(self._mailboxes[number], now)
            if next_at is None:
                self.report.ended_at.append(now)
            else:
                heapq.heappush(self.due, (next_at, number))
        return sum(1 for at, _number in self.due if at <= now)

    def _send(self, mailbox: _Mailbox, now: datetime) -> datetime | None:
        """Send one mail of an account, if it may; return when it is due again, None at its end."""
        from massmail.services import pace, send_window  # see above

        account = self._account
        account.today_date, account.today_count = mailbox.today_on, mailbox.today_count
        if (opens_at := send_window.opens_at(self._settings, now)) is not None:
            return opens_at
        today = self._settings.local_date(now)
        if account.allowance_left(self._settings, today) == 0:
            return send_window.next_day_at(self._settings, now)
        self._take_one(mailbox, now)
        mailbox.today_on, mailbox.today_count = today, account.used_on(today) + 1
        account.today_date, account.today_count = today, mailbox.today_count
        next_at = pace.next_send_at(account, self._settings, now=now, random=self._random) or now
        if mailbox.fresh:
            return next_at
        return max(next_at, mailbox.retries[0][0]) if mailbox.retries else None

    def _take_one(self, mailbox: _Mailbox, now: datetime) -> None:
        """Let one mail of the account meet its fate: a retry that is due, else a fresh one."""
        from massmail.services import retries  # see above

        tries, first_at = 0, now
        if mailbox.retries and mailbox.retries[0][0] <= now:
            _due_at, tries, first_at = heapq.heappop(mailbox.retries)
        else:
            mailbox.fresh -= 1
        if self._random.random() >= self._plan.refused:
            self.report.sent += 1
        elif retries.is_given_up(attempts=tries + 1, first_attempt_at=first_at, now=now):
            self.report.failed += 1
        else:
            due_at = retries.retry_at(
                self._settings, attempts=tries + 1, now=now, random=self._random
            )
            heapq.heappush(mailbox.retries, (due_at, tries + 1, first_at))


def main() -> None:
    """Read the plan from the command line, simulate it and print the report."""
    plan, with_hours = _arguments()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")
    django.setup()
    from massmail.models import MassmailSettings  # see above

    settings_row = MassmailSettings(time_zone="UTC", use_business_time=with_hours)
    sys.stdout.write(f"{plan}\n")
    for line in simulate(plan, settings_row).lines():
        sys.stdout.write(f"{line}\n")


def _arguments() -> tuple[Plan, bool]:
    usual = Plan()
    parser = argparse.ArgumentParser(description="Simulate many mailboxes.")
    parser.add_argument("--accounts", type=int, default=usual.accounts)
    parser.add_argument("--mails-each", type=int, default=usual.mails_each)
    parser.add_argument("--refused", type=float, default=usual.refused, help="share, 0 to 1")
    parser.add_argument("--workers", type=int, default=usual.workers, help="processes")
    parser.add_argument("--mail-s", type=float, default=usual.mail_s, help="seconds a mail")
    parser.add_argument("--sending-hours", action="store_true", help="Mon-Thu 08:30-17:30")
    chosen = vars(parser.parse_args())
    with_hours = bool(chosen.pop("sending_hours"))
    return Plan(**chosen), with_hours


if __name__ == "__main__":
    main()
