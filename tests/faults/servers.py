"""A PostgreSQL and a Redis of a test's own, on free ports: to be killed, restarted and filled up.

Everything lies in a temporary folder and ends with the `with` block. PostgreSQL refuses to run as
root; then it runs as the user postgres. `missing_programs()` says why the tests cannot run.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import psycopg
import redis

from tests.system.installation import end_with_the_test

PATIENCE_S = 90
_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "deadlock_timeout": "200ms",
    "log_min_messages": "warning",
    "fsync": "off",  # a killed process loses nothing that it has written: power stays on
}


def program(name: str) -> str | None:
    """Return the path of a server's program, also where Debian keeps it out of PATH."""
    newest = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: path.parts[-3])
    return shutil.which(name) or (str(newest[-1]) if newest else None)


def missing_programs() -> list[str]:
    """Return the servers' programs that this machine lacks."""
    return [name for name in ("initdb", "postgres", "redis-server") if program(name) is None]


def wait_until(ready: Callable[[], bool], *, what: str, timeout_s: float = PATIENCE_S) -> float:
    """Wait until `ready()`; return how many seconds it took, raise when it takes too long."""
    begun = time.monotonic()
    while not ready():
        if time.monotonic() - begun > timeout_s:
            raise AssertionError(f"{what}: not within {timeout_s} s")
        time.sleep(0.02)
    return time.monotonic() - begun


def free_port() -> int:
    """Return a port of the loopback interface on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children_of(pid: int) -> list[int]:
    """Return the children of a process; none if it is gone."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is not just waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def send_signal(pid: int, number: signal.Signals) -> bool:
    """Send a signal; tell whether the process was still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


class _Server:
    """A process in a folder of its own. `start` and `kill` may alternate as often as one likes."""

    def __init__(self, prefix: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"massmail-{prefix}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def kill(self) -> None:
        """End the server and all its children by SIGKILL, and wait until they are gone."""
        process = self.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)  # it has no more children from here on
        family = [process.pid, *children_of(process.pid)]
        for pid in family:
            send_signal(pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
        self.process = None
        wait_until(lambda: not any(map(is_alive, family)), what="the end of the server")

    def _start(self, argv: Sequence[str], **options: Any) -> None:  # Any: what Popen takes
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=end_with_the_test,  # noqa: PLW1509  # safe: one system call
                **options,
            )

    def _wait(self) -> None:
        process = self.process
        assert process is not None

        def ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"the server ended:\n{self.log.read_text()[-2000:]}")
            return self.answers()

        wait_until(ready, what="the server's first answer")


class Postgresql(_Server):
    """A cluster made by initdb, with one database owned by a plain role, as in production."""

    def __init__(self, **settings: str) -> None:
        super().__init__("postgresql")
        self.settings = _SETTINGS | settings
        self._user: dict[str, Any] = {}  # Any: what Popen takes
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D")

    def __enter__(self) -> Self:
        super().__enter__()
        self.execute("CREATE ROLE massmail LOGIN")
        self.execute("CREATE DATABASE massmail OWNER massmail")
        return self

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Return the address of the database for the product."""
        return self.url_of("massmail")

    def url_of(self, name: str, *, role: str = "massmail") -> str:
        return f"postgres://{role}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start the cluster, after a crash with its recovery; return when it takes connections."""
        options = [word for item in self.settings.items() for word in ("-c", "=".join(item))]
        binary = program("postgres")
        assert binary is not None
        self._start([binary, "-D", str(self.data), "-p", str(self.port), *options], **self._user)
        self._wait()

    def stop(self) -> None:
        """Stop the cluster in order: every connection is ended, nothing is lost."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_S)
        self.process = None

    def kill_a_backend(self, backend_pid: int) -> None:
        """Kill one backend: the cluster takes it for a crash, ends all others and recovers."""
        send_signal(backend_pid, signal.SIGKILL)

    def copy_data(self, target: Path) -> None:
        """Copy the files of the stopped cluster."""
        assert self.process is None
        subprocess.run(["cp", "-a", str(self.data), str(target)], check=True)

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, sql: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; return its rows (Any: as mixed as columns are)."""
        url = self.url_of(database, role="postgres")
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def fill_the_disk(self, size_bytes: int) -> None:
        """Let no file grow beyond a size, until the cluster is started anew."""
        assert self.process is not None
        for pid in (self.process.pid, *children_of(self.process.pid)):
            # one that has just ended cannot be found, and needs no limit
            subprocess.run(
                ["prlimit", f"--pid={pid}", f"--fsize={size_bytes}:"],
                check=False,
                capture_output=True,
                **self._user,
            )

    def _run(self, name: str, *arguments: str) -> None:
        binary = program(name)
        assert binary is not None
        subprocess.run(
            [binary, *arguments, str(self.data)],
            cwd=self.folder,
            check=True,
            capture_output=True,
            timeout=120,
            **self._user,
        )


class Redis(_Server):
    """A Redis that keeps nothing on disk, unless `append_only` asks for it."""

    def __init__(self, *, append_only: bool = False) -> None:
        super().__init__("redis")
        self.append_only = append_only

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def append_only_files(self) -> list[Path]:
        return sorted((self.folder / "appendonlydir").glob("*.incr.aof"))

    def start(self) -> None:
        """Start the server with what its files hold."""
        binary = program("redis-server")
        assert binary is not None
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self.append_only else "no",
            "appendfsync": "always",
        }
        argv = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._start([binary, *argv])
        self._wait()

    def answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5)
