"""One reason why no mail leaves, as people and programs read it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import formats, timezone


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason. `code` is stable; `until` is when it ends by itself, None: somebody must act."""

    code: str
    text: str
    until: datetime | None = None
    account_id: int | None = None  # whose page is the way out, if it is an account's


def moment(when: datetime) -> str:
    """Return a moment in words, with its zone."""
    local = when if when.tzinfo and not _is_utc(when) else timezone.localtime(when)
    return f"{formats.date_format(local, 'SHORT_DATETIME_FORMAT')} {local:%Z}"


def _is_utc(when: datetime) -> bool:
    return str(when.tzinfo) == "UTC"
