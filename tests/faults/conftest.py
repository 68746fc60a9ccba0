"""What the experiments share: a seed that is shown at the end, a laboratory, a room of servers."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.laboratory import IS_LONG, Laboratory
from tests.faults.servers import missing_programs
from tests.faults.workers import Experiment, ServedExperiment, ServerRoom, SqliteFile
from tests.massmail.conftest import identity_provider, token_server  # noqa: F401  # fixtures


@pytest.fixture
def seed(record_property: Callable[[str, object], None]) -> int:
    """The seed of the experiment: FAULTS_SEED, in the long form a new one, else 1."""
    given = os.environ.get("FAULTS_SEED")
    number = int(given) if given else random.SystemRandom().randrange(10**6) if IS_LONG else 1
    record_property("seed", number)
    return number


@pytest.fixture
def laboratory(seed: int) -> Iterator[Laboratory]:
    with Laboratory(seed) as laboratory:
        yield laboratory


@pytest.fixture
def chance(seed: int) -> random.Random:
    return random.Random(seed)


@pytest.fixture(scope="session")
def server_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerRoom]:
    """Servers of its own, made once, that experiments with real processes may break."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with ServerRoom(tmp_path_factory.mktemp("server_room")) as room:
        yield room


@pytest.fixture
def experiment(server_room: ServerRoom, tmp_path: Path) -> Iterator[ServedExperiment]:
    with server_room.experiment(tmp_path) as experiment:
        yield experiment


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> SqliteFile:
    return SqliteFile(tmp_path_factory.mktemp("sqlite_file"))


@pytest.fixture
def sqlite_experiment(sqlite_file: SqliteFile, tmp_path: Path) -> Iterator[Experiment]:
    with sqlite_file.experiment(tmp_path) as experiment:
        yield experiment
