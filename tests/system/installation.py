"""An installation of its own for a test: a database, a broker, and real processes to kill.

It stands beside the test's Django: everything is started as its own process, and looked at
through the database or the command line, as an operator would.
"""

import contextlib
import ctypes
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = 6  # scaled down from 30
STATES = ("pending", "in_flight", "sent", "failed", "skipped", "uncertain")
_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)
_WORKER = ("-m", "celery", "-A", "crm_project", "worker", "--without-gossip", "--without-mingle")


def end_with_the_test() -> None:
    """Have the kernel kill this new process when the test's thread ends, however that went."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Installation:
    """Processes around one database and one broker; `close()` leaves nothing behind."""

    folder: Path
    database_url: str
    redis_url: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    key: str = field(default_factory=lambda: Fernet.generate_key().decode())

    def __enter__(self) -> Self:
        self.manage("migrate", "--noinput", "--verbosity", "0")
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            self.kill(process, group=True)

    @property
    def environment(self) -> dict[str, str]:
        mine = {
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(self.folder / "var"),
            "SECRET_KEY": "a key for the tests alone, as long as the real one has to be",
            "FIELD_ENCRYPTION_KEYS": self.key,
            "SITE_URL": "http://127.0.0.1:8000",
            "EMAIL_URL": "memorymail://",
            "MASSMAIL_ALLOW_PRIVATE_HOSTS": "1",
            "MASSMAIL_LEASE_S": str(LEASE_S),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
        }
        return os.environ | mine

    def manage(self, *arguments: str) -> str:
        return self._python("manage.py", *arguments)

    def seed(self, *, people: int, ports: list[int], **options: Any) -> dict[str, list[int]]:
        more = [f"--{name}={value}" for name, value in options.items()]
        printed = self._python(
            "-m", "tests.system.seed", f"--people={people}", *more, "--ports", *map(str, ports)
        )
        return json.loads(printed.splitlines()[-1])

    def worker(
        self, queues: str = "control,deliveries", children: int = 2
    ) -> subprocess.Popen[bytes]:
        name = f"w{len(self.processes)}@%h"
        return self._start(*_WORKER, "-Q", queues, "-c", str(children), "-n", name)

    def beat(self) -> subprocess.Popen[bytes]:
        return self._start("-m", "celery", "-A", "crm_project", "beat", "--pidfile=")

    def kill(
        self,
        process: subprocess.Popen[bytes],
        number: signal.Signals = signal.SIGKILL,
        *,
        group: bool = False,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(process.pid, number)
        if number == signal.SIGKILL:
            process.wait(30)

    def children(self, process: subprocess.Popen[bytes]) -> list[int]:
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]

    def states(self, mailing_out: int) -> dict[str, int]:
        """The rows of a mailing out by state, from the rows themselves."""
        sql = "SELECT status, COUNT(*) FROM massmail_delivery WHERE mailing_out_id = {} GROUP BY 1"
        found = dict(self.query(sql.format(int(mailing_out))))
        return {state: found.get(state, 0) for state in STATES}

    def counters(self, mailing_out: int) -> dict[str, int]:
        columns = ", ".join(f"{state}_count" for state in STATES)
        (row,) = self.query(f"SELECT {columns} FROM massmail_mailingout WHERE id = {mailing_out}")
        return dict(zip(STATES, row, strict=True))

    def status_of(self, mailing_out: int) -> str:
        ((status,),) = self.query(
            f"SELECT status FROM massmail_mailingout WHERE id = {mailing_out}"
        )
        return status

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        if self.database_url.startswith("sqlite"):
            name = self.database_url.removeprefix("sqlite:///")
            with contextlib.closing(sqlite3.connect(name, timeout=20)) as connection:
                rows = connection.execute(sql).fetchall()
                connection.commit()
                return rows
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def wait(self, ready: Callable[[], bool], *, timeout_s: float, what: str) -> float:
        """Wait until `ready()`; return how long it took. Fails the test after `timeout_s`."""
        begun = time.monotonic()
        while not ready():
            if time.monotonic() - begun > timeout_s:
                raise AssertionError(f"{what} not within {timeout_s} s\n{self.logs()}")
            time.sleep(0.05)
        return time.monotonic() - begun

    def logs(self) -> str:
        tails = (path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))
        return "\n".join(tails)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"process{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_the_test,  # noqa: PLW1509  # safe: one system call
            )
        self.processes.append(process)
        return process

    def _python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextlib.contextmanager
def postgresql_database(server_url: str) -> Iterator[str]:
    """A new empty database on a server; dropped afterwards."""
    name = f"massmail_system_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield server_url.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
