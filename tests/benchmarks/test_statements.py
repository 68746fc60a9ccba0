"""Statements are counted on their way to PostgreSQL, however bytes arrive."""

import pytest

from benchmarks.statements import Counted, _Client

pytestmark = pytest.mark.once


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4) + body


TALK = (
    message(b"", b"\x00\x03\x00\x00user\x00me\x00\x00")
    + message(b"Q", b"BEGIN\x00")
    + message(b"P", b"\x00SELECT 1\x00\x00\x00")
    + message(b"B", b"\x00\x00\x00\x00\x00\x00\x00\x00")
    + message(b"E", b"\x00\x00\x00\x00\x00")
    + message(b"S", b"")
)


@pytest.mark.parametrize("step", [1, 3, 10_000])
def test_simple_queries_and_executions_count(step):
    client = _Client(Counted())

    for at in range(0, len(TALK), step):
        client.read(TALK[at : at + step])

    assert client.counted.statements == 2


def test_wish_for_encryption_is_seen():
    request = (8).to_bytes(4) + (80877103).to_bytes(4)

    assert _Client(Counted()).wants_encryption(request)
    assert not _Client(Counted(), has_begun=True).wants_encryption(request)
