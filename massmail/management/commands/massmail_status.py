"""Print the state of the installation, as text or as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from massmail.clock import database_now
from massmail.models import MailingOut
from massmail.services.blockers import moment
from massmail.services.status import (
    AccountStatus,
    MailingOutStatus,
    Status,
    WorkerStatus,
    status,
)


class Command(BaseCommand):
    help = "Tells what runs, what waits and why, and which workers and accounts are in trouble."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--mailing-out", type=int, metavar="ID", help="only this one, whatever its state"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        mailing_out_id = options["mailing_out"]
        try:
            found = status(now=database_now(), mailing_out_id=mailing_out_id)
        except MailingOut.DoesNotExist:
            raise CommandError(f"There is no mailing out {mailing_out_id}.") from None
        if options["json"]:
            text = json.dumps(asdict(found), cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
        else:
            text = "\n".join(lines(found))
        self.stdout.write(text)


def lines(found: Status) -> Iterator[str]:
    """Yield the state in words."""
    if found.paused_at is None:
        yield "Sending: on"
    else:
        note = f": {found.pause_note}" if found.pause_note else ""
        yield f"Sending: PAUSED since {moment(found.paused_at)}{note}"
    yield from _section("Workers", [_worker(each) for each in found.workers])
    mailing_outs = [line for each in found.mailing_outs for line in _mailing_out(each)]
    yield from _section("Mailing outs", mailing_outs)
    yield from _section(
        "Accounts in trouble", [_account(each) for each in found.accounts_in_trouble]
    )


def _section(title: str, entries: list[str]) -> Iterator[str]:
    yield ""
    yield f"{title}:" if entries else f"{title}: none"
    yield from (f"  {entry}" for entry in entries)


def _worker(worker: WorkerStatus) -> str:
    alive = "seen" if worker.is_alive else "SILENT, last seen"
    version = "" if worker.has_our_version else f", OURS IS {settings.VERSION}"
    clock = "" if worker.is_clock_right else " WRONG"
    key = "" if worker.has_our_key else ", HAS ANOTHER ENCRYPTION KEY"
    return (
        f"{worker.role} on {worker.host} ({worker.version}{version}): "
        f"{alive} {worker.age_s:.0f} s ago, clock {worker.clock_offset_s:+.1f} s{clock}{key}"
    )


def _mailing_out(mailing_out: MailingOutStatus) -> Iterator[str]:
    yield f"{mailing_out.id} “{mailing_out.name}” of {mailing_out.owner}: {mailing_out.state}"
    counts = ", ".join(
        f"{number:,} {state.replace('_', ' ')}" for state, number in mailing_out.counts.items()
    )
    yield f"  {counts}"
    if mailing_out.sentence:
        yield f"  {mailing_out.sentence}"
    if mailing_out.ends_at is not None:
        yield f"  done about: {moment(mailing_out.ends_at)}"
    if mailing_out.stuck:
        yield f"  not counted: {mailing_out.stuck:,} for accounts that are off"
    yield from (f"  - {blocker.text}" for blocker in mailing_out.blockers)


def _account(account: AccountStatus) -> str:
    until = f" until {moment(account.until)}" if account.until else ""
    reply = f" “{account.reply}”" if account.reply else ""
    who = f"{account.id} {account.name} of {account.owner}"
    return f"{who}: {account.obstacle}{until}. {account.reason}{reply}"
