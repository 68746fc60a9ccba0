"""The product's settings for the processes of fault tests: fast ticks, and what is to break.

FAULTS_TICK_S: seconds between two ticks. FAULTS_VISIBILITY_S: seconds after which the broker gives
an unacknowledged task out again. FAULTS_MAX_PAGES: pages after which the SQLite file is full.
FAULTS_MIGRATIONS: a package of migrations of mass mailing that goes before the product's own.
"""

import os

from crm_project.settings import *  # noqa: F403  # a settings module is what it says
from crm_project.settings import CELERY_BEAT_SCHEDULE, CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES

CELERY_BEAT_SCHEDULE["tick"]["schedule"] = float(os.environ.get("FAULTS_TICK_S", "0.5"))

if visibility_s := os.environ.get("FAULTS_VISIBILITY_S"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        **CELERY_BROKER_TRANSPORT_OPTIONS,
        "visibility_timeout": float(visibility_s),
    }

if max_pages := os.environ.get("FAULTS_MAX_PAGES"):
    DATABASES["default"]["OPTIONS"]["init_command"] += f"PRAGMA max_page_count={max_pages};"

if migrations := os.environ.get("FAULTS_MIGRATIONS"):
    MIGRATION_MODULES = {"massmail": migrations}
