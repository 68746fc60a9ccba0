"""The app does nothing by being there: beat starts all work."""

import subprocess
import sys

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

QUIET_START = """
import threading
import django
from django.db import connection
django.setup()
from massmail import tasks, urls
assert connection.connection is None, "a query was made"
assert threading.active_count() == 1, "a thread was started"
"""


def test_its_name_on_pages():
    config = apps.get_app_config("massmail")
    assert (config.name, str(config.verbose_name)) == ("massmail", "Mass mailing")


@pytest.mark.slow
def test_it_starts_no_thread_and_asks_no_database():
    environment = {"DJANGO_SETTINGS_MODULE": "crm_project.settings", "DEBUG": "1"}
    code = f"import tests.environment{QUIET_START}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "common", "massmail", "crm", check=True, dry_run=True)
