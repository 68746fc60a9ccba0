"""The people of these tests."""

import pytest

from tests.massmail.cast import Cast, make_cast


@pytest.fixture
def cast(db) -> Cast:
    """Return a superuser, an owner, a colleague and a stranger."""
    return make_cast()
