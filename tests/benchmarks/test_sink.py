"""The small server that takes every mail answers each command once, however bytes arrive."""

import pytest

from benchmarks.sink import Client

pytestmark = pytest.mark.once

TALK = (
    b"EHLO here\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n"
    b"Subject: one\r\n\r\n..\r\n.\r\n"
    b"MAIL FROM:<a@x.org>\r\nRCPT TO:<c@x.org>\r\nDATA\r\n.\r\nQUIT\r\n"
)
CODES = [b"250", b"250", b"250", b"354", b"250", b"250", b"250", b"354", b"250", b"221"]


@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
def test_each_command_has_one_answer(step):
    client = Client()

    said = b"".join(client.received(TALK[at : at + step]) for at in range(0, len(TALK), step))

    assert [line[:3] for line in said.splitlines() if line[3:4] == b" "] == CODES
    assert client.ended
