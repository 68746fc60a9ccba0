"""An installation for each system test: on PostgreSQL and Redis, or embedded, as the run is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.smtp_server import SmtpServer
from tests.system.installation import Installation, postgresql_database

PEOPLE = int(os.environ.get("SYSTEM_TEST_PEOPLE", "1200"))  # of a campaign

USERS = {"user": "secret"}  # of the servers


@pytest.fixture
def people() -> int:
    return PEOPLE


@pytest.fixture
def installation(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    server_url = os.environ.get("TEST_DATABASE_URL")
    if not server_url:
        database_url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
        with Installation(tmp_path, database_url, "") as embedded:
            yield embedded
        return
    redis_url = request.getfixturevalue("redis_url")
    with (
        postgresql_database(server_url) as database_url,
        Installation(tmp_path, database_url, redis_url) as real,
    ):
        yield real


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer(users=USERS) as server:
        yield server


@pytest.fixture
def other_server() -> Iterator[SmtpServer]:
    with SmtpServer(users=USERS) as server:
        yield server
