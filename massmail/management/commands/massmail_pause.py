"""Pause all sending."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from massmail.services import installation


class Command(BaseCommand):
    help = (
        "Pauses all sending within a second; mailing outs keep their states. "
        "massmail_resume lets it go on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("note", nargs="*", help="why: shown wherever sending is explained")

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        if installation.pause_all(note=" ".join(options["note"])):
            self.stdout.write("All sending is paused.")
        else:
            self.stdout.write("All sending was paused already: nothing was changed.")
