"""The log of a test server: which mail it took, on disk before the client hears of it."""

import asyncio
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Accepted:
    """One mail that a server took for one recipient; `at` is in seconds since 1970."""

    at: float
    message_id: str
    recipient: str
    connection: int


@dataclass
class AcceptLog:
    """Keeps what was taken, in memory and as lines of JSON in a file if it has a path.

    All mails that arrive at about the same time share one fdatasync: `synced` returns once
    everything noted before is on disk.
    """

    path: Path | None = None
    entries: list[Accepted] = field(default_factory=list)
    _unwritten: list[str] = field(default_factory=list)
    _writing: asyncio.Future[None] | None = None
    _file: int = -1

    def open(self) -> None:
        """Open the file; what it holds already stays."""
        if self.path is not None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def note(self, message_id: str, recipient: str, connection: int) -> None:
        """Note a mail that is taken now; it counts once `synced` has returned."""
        entry = Accepted(time.time(), message_id, recipient, connection)
        self.entries.append(entry)
        if self.path is not None:
            self._unwritten.append(json.dumps(asdict(entry)))

    async def synced(self) -> None:
        """Wait until what was noted is on disk."""
        if not self._unwritten:
            return
        if self._writing is None:
            loop = asyncio.get_running_loop()
            self._writing = loop.create_future()
            loop.call_soon(self._write)  # after all sessions that have something to read now
        await self._writing

    def _write(self) -> None:
        writing, self._writing = self._writing, None
        os.write(self._file, "".join(f"{line}\n" for line in self._unwritten).encode())
        os.fdatasync(self._file)
        self._unwritten.clear()
        if writing is not None:
            writing.set_result(None)


def read_accept_log(path: Path) -> list[Accepted]:
    """Return what a log holds; a last line that was cut off was never answered, and is left out."""
    whole, _end, _cut_off = path.read_text().rpartition("\n") if path.exists() else ("", "", "")
    return [Accepted(**json.loads(line)) for line in whole.splitlines()]
