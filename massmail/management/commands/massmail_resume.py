"""Let sending go on."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from massmail.services import installation


class Command(BaseCommand):
    help = (
        "Lets sending go on after a pause of everything, and takes this database for the "
        "original: see that no other copy of it sends."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--nothing-was-sent",
            action="store_true",
            help="of a copy or a restored database: its original has sent nothing since; without "
            "it all who wait in running mailing outs become uncertain",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        if installation.resume_all(nothing_was_sent=options["nothing_was_sent"]):
            self.stdout.write("Sending goes on.")
        else:
            self.stdout.write("Sending was not paused: nothing was changed.")
