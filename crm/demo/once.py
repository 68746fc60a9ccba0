"""`manage.py demo --recipients N --once`: a campaign of its own from the first row to the mailbox.

It adds to the database and takes nothing away; its mailbox, worker and beat are its own and end
with it. The mailbox and the logs stay in a folder below var/.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from common.supervisor import Supervisor
from crm.demo import accounts, processes
from crm.demo.mailbox_file import MailboxReader
from crm.demo.newsletter import add_newsletter
from crm.demo.people import Assignment, add_contacts
from crm.demo.processes import DemoError, Stopped, wait_for
from crm.models import Contact
from crm.services import installation
from massmail.models import MailingOut

ACCOUNTS = 2
CONNECTIONS = 4  # an account
START_S = 60.0  # for a process to be ready
SLOWEST_PER_SECOND = 20  # a campaign that is slower than this, after the start, hangs

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it, in the order in which it is printed."""

    recipients: int
    sent: int
    failed: int
    skipped: int
    uncertain: int
    pending: int
    seconds: float  # from the start of the mailing out to its end
    messages_per_second: float
    mailbox: int

    @property
    def is_complete(self) -> bool:
        """Whether everybody was sent one mail and the mailbox has them all."""
        return self.sent == self.mailbox == self.recipients

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def run(recipients: int, *, say: Say) -> Result:
    """Send one campaign to so many people; return what came of it. Raises DemoError."""
    call_command("migrate", interactive=False, verbosity=0)
    installation.install()
    mark = f"demo-{timezone.now():%Y%m%d-%H%M%S-%f}"[:-3]
    folder = Path(tempfile.mkdtemp(prefix=f"{mark}-", dir=settings.VAR_DIR))
    say(f"{mark}: mailbox and logs are in {folder}")
    port_file, mails = folder / "mailbox.port", folder / "mailbox.sqlite3"
    part = processes.mailbox(mails, folder / "mailbox.log", port=0, port_file=port_file)
    with Supervisor([part]) as mailbox:
        wait_for(port_file.exists, mailbox, timeout_s=START_S, what="The start of the mailbox")
        say(f"{mark}: adding {recipients} people")
        mailing_out = _create(recipients, mark, port=int(port_file.read_text("ascii")))
        if mailbox.stop_asked:
            raise Stopped("Stopped by a signal.")
        _send(mailing_out, mark, folder, say=say)
        result = _result(recipients, mailing_out, MailboxReader(mails).count())
    if not result.is_complete:
        _explain(mailing_out, folder, say=say)
    return result


def _create(recipients: int, mark: str, *, port: int) -> MailingOut:
    """Add an owner, accounts, people and a draft, all with the mark."""
    with transaction.atomic():
        owner = User.objects.create_user(mark, is_staff=True)
        for number in range(1, ACCOUNTS + 1):
            accounts.add_account(
                owner,
                None,
                from_email=f"{mark} {number} <sales{number}@{mark}.example.com>",
                port=port,
                connections=CONNECTIONS,
            )
        add_contacts(recipients, Assignment(owner, None, mark))
        return MailingOut.objects.create_for(
            Contact.objects.filter(owner=owner),
            owner=owner,
            message=add_newsletter(owner, None),
            name=mark,
        )


def _send(mailing_out: MailingOut, mark: str, folder: Path, *, say: Say) -> None:
    """Start worker and beat, then the mailing out; wait for its end, and end them."""
    worker_log = folder / "worker.log"
    parts = [processes.beat(folder / "beat.log"), processes.worker(mark, worker_log)]
    people = mailing_out.recipients_number
    with Supervisor(parts, patience_s=processes.stop_patience_s()) as supervisor:
        try:
            wait_for(
                lambda: worker_log.exists() and b" ready." in worker_log.read_bytes(),
                supervisor,
                timeout_s=START_S,
                what="The start of the worker",
            )
            mailing_out.start()
            say(f"{mark}: started")
            wait_for(
                lambda: _is_over(mailing_out),
                supervisor,
                timeout_s=START_S + people / SLOWEST_PER_SECOND,
                what=f"Sending to {people} people",
            )
        except DemoError as error:
            say(f"{mark}: {error}")


def _is_over(mailing_out: MailingOut) -> bool:
    mailing_out.refresh_from_db()
    return not mailing_out.is_active


def _result(recipients: int, mailing_out: MailingOut, mailbox: int) -> Result:
    """Count what is in the database now."""
    mailing_out.refresh_from_db()
    begin, end = mailing_out.started_at, mailing_out.finished_at or timezone.now()
    seconds = (end - begin).total_seconds() if begin else 0.0
    return Result(
        recipients=recipients,
        sent=mailing_out.sent_count,
        failed=mailing_out.failed_count,
        skipped=mailing_out.skipped_count,
        uncertain=mailing_out.uncertain_count,
        pending=mailing_out.pending_count + mailing_out.in_flight_count,
        seconds=round(seconds, 2),
        messages_per_second=round(mailing_out.sent_count / seconds, 1) if seconds else 0.0,
        mailbox=mailbox,
    )


def _explain(mailing_out: MailingOut, folder: Path, *, say: Say) -> None:
    """Say what may help to find out why mails are missing."""
    say(f"{mailing_out}: NOT everything was sent. Its status: {mailing_out.get_status_display()}")
    for blocker in mailing_out.blockers():
        say(f"  {blocker.text}")
    for log in sorted(folder.glob("*.log")):
        say(processes.end_of(log))
