"""The demo: everything running with sample people, or one measured campaign."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from crm.demo import live, once
from crm.demo.processes import DemoError


class Command(BaseCommand):
    help = (
        "Fills the database with sample people once, starts web, workers, beat and a mailbox that "
        "catches all mail, and sends a first campaign; runs until Ctrl-C. With --once: sends one "
        "campaign to --recipients people of its own, and says as JSON what came of it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one campaign, then stop")
        parser.add_argument("--recipients", type=int, help="people of that campaign")

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        recipients: int | None = options["recipients"]
        is_wrong = options["once"] is (recipients is None)
        if is_wrong or (recipients is not None and recipients < 1):
            raise CommandError("Give both --once and --recipients N, with N of at least 1.")
        os.chdir(settings.BASE_DIR)  # the parts find the project in the current folder
        try:
            if recipients is None:
                live.run(say=self._say)
            else:
                self._send_once(recipients)
        except DemoError as error:
            raise CommandError(str(error)) from error

    def _say(self, text: str) -> None:
        """Print at once, also into a file or a pipe: the demo goes on for hours."""
        self.stdout.write(text)
        self.stdout.flush()

    def _send_once(self, recipients: int) -> None:
        result = once.run(recipients, say=self.stderr.write)
        self.stdout.write(result.as_json())
        if not result.is_complete:
            raise SystemExit(1)
