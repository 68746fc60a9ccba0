import asyncio
import contextlib
import signal
import smtplib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from crm.demo import mailbox
from crm.demo.mailbox_file import MailboxReader, MailboxWriter

ENVELOPE = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"


@pytest.fixture
def talk(tmp_path):
    """Send these pieces, each a packet, to a mailbox; return its replies and the mails it kept."""

    def conversation(*pieces, replies):
        path = tmp_path / "mailbox.sqlite3"
        with ThreadPoolExecutor(1) as thread:  # a browser's event loop may live in this one
            run = thread.submit(lambda: asyncio.run(_conversation(path, pieces, replies)))
            return run.result()

    return conversation


async def _conversation(path, pieces, replies):
    writer = MailboxWriter(path)
    handler = mailbox.MailboxHandler(writer)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: mailbox._session(handler), "127.0.0.1", 0)
    reader, client = await asyncio.open_connection(*server.sockets[0].getsockname())
    client.write(b"EHLO client.example\r\n")
    while not (await reader.readline()).startswith(b"250 "):
        pass
    for piece in pieces:
        client.write(piece)
        await client.drain()
        await asyncio.sleep(0)
    said = [(await reader.readline()).decode().strip() for _ in range(replies)]
    client.close()
    with contextlib.suppress(ConnectionError):
        await client.wait_closed()
    await handler.idle.wait()
    server.close()
    await server.wait_closed()
    writer.close()
    found = MailboxReader(path)
    return said, [found.content(mail.number) for mail in reversed(found.newest())]


@pytest.mark.parametrize(
    ("wire", "kept"),
    [
        (b"Subject: hi\r\n\r\nHello\r\n.\r\n", b"Subject: hi\r\n\r\nHello\r\n"),
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n...a\r\n.\r\n", b".\r\n..a\r\n"),
        (b"A sentence.\r\nAnother.\r\n.\r\n", b"A sentence.\r\nAnother.\r\n"),
        (b"bare\n.\nline feeds\r\n.\r\n", b"bare\n.\nline feeds\r\n"),
        ((b"x" * 76 + b"\r\n") * 5_000 + b".\r\n", (b"x" * 76 + b"\r\n") * 5_000),
        (b"x" * 200_000 + b"\r\n.\r\n", b"x" * 200_000 + b"\r\n"),
    ],
)
def test_mail_is_kept_as_it_was_written(talk, wire, kept):
    said, mails = talk(ENVELOPE, wire, replies=4)

    assert said[3].startswith("250 ")
    assert mails == [kept]


def test_end_in_pieces_is_an_end(talk):
    said, mails = talk(ENVELOPE, b"Hello\r", b"\n.", b"\r", b"\n", replies=4)

    assert said[3].startswith("250 ")
    assert mails == [b"Hello\r\n"]


def test_next_mail_may_follow_at_once(talk):
    said, mails = talk(ENVELOPE, b"one\r\n.\r\n" + ENVELOPE + b"two\r\n.\r\n", replies=8)

    assert [reply[:3] for reply in said] == ["250", "250", "354", "250"] * 2
    assert mails == [b"one\r\n", b"two\r\n"]


def test_each_recipient_has_a_mail(talk):
    to_two = ENVELOPE.replace(b"DATA", b"RCPT TO:<c@example.com>\r\nDATA")

    _said, mails = talk(to_two, b"Hello\r\n.\r\n", replies=5)

    assert mails == [b"Hello\r\n"] * 2


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("<a@example.org> SIZE=100 BODY=8BITMIME", "250"),
        ("<>", "250"),
        ('<"quoted part"@example.org>', "250"),
        ("<zoë@example.org> SMTPUTF8", "250"),
        ("<a@example.org> NONSENSE=1", "555"),
        ("<a@b@c>", "553"),
    ],
)
def test_senders_of_all_kinds_are_read(talk, sender, code):
    said, _mails = talk(f"MAIL FROM:{sender}\r\n".encode(), replies=1)

    assert said[0][:3] == code


def test_mail_without_a_recipient_is_refused(talk):
    said, mails = talk(b"MAIL FROM:<a@example.org>\r\nDATA\r\n", replies=2)

    assert said[1].startswith("503 ")
    assert mails == []


def test_too_large_a_mail_is_read_to_its_end_and_refused(talk, monkeypatch):
    monkeypatch.setattr(mailbox, "MAX_MAIL_BYTES", 1_000)

    said, mails = talk(
        ENVELOPE, b"x" * 100_000 + b"\r\n.\r\n" + ENVELOPE + b"small\r\n.\r\n", replies=8
    )

    assert [said[3][:3], said[7][:3]] == ["552", "250"]
    assert mails == [b"small\r\n"]


@pytest.mark.slow
def test_process_serves_and_ends_on_sigterm(tmp_path):
    path, port_file = tmp_path / "mailbox.sqlite3", tmp_path / "port"
    argv = [sys.executable, "-m", "crm.demo.mailbox", "--port", "0"]
    process = subprocess.Popen([*argv, "--file", str(path), "--port-file", str(port_file)])
    try:
        deadline = time.monotonic() + 20
        while not port_file.exists() and time.monotonic() < deadline:
            assert process.poll() is None
        with smtplib.SMTP("127.0.0.1", int(port_file.read_text()), timeout=10) as client:
            client.sendmail("a@example.org", ["b@example.com"], "Subject: hi\r\n\r\nHello\r\n")
            assert MailboxReader(path).count() == 1  # once it is answered it is kept
            process.send_signal(signal.SIGTERM)
            client.sendmail("a@example.org", ["c@example.com"], "Subject: last\r\n\r\nBye\r\n")
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
    assert MailboxReader(path).count() == 2
