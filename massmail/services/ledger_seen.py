"""How far the ledger was when this host last looked, kept in a file outside of the database.

A database that was set back to an older state (a backup, a replica that lacks the last seconds)
cannot know that by itself. Attempts are only ever counted up, so fewer of them than before tell.
"""

import json
import logging
import os
from pathlib import Path

from django.conf import settings
from django.db.models import Sum

from massmail.models import MailingOut

logger = logging.getLogger(__name__)


def has_gone_back(home: str) -> bool:
    """Tell whether the ledger of `home` has fewer attempts than were seen; note what it has."""
    before = _read(home)  # first: the ledger is at least as far as what is read here
    now = MailingOut.objects.aggregate(number=Sum("attempts_count"))["number"] or 0
    if now > before:
        _write(home, now)
    return now < before


def forget() -> None:
    """Forget what was seen: this is a new database."""
    _file().unlink(missing_ok=True)


def _file() -> Path:
    return Path(settings.VAR_DIR) / "ledger_seen.json"


def _read(home: str) -> int:
    """Return what was seen; 0 if nothing was, or of another database."""
    try:
        seen = json.loads(_file().read_text())
        return int(seen["attempts"]) if seen["home"] == home else 0
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError, TypeError):
        logger.warning("what was seen of the ledger cannot be read: it is noted anew")
        return 0


def _write(home: str, attempts: int) -> None:
    """Note what was seen, whole or not at all. A full disk keeps nobody from sending."""
    draft = _file().with_suffix(f".{os.getpid()}")
    try:
        draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_text(json.dumps({"home": home, "attempts": attempts}))
        draft.replace(_file())
    except OSError:
        logger.warning("what was seen of the ledger cannot be noted")
