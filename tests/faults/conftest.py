"""The laboratory: servers that an experiment may break, made once for a run of the tests."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random, SystemRandom

import pytest

from tests.faults.servers import missing_programs
from tests.faults.workers import LONG, Experiment, Laboratory


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    missing = missing_programs()
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with Laboratory(tmp_path_factory.mktemp("laboratory")) as laboratory:
        yield laboratory


@pytest.fixture
def experiment(laboratory: Laboratory, tmp_path: Path) -> Iterator[Experiment]:
    with laboratory.experiment(tmp_path) as experiment:
        yield experiment


@pytest.fixture
def chance(record_property) -> Random:
    """Draws by a seed that is shown at the end: FAULTS_SEED, or a new one in the long form."""
    default = SystemRandom().randrange(1_000_000) if LONG else 1
    seed = int(os.environ.get("FAULTS_SEED", default))
    record_property("seed", seed)
    return Random(seed)
