"""The installation as a whole: pausing all sending, and noticing that the database is a copy.

A restored or copied database would send again what its original sent. So the first tick stores a
fingerprint of where the data lives; a tick that meets another one, or an older state of the ledger
than one that was seen before (`ledger_seen`), pauses everything until an operator resumes.
"""

import logging
from datetime import datetime
from pathlib import Path

from django.db import connection
from django.utils.translation import gettext as _

from massmail.clock import database_now
from massmail.models import MailingOut, MassmailSettings
from massmail.services import bulk_moves, ledger_seen

logger = logging.getLogger(__name__)

_OLDER = "older"  # stands after the fingerprint of a ledger that went back
_RESTORED = "restored"  # stands there, with the moment, once an operator let it go on


def pause_all(*, note: str = "", now: datetime | None = None) -> bool:
    """Pause all sending; statuses stay. False if it was paused already."""
    MassmailSettings.load()
    paused = MassmailSettings.objects.filter(paused_at=None)
    return bool(paused.update(paused_at=now or database_now(), pause_note=note[:200]))


def resume_all(*, nothing_was_sent: bool = False) -> bool:
    """Let sending go on, and take this place for the data's home. False if it was not paused.

    In a copy, or an older state, all become uncertain who wait in running mailing outs: the
    original may have sent to them. Unless an operator gives the word that it did not.
    """
    row = MassmailSettings.objects.exclude(paused_at=None).first()
    if row is None:
        return False
    here, now = fingerprint(), database_now()
    if _is_doubtful(row, here) and not nothing_was_sent:
        for mailing_out in MailingOut.objects.running(now).filter(pending_count__gt=0):
            number = bulk_moves.doubt_pending(mailing_out.pk, now=now)
            logger.warning("mailing out %d: %d rows of a copy are in doubt", mailing_out.pk, number)
    if row.fingerprint.endswith(f"#{_OLDER}"):
        here = f"{here}#{_RESTORED} {now:%Y-%m-%d %H:%M:%S}"  # what was seen before is forgotten
    paused = MassmailSettings.objects.exclude(paused_at=None)
    return bool(paused.update(paused_at=None, pause_note="", fingerprint=here))


def guard_against_clones(*, now: datetime) -> bool:
    """Pause all sending if the database is not where or what it was; return if sending is allowed.

    One statement, besides the settings; writes a small file when the ledger went on.
    """
    settings_row = MassmailSettings.load()
    if settings_row.paused_at is not None:
        return False
    here = fingerprint()
    if not settings_row.fingerprint:
        MassmailSettings.objects.filter(fingerprint="").update(fingerprint=here)
        ledger_seen.forget()
    elif _home(settings_row) != here:
        return _pause_copy(now)
    elif ledger_seen.has_gone_back(settings_row.fingerprint):
        older = f"{here}#{_OLDER}"
        MassmailSettings.objects.filter(paused_at=None).update(fingerprint=older)
        return _pause_copy(now)
    return True


def _pause_copy(now: datetime) -> bool:
    pause_all(note=copy_note(), now=now)
    return False


def is_copy(settings_row: MassmailSettings) -> bool:
    """Tell whether the data is a copy, or an older state, of what sent last (one statement)."""
    return _is_doubtful(settings_row, fingerprint())


def copy_note() -> str:
    """Return what an operator has to know of a copy, in the active language."""
    return _(
        "This database is a copy, was moved or restored. If sending goes on, all who wait become "
        "uncertain, unless you run massmail_resume --nothing-was-sent."
    )


def _home(settings_row: MassmailSettings) -> str:
    return settings_row.fingerprint.partition("#")[0]


def _is_doubtful(settings_row: MassmailSettings, here: str) -> bool:
    """Tell whether the ledger may not know of everything that was sent."""
    stored = settings_row.fingerprint
    return bool(stored) and (_home(settings_row) != here or stored.endswith(f"#{_OLDER}"))


def fingerprint() -> str:
    """Return what tells this database from a copy of it elsewhere.

    On PostgreSQL its timeline too: a replica that takes over may lack the last seconds.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT system_identifier::text || '/' || current_database() || '/'"
                " || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()"
            )
            return str(cursor.fetchone()[0])
    machine = Path("/etc/machine-id")
    name = machine.read_text().strip() if machine.exists() else ""
    return f"{name}:{connection.settings_dict['NAME']}"[:150].replace("#", "")
