"""A usable first installation."""

import os
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.urls import reverse

from crm.services import installation


class Command(BaseCommand):
    help = (
        "Adds the groups, departments, lookups and settings that are missing, and a superuser "
        "if DJANGO_SUPERUSER_USERNAME and DJANGO_SUPERUSER_PASSWORD are set. Can be run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        installation.install()
        self.stdout.write("Groups, departments, lookups and settings are there.")
        self._add_superuser()
        self.stdout.write(_next_step())

    def _add_superuser(self) -> None:
        """Add the superuser of the environment, and say what came of it."""
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


def _next_step() -> str:
    if not User.objects.filter(is_superuser=True, is_active=True).exists():
        return (
            "Next: nobody can log in as superuser yet. Run manage.py createsuperuser, or run this "
            "again with DJANGO_SUPERUSER_USERNAME and DJANGO_SUPERUSER_PASSWORD set."
        )
    users = f"{settings.SITE_URL}{reverse('admin:auth_user_add')}"
    return (
        f"Next: start the parts (./run web, ./run worker, ./run beat), then add the people who "
        f"will write mailings at {users}: give each the group managers and a department."
    )
