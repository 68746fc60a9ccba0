"""A usable first installation."""

import os
from typing import Any

from django.core.management.base import BaseCommand

from crm.services import installation


class Command(BaseCommand):
    help = (
        "Adds the groups, departments, lookups and settings that are missing, and a superuser "
        "if DJANGO_SUPERUSER_USERNAME and DJANGO_SUPERUSER_PASSWORD are set. Can be run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        installation.install()
        self.stdout.write("Groups, departments, lookups and settings are there.")
        username = os.environ.get("DJANGO_SUPERUSER_USERNAME", "")
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
        if not (username and password):
            return
        created = installation.install_superuser(
            username=username,
            password=password,
            email=os.environ.get("DJANGO_SUPERUSER_EMAIL", ""),
        )
        said = "was created" if created else "was there already; nothing of it was changed"
        self.stdout.write(f"Superuser {username}: {said}.")
