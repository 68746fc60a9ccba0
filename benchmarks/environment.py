"""What a measurement runs in: a database, a broker and files of its own, all gone at its end."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
MIGRATE_S = 300  # seconds, at most, for an empty database
CASE_S = 5_400  # seconds, at most, for one measurement

_KEYS = {
    "SECRET_KEY": "a key for measurements alone, as long as the real one has to be",
    "FIELD_ENCRYPTION_KEYS": "dGhlIGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVzISE=",
    "SITE_URL": "https://mail.example.com",
    "ALLOWED_HOSTS": "mail.example.com",
    "EMAIL_URL": "memorymail://",
    "MASSMAIL_ALLOW_PRIVATE_HOSTS": "1",
    "DJANGO_SETTINGS_MODULE": "crm_project.settings",
    "ENV_FILE": os.devnull,
    "DEBUG": "0",
    "TIME_ZONE": "UTC",
}


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of the servers to measure on; "" for SQLite and the embedded broker."""

    database: str
    redis: str


class Home:
    """The folder of a run of measurements, and the migrated database that each begins with."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.folder = Path(tempfile.mkdtemp(prefix="massmail-bench-"))
        self._template = f"massmail_bench_{os.getpid()}"

    def __enter__(self) -> Self:
        if self.servers.database:
            self._administer("CREATE DATABASE {}", self._template)
            self._migrate(self._url(self._template), self.folder / "template")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.servers.database:
            self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._template)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def case(self, name: str, *, embedded: bool = False) -> Iterator[dict[str, str]]:
        """Give one measurement an environment: PostgreSQL and Redis, or what is embedded."""
        var_dir = self.folder / name
        if embedded or not self.servers.database:
            environment = _environment(f"sqlite:///{var_dir}/db.sqlite3", "", var_dir)
            self._migrate("", var_dir)
            yield environment
            return
        database = f"{self._template}_{name}"
        self._administer("CREATE DATABASE {} TEMPLATE {}", database, self._template)
        try:
            if self.servers.redis:
                redis.Redis.from_url(self.servers.redis).flushdb()
            yield _environment(self._url(database), self.servers.redis, var_dir)
        finally:
            self._administer("DROP DATABASE {} WITH (FORCE)", database)

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.servers.database)._replace(path=f"/{database}"))

    def _administer(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.servers.database, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _migrate(self, url: str, var_dir: Path) -> None:
        database = url or f"sqlite:///{var_dir}/db.sqlite3"
        run_python(
            "manage.py", "migrate", "--verbosity", "0",
            environment=_environment(database, "", var_dir), timeout_s=MIGRATE_S,
        )  # fmt: skip


def run_python(*arguments: str, environment: dict[str, str], timeout_s: float) -> None:
    """Run a script or a module of the checkout to its end. Raises CalledProcessError."""
    subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, check=True, timeout=timeout_s
    )


def _environment(database: str, broker: str, var_dir: Path) -> dict[str, str]:
    var_dir.mkdir(mode=0o700, exist_ok=True)
    own = {"DATABASE_URL": database, "REDIS_URL": broker, "VAR_DIR": str(var_dir)}
    return {**os.environ, **_KEYS, **own}
