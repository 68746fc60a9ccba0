"""Full disks, and a SQLite file on which everybody writes at once (F19, F20)."""

import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from random import Random

import pytest

from massmail.models import Picture
from massmail.services import pictures
from tests.factories import UserFactory, red_square
from tests.faults.servers import wait_until
from tests.faults.workers import IN_DOUBT, LONG, Experiment, Sampler
from tests.system.installation import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.once]

WRITERS = 8
BUSY_S = 5
WAL_KEPT_BYTES = 64 * 1024  # of a segment: the next write to it finds the disk full
SEND = ("manage.py", "sendmassmail", "--until-idle")


def test_f19_eight_writers_on_one_sqlite_file(sqlite_experiment, chance, record_property):
    experiment = sqlite_experiment
    experiment.slow_down(4)
    with Sampler(experiment.fleet) as sampler, writers(experiment, chance) as waits_s:
        senders = [send(experiment) for _ in range(2)]
        experiment.wait_for_end()
        assert [sender.wait(60) for sender in senders] == [0, 0]

    record_property("seconds of the longest wait of a writer", round(max(waits_s), 2))
    states = experiment.require_consistent(sampler.samples)
    assert states["sent"] == experiment.people
    assert "locked" not in experiment.fleet.logs()
    assert max(waits_s) <= BUSY_S


@contextmanager
def writers(experiment: Experiment, chance: Random) -> Iterator[list[float]]:
    """Write from eight threads as the product's pages would; collect how long each one waited.

    A writer that is refused ends its thread with an error, which fails the test.
    """
    over, waits_s = threading.Event(), [0.0]
    path = experiment.fleet.database_url.removeprefix("sqlite:///")

    def write(pause: Random) -> None:
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
            while not over.wait(pause.uniform(0, 0.2)):
                begun_s = time.monotonic()
                connection.execute("BEGIN IMMEDIATE")
                waits_s.append(time.monotonic() - begun_s)
                connection.execute("UPDATE crm_contact SET first_name = first_name || '.'")
                connection.execute("ROLLBACK" if pause.random() < 0.1 else "COMMIT")

    threads = [
        threading.Thread(target=write, args=(Random(chance.random()),)) for _ in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield waits_s
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_f20_full_disk_of_sqlite_and_of_the_log(sqlite_experiment, record_property):
    fleet, people = sqlite_experiment.fleet, sqlite_experiment.people
    pages = fleet.ask("PRAGMA page_count")
    with Sampler(fleet) as sampler:
        for more_pages in (0, 2, 4):
            fleet.extra["FAULTS_MAX_PAGES"] = str(pages + more_pages)
            send_without_log(sqlite_experiment)
            wait_until(
                lambda: not is_held(sqlite_experiment), what="the end of the leases", timeout_s=60
            )
        stopped_at = sqlite_experiment.taken
        del fleet.extra["FAULTS_MAX_PAGES"]
        wait_until(
            lambda: send_without_log(sqlite_experiment) == 0 and sqlite_experiment.has_ended,
            what="the end with space",
            timeout_s=120,
        )

    record_property("mails before there was space again", stopped_at)
    states = sqlite_experiment.require_consistent(sampler.samples)
    assert stopped_at < people
    assert states["failed"] == states["skipped"] == 0
    assert states["uncertain"] <= IN_DOUBT * 3


def is_held(experiment: Experiment) -> bool:
    """Tell whether a run has a lease that has not run out."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    sql = f"SELECT COUNT(*) FROM massmail_emailaccount WHERE run_lease_until > '{now}'"
    return bool(experiment.fleet.ask(sql))


def send(experiment: Experiment) -> subprocess.Popen[bytes]:
    return experiment.fleet._start(*SEND)


def send_without_log(experiment: Experiment) -> int:
    """Send what may leave now with a log whose disk is full; return the exit code."""
    with open("/dev/full", "wb") as full:
        return subprocess.run(
            [sys.executable, *SEND],
            cwd=ROOT,
            env=experiment.fleet.environment,
            stdout=subprocess.DEVNULL,
            stderr=full,
            timeout=120,
            check=False,
        ).returncode


def test_f20_full_disk_of_postgresql(experiment):
    fleet = experiment.fleet
    experiment.slow_down(60 if LONG else 5)
    fleet.beat()
    fleet.worker(children=5)
    with Sampler(fleet) as sampler:
        experiment.wait_for_mails(0.3)
        experiment.postgresql.fill_the_disk(WAL_KEPT_BYTES)
        wait_until(lambda: not experiment.postgresql.answers(), what="the end of the cluster")
        experiment.postgresql.kill()
        stopped_at = experiment.taken
        experiment.postgresql.start()
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    assert stopped_at < experiment.people
    assert states["failed"] == states["skipped"] == 0


@pytest.mark.django_db
def test_f20_full_disk_of_the_media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    owner = UserFactory.create()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            pictures.add(owner=owner, name="red.png", data=red_square())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert not Picture.objects.exists()
    picture = pictures.add(owner=owner, name="red.png", data=red_square())
    assert picture.file.size == picture.size_bytes
