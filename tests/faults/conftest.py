"""What the experiments share: a seed that is shown at the end, and a laboratory."""

import os
import random
from collections.abc import Callable, Iterator

import pytest

from tests.faults.laboratory import IS_LONG, Laboratory
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
