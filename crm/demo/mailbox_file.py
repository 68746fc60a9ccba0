"""The file of the local mailbox: what was caught, in SQLite. No Django, so that it starts at once.

It keeps the address, Message-ID and size of every mail, and the whole of the last ones.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

WHOLE_MAILS = 200  # so many mails are kept with their content

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    number INTEGER PRIMARY KEY,
    received_at REAL NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL,
    size_bytes INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS content (
    slot INTEGER PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    data BLOB NOT NULL
);
"""
_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t\r\n]*(\S+)", re.IGNORECASE | re.MULTILINE)
_COUNT = """
SELECT count(*) FROM mail
WHERE recipient LIKE :like ESCAPE '!' OR message_id LIKE :like ESCAPE '!'
"""
_NEWEST = """
SELECT number, received_at, sender, recipient, message_id, size_bytes,
  (SELECT substr(data, 1, 16384) FROM content WHERE content.number = mail.number)
FROM mail
WHERE recipient LIKE :like ESCAPE '!' OR message_id LIKE :like ESCAPE '!'
ORDER BY number DESC LIMIT :limit OFFSET :offset
"""


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One mail that was caught; `beginning` holds its headers while it is kept whole."""

    number: int
    received_at: datetime
    sender: str
    recipient: str
    message_id: str
    size_bytes: int
    beginning: bytes | None


class MailboxWriter:
    """Writes into the file; one process at a time."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        # Speed before safety in a power cut: the mails of a demo are no loss.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def record(self, sender: str, recipient: str, data: bytes) -> int:
        """Commit one mail and return its number."""
        head = data[: data.find(b"\r\n\r\n") + 2]
        found = _MESSAGE_ID.search(head)
        message_id = found[1].decode(errors="replace") if found else ""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        cursor = execute(
            "INSERT INTO mail (received_at, sender, recipient, message_id, size_bytes)"
            " VALUES (?, ?, ?, ?, ?)",
            (time.time(), sender, recipient, message_id, len(data)),
        )
        number = cursor.lastrowid or 0
        execute("REPLACE INTO content VALUES (?, ?, ?)", (number % WHOLE_MAILS, number, data))
        execute("COMMIT")
        return number

    def close(self) -> None:
        self._connection.close()


class MailboxReader:
    """Reads the file, also while it is written. A file that does not exist yet holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, search: str = "") -> int:
        """Return how many mails were caught; the search looks into address and Message-ID."""
        return next((int(row[0]) for row in self._rows(_COUNT, like=_like(search))), 0)

    def newest(self, *, search: str = "", offset: int = 0, limit: int = 50) -> list[CaughtMail]:
        """Return mails, newest first; the search looks into address and Message-ID."""
        rows = self._rows(_NEWEST, like=_like(search), limit=limit, offset=offset)
        return [_mail(row) for row in rows]

    def content(self, number: int) -> bytes | None:
        """Return the whole mail, None if it is no longer kept."""
        rows = self._rows("SELECT data FROM content WHERE number = :number", number=number)
        return next((row[0] for row in rows), None)

    def _rows(self, statement: str, **values: str | int) -> Iterator[tuple]:  # type: ignore[type-arg]  # as mixed as the columns
        if not self._path.exists():
            return
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)) as connection:
            yield from connection.execute(statement, values).fetchall()


def _like(search: str) -> str:
    """Return a LIKE pattern that finds the text anywhere, whatever signs are in it."""
    return "%" + re.sub("([!%_])", r"!\1", search) + "%"


def _mail(row: tuple) -> CaughtMail:  # type: ignore[type-arg]  # the columns of CaughtMail
    number, received_at, *rest = row
    return CaughtMail(number, datetime.fromtimestamp(received_at, tz=UTC), *rest)
