"""Let sending go on."""

from typing import Any

from django.core.management.base import BaseCommand

from massmail.services import installation


class Command(BaseCommand):
    help = (
        "Lets sending go on after a pause of everything, and takes this database for the "
        "original: see that no other copy of it sends."
    )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        if installation.resume_all():
            self.stdout.write("Sending goes on.")
        else:
            self.stdout.write("Sending was not paused: nothing was changed.")
