"""The Celery app. Its settings are those of Django with the prefix CELERY_."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from common import stopping

from .signs_of_life import SignsOfLife

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")

app = Celery("crm_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(SignsOfLife)
stopping.connect_worker_signals()


@setup_logging.connect
def _keep_the_logging_of_the_settings(**_: Any) -> None:  # Any: Celery's signal arguments
    """Take logging out of Celery's hands: `LOGGING` in the settings is for every process."""
