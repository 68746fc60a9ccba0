"""The delivery loop is killed at each of its steps; then a healthy run finishes.

Each time nobody may be lost or mailed twice. What a step is: `crash_points`.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from tests.faults.workers import IN_DOUBT, LONG, Experiment, SqliteFile
from tests.system.installation import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.once]

KINDS = ("database", "network")  # of steps
TIMES = 5 if LONG else 1  # that each point is tried
POINTS = 400 if LONG else 10  # of each kind at most: of more steps so many are drawn
LATER_HOURS = 1  # by its clock the next run finds all leases ended


class Runner:
    """A process that runs the delivery loop in children of its own, on one database."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    def run(self, kind: str, *, kill_at: int = 0, hours: int = 0) -> dict[str, Any]:
        """Run once; return exit code, number of steps and the last step (Any: as in JSON)."""
        self._input.write(f"{kind} {kill_at} {hours}\n")
        self._input.flush()
        said: dict[str, Any] = json.loads(self._output.readline())
        return said


@contextmanager
def runner_on(experiment: Experiment) -> Iterator[Runner]:
    """Start the process; it ends with its input."""
    with (
        (experiment.fleet.folder / "runner.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.crash_points"],
            cwd=ROOT,
            env=experiment.fleet.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield Runner(process)


def sweep(
    experiment: Experiment, renew: Callable[[], None], chance: Random, record_property
) -> list[str]:
    """Kill at each point and let a healthy run finish; return what was wrong, point by point."""
    wrong: list[str] = []
    with runner_on(experiment) as runner:
        for kind in KINDS:
            renew()
            experiment.server.log.entries.clear()
            whole = runner.run(kind)
            assert whole["exit"] == 0
            assert experiment.require_consistent()["sent"] == experiment.people
            points = list(range(1, whole["steps"] + 1))
            times = TIMES if len(points) <= POINTS else 1
            points = sorted(chance.sample(points, min(POINTS, len(points))))
            for point in points * times:
                renew()
                wrong += crash(experiment, runner, kind, point)
            record_property(f"{kind} steps", whole["steps"])
            record_property(f"{kind} crashes", len(points) * times)
    return wrong


def crash(experiment: Experiment, runner: Runner, kind: str, point: int) -> list[str]:
    """Kill at one point and let a healthy run finish; return what was wrong."""
    experiment.server.log.entries.clear()
    killed = runner.run(kind, kill_at=point)
    healthy = runner.run(kind, hours=LATER_HOURS)
    try:
        assert killed["exit"] in {-9, 0}  # 0: it had fewer steps this time
        assert healthy["exit"] == 0
        states = experiment.require_consistent()
        assert states["uncertain"] <= IN_DOUBT
    except AssertionError as error:
        return [f"{kind} step {point}, {killed['label']}: {error}"]
    return []


def test_crash_points_on_sqlite(small_sqlite_file, tmp_path, chance, record_property):
    with small_sqlite_file.experiment(tmp_path) as experiment:
        wrong = sweep(
            experiment, lambda: small_sqlite_file.renew(tmp_path), chance, record_property
        )

    assert wrong == []


def test_crash_points_on_postgresql(server_room, tmp_path, chance, record_property):
    with server_room.small_experiment(tmp_path) as experiment:
        wrong = sweep(experiment, lambda: server_room.renew(experiment), chance, record_property)

    assert wrong == []


@pytest.fixture(scope="module")
def small_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> SqliteFile:
    return SqliteFile(tmp_path_factory.mktemp("small"), people=12, accounts=1)
