"""Send what is due in this process, without Celery."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.stopping import stop_on_signals
from massmail.models import MailingOut
from massmail.utils.sendmassmail import run_until_idle


class Command(BaseCommand):
    help = (
        "Sends what may leave now, in this process and without Celery. Running it beside workers "
        "is safe. SIGTERM and SIGINT let the mail on the wire end, and begin no other."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--until-idle",
            action="store_true",
            help="go on until no account has mail that could leave now; without it: one round",
        )
        parser.add_argument(
            "--mailing-out",
            type=int,
            metavar="ID",
            help="end as soon as this mailing out has nothing left to send",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        mailing_out_id = options["mailing_out"]
        named = MailingOut.objects.filter(pk=mailing_out_id)
        if mailing_out_id is not None and not named.exists():
            raise CommandError(f"There is no mailing out {mailing_out_id}.")
        stop_on_signals()
        number = run_until_idle(mailing_out_id=mailing_out_id, until_idle=options["until_idle"])
        self.stdout.write(f"Mails with an outcome: {number}")
