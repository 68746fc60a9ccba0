"""What the tests of mass mailing share."""

from collections.abc import Iterator

import pytest

from massmail.services import versions


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Iterator[None]:
    """Forget compiled versions: rolled back tests use the same ids again."""
    yield
    versions.compiled.cache_clear()
