"""Runs the delivery loop and kills it at one step; `python -m tests.faults.crash_points`.

A step is a moment just before or after a statement or COMMIT (kind `database`), or something sent
to or read from a socket (kind `network`). For each line `KIND KILL_AT HOURS` on standard input one
child is forked from this process, which has Django loaded and no connection open. The child sends
what is due, by a clock that many hours ahead, counts the steps of that kind, and kills itself at
one of them (0: at none). A line of JSON says how that went.
"""

import json
import logging
import mmap
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django
import psycopg
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

logger = logging.getLogger(__name__)

_LABEL_BYTES = 120
_SOCKET_CALLS = ("send", "sendall", "sendmsg", "recv", "recv_into")


class Steps:
    """Counts the steps of this process, in memory that outlives it, and kills it at one of them."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8 + _LABEL_BYTES)
        self._lock = threading.Lock()
        self.kill_at = 0
        self.kind = ""

    @property
    def count(self) -> int:
        (count,) = struct.unpack("q", self._shared[:8])
        return int(count)

    @property
    def label(self) -> str:
        return self._shared[8:].rstrip(b"\0").decode(errors="replace")

    def begin(self, kind: str, kill_at: int) -> None:
        self._shared[:] = bytes(8 + _LABEL_BYTES)
        self.kind, self.kill_at = kind, kill_at

    def step(self, kind: str, label: str) -> None:
        if kind != self.kind:
            return
        with self._lock:
            count = self.count + 1
            self._shared[:8] = struct.pack("q", count)
            self._shared[8:] = label.encode()[:_LABEL_BYTES].ljust(_LABEL_BYTES, b"\0")
            if count == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, kind: str, label: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a step before and one after it."""

        def stepped(*arguments: Any, **options: Any) -> Any:
            said = f"{label} {next(filter(_is_sql, arguments), '')}"
            self.step(kind, f"before {said}")
            result = call(*arguments, **options)
            self.step(kind, f"after {said}")
            return result

        return stepped


def _is_sql(argument: object) -> bool:
    return isinstance(argument, str)


def main() -> None:
    django.setup()
    # not before Django is set up
    from massmail.utils import sendmassmail

    connections.close_all()
    steps = Steps()
    watch(steps)
    for line in sys.stdin:
        kind, kill_at, hours = line.split()
        steps.begin(kind, int(kill_at))
        pid = os.fork()
        if pid == 0:
            _run(sendmassmail.run_until_idle, int(hours))
        _, status = os.waitpid(pid, 0)
        said = {
            "exit": os.waitstatus_to_exitcode(status),
            "steps": steps.count,
            "label": steps.label,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def watch(steps: Steps) -> None:
    """Make steps of every statement, COMMIT, and use of a socket."""
    watched: list[tuple[type, str, str]] = [(BaseDatabaseWrapper, "_commit", "database")]
    watched += [(socket.socket, name, "network") for name in _SOCKET_CALLS]
    if connection.vendor == "postgresql":  # below Django, which prepared statements go around
        watched.append((psycopg.Cursor, "execute", "database"))
    for owner, name, kind in watched:
        setattr(owner, name, steps.around(kind, name, getattr(owner, name)))
    if connection.vendor != "postgresql":
        _watch_statements(steps)


def _watch_statements(steps: Steps) -> None:
    """Make steps of the statements that go through Django."""

    def execute(call: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        return steps.around("database", "execute", call)(sql, params, many, context)

    def connected(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
        if execute not in connection.execute_wrappers:
            connection.execute_wrappers.append(execute)

    connection_created.connect(connected, weak=False)


def _run(run_until_idle: Callable[..., int], hours: int) -> None:
    """Send in this child, and end it without the parent's clean-up."""
    from massmail.clock import database_now  # not before Django is set up
    from massmail.services.surroundings import Surroundings

    code = 1
    try:
        around = Surroundings(now=lambda: database_now() + timedelta(hours=hours))
        run_until_idle(around=around)
        code = 0
    except Exception:  # the border of this process
        logger.exception("the run failed")
    finally:
        connection.close()
        os._exit(code)


if __name__ == "__main__":
    main()
