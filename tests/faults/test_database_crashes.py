"""A PostgreSQL that dies, is short of connections, stalls, or deadlocks (F16, F18)."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.servers import wait_until
from tests.faults.workers import (
    IN_DOUBT,
    LEASE_S,
    LONG,
    Sampler,
    ServedExperiment,
    longest_silence_s,
)

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.once]

CHILDREN = 5
RESUMES_S = 30
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def test_f16_postgresql_killed(experiment, chance, record_property):
    fleet, crashes = experiment.fleet, 20 if LONG else 3
    experiment.slow_down(300 if LONG else 5)
    fleet.beat()
    fleet.worker(children=CHILDREN)
    with Sampler(fleet) as sampler:
        for crash in range(crashes):
            experiment.wait_for_mails((crash + chance.uniform(0.3, 0.9)) / (crashes + 1))
            crash_a_backend(experiment) if crash % 2 else crash_all(experiment)
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    silence_s = longest_silence_s(experiment.server.accepted)
    record_property("uncertain", states["uncertain"])
    record_property("seconds of the longest silence of an account", round(silence_s, 1))
    assert states["uncertain"] <= IN_DOUBT * CHILDREN * crashes
    assert states["failed"] == states["skipped"] == 0
    assert silence_s <= RESUMES_S + LEASE_S


def crash_a_backend(experiment: ServedExperiment) -> None:
    """Kill one connection's process: the cluster ends all others, and recovers by itself."""
    ((pid,),) = experiment.as_superuser(f"SELECT pid {OTHERS} ORDER BY random() LIMIT 1")
    experiment.postgresql.kill_a_backend(pid)
    wait_until(experiment.postgresql.answers, what="the recovery")


def crash_all(experiment: ServedExperiment) -> None:
    experiment.postgresql.kill()
    experiment.postgresql.start()


def test_f18_no_connections_stalls_and_deadlocks(experiment, record_property):
    fleet, seconds = experiment.fleet, 60 if LONG else 2
    experiment.slow_down(600 if LONG else 9)
    fleet.beat()
    fleet.worker(children=CHILDREN)
    with Sampler(fleet) as sampler:
        experiment.wait_for_mails(0.1)
        with no_connections(experiment):
            wait_until(experiment.postgresql.answers, what="the superuser's connection")
            threading.Event().wait(seconds)
        experiment.wait_for_more(50)
        with stalled_statements(experiment):
            threading.Event().wait(5 if LONG else 2)
        experiment.wait_for_more(50)
        deadlocks = provoke_deadlocks(experiment, seconds)
        experiment.wait_for_end()

    record_property("deadlocks", deadlocks)
    states = experiment.require_consistent(sampler.samples)
    assert deadlocks > 0
    assert states["failed"] == states["skipped"] == 0
    assert states["uncertain"] <= IN_DOUBT * CHILDREN * 3


@contextmanager
def no_connections(experiment: ServedExperiment) -> Iterator[None]:
    """Let the product have one connection, and end those that it has."""
    experiment.postgresql.execute("ALTER ROLE massmail CONNECTION LIMIT 1")
    experiment.as_superuser(f"SELECT pg_terminate_backend(pid) {OTHERS}")
    try:
        yield
    finally:
        experiment.postgresql.execute("ALTER ROLE massmail CONNECTION LIMIT -1")


@contextmanager
def stalled_statements(experiment: ServedExperiment) -> Iterator[None]:
    """Let every statement on deliveries wait for a lock."""
    with psycopg.connect(experiment.fleet.database_url) as connection:
        connection.execute("LOCK TABLE massmail_delivery IN ACCESS EXCLUSIVE MODE")
        yield


def provoke_deadlocks(experiment: ServedExperiment, seconds: float) -> int:
    """Lock rows in the order opposite to the product's; return how many deadlocks there were."""
    counting = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    until, mine = time.monotonic() + seconds, 0
    with psycopg.connect(experiment.fleet.database_url, autocommit=True) as connection:
        while time.monotonic() < until:
            try:
                with connection.transaction():
                    connection.execute("UPDATE massmail_mailingout SET name = name")
                    connection.execute("SELECT pg_sleep(0.1)")
                    connection.execute("UPDATE massmail_emailaccount SET name = name")
            except psycopg.errors.DeadlockDetected:
                mine += 1  # the product's own are counted by PostgreSQL alone
    wait_until(lambda: experiment.fleet.ask(counting) >= mine, what="the count")  # it comes late
    return int(experiment.fleet.ask(counting))
