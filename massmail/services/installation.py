"""The installation as a whole: pausing all sending, and noticing that the database is a copy.

A restored or copied database would send again what its original sends. So the first tick stores a
fingerprint of where the data lives; a tick that meets another one pauses everything until an
operator resumes.
"""

from datetime import datetime
from pathlib import Path

from django.db import connection
from django.utils.translation import gettext as _

from massmail.clock import database_now
from massmail.models import MassmailSettings


def pause_all(*, note: str = "", now: datetime | None = None) -> bool:
    """Pause all sending; statuses stay. False if it was paused already."""
    MassmailSettings.load()
    paused = MassmailSettings.objects.filter(paused_at=None)
    return bool(paused.update(paused_at=now or database_now(), pause_note=note[:200]))


def resume_all() -> bool:
    """Let sending go on, and take this place for the data's home. False if it was not paused."""
    resumed = MassmailSettings.objects.exclude(paused_at=None)
    return bool(resumed.update(paused_at=None, pause_note="", fingerprint=fingerprint()))


def guard_against_clones(*, now: datetime) -> bool:
    """Pause all sending if the database is not where it was; return whether sending is allowed."""
    settings_row = MassmailSettings.load()
    if settings_row.paused_at is not None:
        return False
    here = fingerprint()
    if settings_row.fingerprint == here:
        return True
    if not settings_row.fingerprint:
        MassmailSettings.objects.filter(fingerprint="").update(fingerprint=here)
        return True
    pause_all(note=_("This database is a copy, or was moved: check before you resume."), now=now)
    return False


def is_elsewhere(settings_row: MassmailSettings) -> bool:
    """Tell whether the data is not where it was when sending was last allowed (one statement)."""
    return bool(settings_row.fingerprint) and settings_row.fingerprint != fingerprint()


def fingerprint() -> str:
    """Return what tells this database from a copy of it elsewhere."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT system_identifier::text || '/' || current_database()"
                " FROM pg_control_system()"
            )
            return str(cursor.fetchone()[0])
    machine = Path("/etc/machine-id")
    name = machine.read_text().strip() if machine.exists() else ""
    return f"{name}:{connection.settings_dict['NAME']}"[:200]
