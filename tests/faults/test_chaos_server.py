"""The chaos server itself: pipelined clients, chunks, rules, TLS, and its log."""

import contextlib
import json
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.faults.accept_log import read_accept_log
from tests.faults.chaos_rules import ACCEPT, CLOSE, HANG, PLAIN, RESET, Until
from tests.faults.chaos_server import ChaosServer
from tests.smtp_certificates import certificate_file, client_context
from tests.system.installation import ROOT

ENVELOPE = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<%b>\r\n"


def body(number: int, size_bytes: int = 0) -> bytes:
    return b"Message-ID: <%d@example.org>\r\n\r\n%b\r\n" % (number, b"x" * size_bytes)


@contextlib.contextmanager
def connected(server: ChaosServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        yield client


def replies(client: socket.socket, number: int) -> list[str]:
    """The codes of so many replies; fewer if the server ends the connection."""
    found: list[str] = []
    text = ""
    with contextlib.suppress(ConnectionError):
        while len(found) < number and (received := client.recv(65_536)):
            text += received.decode("latin-1")
            found = re.findall(r"^(\d{3})(?: .*)?\r\n", text, re.MULTILINE)
    return found


def test_a_pipelined_client_gets_its_replies_in_order():
    with ChaosServer() as server, connected(server) as client:
        first = ENVELOPE % b"p1@example.com"
        client.sendall(b"EHLO me\r\n")
        assert replies(client, 2) == ["220", "250"]
        client.sendall(first + b"DATA\r\n")
        assert replies(client, 3) == ["250", "250", "354"]
        for number in range(2, 30):  # the next envelope stands behind the body
            envelope = ENVELOPE % f"p{number}@example.com".encode()
            client.sendall(body(number - 1, 20_000) + b".\r\n" + envelope + b"DATA\r\n")
            assert replies(client, 4) == ["250", "250", "250", "354"]
        client.sendall(body(29) + b".\r\nQUIT\r\n")
        assert replies(client, 2) == ["250", "221"]

    people = [(entry.message_id, entry.recipient) for entry in server.accepted]
    assert people == [(f"<{n}@example.org>", f"p{n}@example.com") for n in range(1, 30)]


def test_bytes_that_come_one_by_one_are_the_same_mail():
    with ChaosServer() as server, connected(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        mail = ENVELOPE % b"p@example.com" + b"DATA\r\n" + body(1) + b"..\r\n.\r\n"
        for place in range(len(mail)):
            client.sendall(mail[place : place + 1])
        assert replies(client, 5) == ["220", "250", "250", "354", "250"]

    assert [entry.message_id for entry in server.accepted] == ["<1@example.org>"]


def test_a_refused_recipient_refuses_data_and_takes_nothing():
    with ChaosServer() as server, connected(server) as client:
        server.on("rcpt", "550 5.1.1 No such user", recipient="p@example.com")
        client.sendall(ENVELOPE % b"p@example.com" + b"DATA\r\nRSET\r\n")
        assert replies(client, 5) == ["220", "250", "550", "503", "250"]
        client.sendall(ENVELOPE % b"q@example.com" + b"DATA\r\n" + body(2) + b".\r\n")
        assert replies(client, 4) == ["250", "250", "354", "250"]

    assert [entry.recipient for entry in server.accepted] == ["q@example.com"]


def test_a_server_may_ask_for_the_body_of_nobody():
    with ChaosServer() as server, connected(server) as client:
        server.on("rcpt", "550 5.1.1 No such user")
        server.on("data", "354 Go ahead all the same")
        client.sendall(ENVELOPE % b"p@example.com" + b"DATA\r\n.\r\n")
        assert replies(client, 5) == ["220", "250", "550", "354", "554"]

    assert server.accepted == []


def test_chunks_make_a_mail_and_the_next_may_be_behind_them():
    with ChaosServer() as server, connected(server) as client:
        head, rest = body(1)[:10], body(1)[10:]
        mails = ENVELOPE % b"p1@example.com"
        mails += b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (len(head), head, len(rest), rest)
        second = body(2, 50_000)
        mails += ENVELOPE % b"p2@example.com" + b"BDAT %d LAST\r\n%b" % (len(second), second)
        mails += b"MAIL FROM:<a@example.org>\r\nBDAT 3 LAST\r\nabcRSET\r\n"
        client.sendall(mails)
        codes = replies(client, 11)

    assert codes == ["220", *["250"] * 8, "503", "250"]
    assert [entry.message_id for entry in server.accepted] == [
        "<1@example.org>",
        "<2@example.org>",
    ]


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"recipient": "p3@example.com"}, [3]),
        ({"recipient": "@example.com", "times": 2}, [0, 1]),
        ({"every": 4}, [3, 7]),
        ({"every": 4, "times": 1}, [3]),
    ],
)
def test_a_rule_is_used_when_it_fits(values, refused):
    with ChaosServer() as server, connected(server) as client:
        rule = server.on("rcpt", "450 4.2.0 later", **values)
        for number in range(8):
            client.sendall(b"RSET\r\n" + ENVELOPE % f"p{number}@example.com".encode())
        codes = replies(client, 25)

    assert [place for place, code in enumerate(codes[3::3]) if code == "450"] == refused
    assert rule.hits == [f"p{number}@example.com" for number in refused]


def test_a_share_depends_on_the_seed_alone():
    def hits(seed: int) -> list[str]:
        with ChaosServer(seed=seed) as server, connected(server) as client:
            rule = server.on("rcpt", "450 4.2.0 later", share=0.2)
            for number in range(100):
                client.sendall(ENVELOPE % f"p{number}@example.com".encode())
            replies(client, 201)
        return rule.hits

    assert hits(7) == hits(7) != hits(8)
    assert 5 < len(hits(7)) < 40


@pytest.mark.parametrize(
    ("actions", "codes", "taken"),
    [
        ((CLOSE,), [], 0),
        ((ACCEPT, CLOSE), [], 1),
        ((ACCEPT, RESET), [], 1),
        (("250 2.0.0 ok", CLOSE), ["250"], 1),
        (("451 4.3.0 no",), ["451"], 0),
        ((b"250-",), [], 1),
        ((b"\0\xff\r\n", "250 ok"), ["250"], 1),
    ],
)
def test_what_a_rule_does_at_the_dot(actions, codes, taken):
    with ChaosServer() as server, connected(server) as client:
        server.on("dot", *actions)
        client.sendall(ENVELOPE % b"p@example.com" + b"DATA\r\n")
        assert replies(client, 4) == ["220", "250", "250", "354"]
        client.sendall(body(1) + b".\r\n")
        with contextlib.suppress(OSError):  # the server may have been first
            client.shutdown(socket.SHUT_WR)
        assert replies(client, 2) == codes

    assert len(server.accepted) == (taken if actions != (b"250-",) else 0)


def test_a_hanging_rule_ends_when_the_client_leaves():
    with ChaosServer() as server:
        server.on("mail", HANG)
        with connected(server) as client:
            client.sendall(b"MAIL FROM:<a@example.org>\r\n")
            assert replies(client, 1) == ["220"]
        with connected(server) as client:  # others are served meanwhile
            assert replies(client, 1) == ["220"]


def test_a_body_that_is_not_read_fills_the_wire():
    with ChaosServer(receive_buffer_bytes=4096) as server, connected(server) as client:
        server.on("body", HANG)
        client.sendall(ENVELOPE % b"p@example.com" + b"DATA\r\n")
        assert replies(client, 4)[-1] == "354"
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.sendall(b"x" * 20_000_000)


def test_a_condition_is_waited_for():
    seen: list[int] = []

    def is_asked_twice() -> bool:
        seen.append(1)
        return len(seen) > 1

    with ChaosServer() as server, connected(server) as client:
        server.on("connect", Until(is_asked_twice))
        assert replies(client, 1) == ["220"]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_tls_and_login(tls):
    with ChaosServer(tls=tls, certificate=certificate_file("good"), users={"u": "right"}) as server:
        context = client_context()
        if tls == "implicit":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                "localhost", server.port, timeout=5, context=context
            )
        else:
            client = smtplib.SMTP("localhost", server.port, timeout=5)
            client.starttls(context=context)
        with client:
            client.login("u", "right")
            client.sendmail("a@example.org", ["p@example.com"], body(1).decode())
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("u", "wrong")

    assert [entry.recipient for entry in server.accepted] == ["p@example.com"]
    assert b"AUTH" not in server.clear_bytes


@pytest.mark.parametrize(
    ("tls", "rule"),
    [
        ("starttls", ("starttls", "220 Go ahead", PLAIN)),
        ("starttls", ("tls", PLAIN)),
        ("starttls", ("tls", CLOSE)),
        ("implicit", ("tls", b"220 in clear\r\n", CLOSE)),
    ],
)
def test_a_handshake_that_does_not_come(tls, rule):
    with ChaosServer(tls=tls, certificate=certificate_file("good")) as server:
        server.on(*rule)
        with socket.create_connection(("localhost", server.port), timeout=5) as client:
            if tls == "starttls":
                client.sendall(b"EHLO me\r\nSTARTTLS\r\n")
                assert replies(client, 3)[:2] == ["220", "250"]  # a reset may overtake the third
            client.settimeout(0.5)
            with pytest.raises((ssl.SSLError, ConnectionError, TimeoutError)):
                client_context().wrap_socket(client, server_hostname="localhost")
    assert server.accepted == []


def test_as_a_process_it_has_its_log_on_disk_before_it_says_so(tmp_path):
    log, rules = tmp_path / "accepted", tmp_path / "rules.json"
    rules.write_text(
        json.dumps([{"stage": "dot", "do": ["accept", "reset"], "recipient": "q@example.com"}])
    )
    command = [sys.executable, "-m", "tests.faults.chaos_server", "--log", log, "--rules", rules]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(ENVELOPE % b"p@example.com" + b"DATA\r\n" + body(1) + b".\r\n")
            assert replies(client, 5)[-1] == "250"
            assert [entry.recipient for entry in read_accept_log(log)] == ["p@example.com"]
            client.sendall(ENVELOPE % b"q@example.com" + b"DATA\r\n" + body(2) + b".\r\n")
            assert "250" not in replies(client, 4)[3:]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert len(read_accept_log(log)) == 2


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    log = tmp_path / "accepted"
    whole = '{"at": 1.0, "message_id": "<1@x>", "recipient": "p@example.com", "connection": 1}'
    log.write_text(f"{whole}\n{whole[:20]}")

    assert [entry.message_id for entry in read_accept_log(log)] == ["<1@x>"]
    assert read_accept_log(tmp_path / "none") == []
