"""Workers and beats on servers of a test's own, watched from outside and killed at any moment.

A `ServerRoom` holds the servers and one seeded database, of which each experiment gets a copy. An
`Experiment` is one campaign on such a copy: a `Fleet` of real processes, and a mail server that
remembers what it took. Times are scaled down, unless FAULTS_LONG=1.
"""

import contextlib
import itertools
import os
import shutil
import sqlite3
import subprocess
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from signal import Signals
from typing import Any, Self

import psycopg
from cryptography.fernet import Fernet

from tests.faults.accept_log import Accepted
from tests.faults.chaos_server import ChaosServer
from tests.faults.oracle import Sample, read_rows, read_samples, require_consistent
from tests.faults.servers import (
    Postgresql,
    Redis,
    children_of,
    free_port,
    send_signal,
    wait_until,
)
from tests.system.installation import Installation

LONG = os.environ.get("FAULTS_LONG") == "1"
PEOPLE = 100_000 if LONG else 800
ACCOUNTS = 8 if LONG else 4
SMALL = 200  # people of a small campaign: some windows, the last ones full
LEASE_S = 30.0 if LONG else 2.0
RECOVERY_S = 90 if LONG else 60  # from a kill to the next mail of each account
PATIENCE_S = 900 if LONG else 180  # for a part of the mails
IN_DOUBT = 100  # rows that one killed process may leave uncertain

DatabaseDown = (psycopg.OperationalError, sqlite3.OperationalError)
Process = subprocess.Popen[bytes]


@dataclass
class Fleet(Installation):
    """An installation whose processes get `extra` in their environment."""

    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        mine = {
            "DJANGO_SETTINGS_MODULE": "tests.faults.workers_settings",
            "MASSMAIL_LEASE_S": str(LEASE_S),
        }
        return super().environment | mine | self.extra

    def supervised(self, *, children: int) -> Process:
        """Start a beat and workers as the product does: what ends by itself is started again."""
        self.extra["DELIVERIES_CONCURRENCY"] = str(children)
        return self._start("-m", "crm_project.parts", "beat", "control", "deliveries")

    def log_of(self, process: Process) -> Path:
        return self.folder / f"process{self.processes.index(process)}.log"

    def kill_a_child(self, worker: Process, chance: Random) -> int:
        """Kill one pool process of a worker, chosen at random; return its number, 0 for none."""
        children = children_of(worker.pid)
        if not children:
            return 0
        victim = chance.choice(children)
        return victim if send_signal(victim, Signals.SIGKILL) else 0

    def kill_all(self) -> None:
        """Kill every process that still runs, with its group."""
        for process in self.processes:
            if process.poll() is None:
                self.kill(process, group=True)

    def ask(self, sql: str) -> Any:  # Any: as mixed as columns are
        """Return the one value that a statement finds."""
        ((value,),) = self.query(sql)
        return value


class Sampler:
    """Reads the states of all mailing outs again and again while its block runs (C4)."""

    def __init__(self, fleet: Fleet, *, every_s: float = 1.0 if LONG else 0.2) -> None:
        self.samples: list[Sample] = []
        self.missed = 0  # times at which the database did not answer
        self._fleet = fleet
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self.samples += read_samples(self._fleet.query)
            except DatabaseDown:
                self.missed += 1


@dataclass
class Experiment:
    """One campaign to all people of the room, through accounts on one mail server."""

    fleet: Fleet
    server: ChaosServer
    mailing_out: int
    people: int
    accounts: int

    def slow_down(self, seconds: float) -> None:
        """Let the accounts send so fast that all of the mails take about so long."""
        rate = self.people / self.accounts / seconds
        self.fleet.query(f"UPDATE massmail_emailaccount SET per_second = {rate}")

    @property
    def taken(self) -> int:
        """How many mails the server took so far."""
        return len(self.server.log.entries)

    def wait_for_mails(self, share: float, *, timeout_s: float = PATIENCE_S) -> float:
        """Wait until the server took this share of all mails."""
        goal = int(self.people * share)
        return self.fleet.wait(
            lambda: self.taken >= goal, timeout_s=timeout_s, what=f"{goal} mails"
        )

    def wait_for_more(self, number: int = 1, *, timeout_s: float = RECOVERY_S) -> float:
        """Wait until so many more mails are taken; return how long it took."""
        goal = self.taken + number
        return self.fleet.wait(
            lambda: self.taken >= goal, timeout_s=timeout_s, what=f"{number} more mails"
        )

    @property
    def has_ended(self) -> bool:
        """Whether nothing waits or is in flight; False while the database does not answer."""
        try:
            counters = self.fleet.counters(self.mailing_out)
        except DatabaseDown:
            return False
        return counters["pending"] == counters["in_flight"] == 0

    def wait_for_end(self, *, timeout_s: float = 1800 if LONG else 180) -> float:
        return self.fleet.wait(lambda: self.has_ended, timeout_s=timeout_s, what="the end")

    def states(self) -> dict[str, int]:
        return self.fleet.states(self.mailing_out)

    def decide(self, verb: str) -> float:
        """Pause, resume or cancel the mailing out, as a person does; return when that was done."""
        code = (
            "import time\nfrom massmail.models import MailingOut\n"
            "from massmail.services import campaign\n"
            f"campaign.{verb}(MailingOut.objects.get(pk={self.mailing_out}))\nprint(time.time())"
        )
        return float(self.fleet.manage("shell", "--no-imports", "-c", code).split()[-1])

    def taken_after(self, moment: float) -> list[Accepted]:
        """Return what the server took after a moment (time())."""
        return [entry for entry in self.server.accepted if entry.at > moment]

    def require_consistent(
        self, samples: Sequence[Sample] = (), *, all_are_eligible: bool = True
    ) -> dict[str, int]:
        """Let the oracle compare ledger and mail server; return the states."""
        rows = read_rows(self.fleet.query, mailing_outs=[self.mailing_out])
        at_the_end = read_samples(self.fleet.query, mailing_outs=[self.mailing_out])
        everybody = {f"person{number}@example.net" for number in range(self.people)}
        require_consistent(
            rows,
            self.server.accepted,
            samples=[*samples, *at_the_end],
            eligible=everybody if all_are_eligible else (),
        )
        return self.states()


@dataclass
class ServedExperiment(Experiment):
    """An experiment on PostgreSQL and Redis."""

    postgresql: Postgresql
    redis: Redis

    def as_superuser(self, sql: str) -> list[tuple[Any, ...]]:  # Any: as mixed as columns are
        """Run a statement in the experiment's database, whatever the product may not do now."""
        name = self.fleet.database_url.rpartition("/")[2]
        return self.postgresql.execute(sql, database=name)


def recoveries_s(moments: Iterable[float], accepted: Sequence[Accepted]) -> list[float]:
    """Return how long after each moment (time()) the last account sent its next mail.

    An account that had nothing left is not counted.
    """
    accounts = _moments_by_account(accepted).values()
    found = []
    for moment in moments:
        following = ((times, bisect_right(times, moment)) for times in accounts)
        waits = [times[place] - moment for times, place in following if place < len(times)]
        found.append(max(waits, default=0.0))
    return found


def longest_silence_s(accepted: Sequence[Accepted]) -> float:
    """Return the longest time between two mails of one account."""
    return max(
        later - earlier
        for times in _moments_by_account(accepted).values()
        for earlier, later in itertools.pairwise(times)
    )


def _moments_by_account(accepted: Sequence[Accepted]) -> dict[str, list[float]]:
    """Return when each account's mails were taken; the Message-ID's domain tells the account."""
    moments: dict[str, list[float]] = {}
    for entry in sorted(accepted, key=lambda entry: entry.at):
        moments.setdefault(entry.message_id.rpartition("@")[2], []).append(entry.at)
    return moments


class ServerRoom:
    """The servers, and one database in which a campaign has just been started."""

    def __init__(self, folder: Path, *, people: int = PEOPLE, accounts: int = ACCOUNTS) -> None:
        self.folder = folder
        self.people = people
        self.accounts = accounts
        self.key = Fernet.generate_key().decode()
        self.postgresql, self.redis = Postgresql(), Redis()
        self.mail_port = free_port()
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count(1)
        self._changing_tables: list[str] = []  # of the small campaign, once it is made

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.postgresql)
            stack.enter_context(self.redis)
            seeding = Fleet(self.folder, self.postgresql.url, "", key=self.key)
            seeding.manage("migrate", "--noinput", "--verbosity", "0")
            ports = [self.mail_port] * self.accounts
            self.postgresql.execute(
                "CREATE DATABASE massmail_small TEMPLATE massmail OWNER massmail"
            )
            (self.mailing_out,) = seeding.seed(people=self.people, ports=ports)["mailing_outs"]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def experiment(self, folder: Path, **extra: str) -> Iterator[ServedExperiment]:
        """Run one experiment on a copy of the database; the processes get `extra`."""
        with self._experiment(folder, "massmail", self.people, extra) as experiment:
            yield experiment

    @contextlib.contextmanager
    def small_experiment(self, folder: Path) -> Iterator[ServedExperiment]:
        """Run an experiment on a campaign to very few people, which `renew` begins anew."""
        if not self._changing_tables:
            self._make_small()
        with self._experiment(folder, "massmail_small", SMALL, {}) as experiment:
            yield experiment

    def renew(self, experiment: ServedExperiment) -> None:
        """Give a small experiment the rows that it began with (a new copy would take longer)."""
        anew = (
            f"DELETE FROM {name}; INSERT INTO {name} SELECT * FROM seeded.{name};"
            for name in self._changing_tables
        )
        experiment.as_superuser("SET session_replication_role = replica;" + "".join(anew))

    def _make_small(self) -> None:
        """Seed the small campaign, and keep its rows where `renew` finds them."""
        database = "massmail_small"
        seeding = Fleet(self.folder, self.postgresql.url_of(database), "", key=self.key)
        seeding.seed(people=SMALL, ports=[self.mail_port])
        tables = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'massmail%'"
        self._changing_tables = [name for (name,) in seeding.query(tables)]
        copies = (f"CREATE TABLE seeded.{name} AS TABLE {name};" for name in self._changing_tables)
        self.postgresql.execute("CREATE SCHEMA seeded;" + "".join(copies), database=database)

    @contextlib.contextmanager
    def _experiment(
        self, folder: Path, template: str, people: int, extra: dict[str, str]
    ) -> Iterator[ServedExperiment]:
        name = f"{template}_{next(self._numbers)}"
        self._copy(template, name)
        fleet = Fleet(
            folder, self.postgresql.url_of(name), self.redis.url, key=self.key, extra=extra
        )
        with ChaosServer(port=self.mail_port, log_path=folder / "accepted.jsonl") as server:
            try:
                yield ServedExperiment(
                    fleet,
                    server,
                    self.mailing_out,
                    people,
                    self.accounts,
                    postgresql=self.postgresql,
                    redis=self.redis,
                )
            finally:
                fleet.kill_all()
                self._tidy(name)

    def _copy(self, template: str, name: str) -> None:
        self.postgresql.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER massmail")

    def _drop(self, name: str) -> None:
        self.postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _tidy(self, database: str) -> None:
        """Bring the servers back up, and take away what the experiment left in them."""
        for server in (self.postgresql, self.redis):
            if server.process is None:
                server.start()
        wait_until(self.postgresql.answers, what="PostgreSQL")
        self._drop(database)
        self.redis.client().flushall()


class SqliteFile:
    """The seeded database of a small installation without servers, to be copied."""

    def __init__(
        self, folder: Path, *, people: int = 2_000 if LONG else 600, accounts: int = 2
    ) -> None:
        self.path = folder / "seeded.sqlite3"
        self.people = people
        self.accounts = accounts
        self.key = Fernet.generate_key().decode()
        self.mail_port = free_port()
        seeding = Fleet(folder, f"sqlite:///{self.path}", "", key=self.key)
        seeding.manage("migrate", "--noinput", "--verbosity", "0")
        ports = [self.mail_port] * self.accounts
        (self.mailing_out,) = seeding.seed(people=people, ports=ports)["mailing_outs"]
        seeding.query("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextlib.contextmanager
    def experiment(self, folder: Path, **extra: str) -> Iterator[Experiment]:
        """Run one experiment on a copy of the file."""
        copy = self.renew(folder)
        fleet = Fleet(folder, f"sqlite:///{copy}", "", key=self.key, extra=extra)
        with ChaosServer(port=self.mail_port, log_path=folder / "accepted.jsonl") as server:
            try:
                yield Experiment(fleet, server, self.mailing_out, self.people, self.accounts)
            finally:
                fleet.kill_all()

    def renew(self, folder: Path) -> Path:
        """Copy the file into the folder, in place of the one that may be there."""
        copy = folder / "db.sqlite3"
        for leftover in folder.glob("db.sqlite3*"):
            leftover.unlink()
        return Path(shutil.copyfile(self.path, copy))
