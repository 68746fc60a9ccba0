import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from massmail.backends import smtp_protocol as protocol
from massmail.backends.base import Reply


def read(data: bytes) -> list[protocol.FullReply]:
    parser = protocol.ReplyParser()
    parser.feed(data)
    replies = []
    while reply := parser.next_reply():
        replies.append(reply)
    return replies


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"250 Ok\r\n", Reply(250, "", "Ok")),
        (b"250\r\n", Reply(250, "", "")),
        (b"250 Ok\n", Reply(250, "", "Ok")),
        (b"550 5.1.1 No such user\r\n", Reply(550, "5.1.1", "No such user")),
        (b"550-5.1.1 No\r\n550 5.1.1 such user\r\n", Reply(550, "5.1.1", "No\nsuch user")),
        (b"550-Sorry\r\n550 5.1.1 no user\r\n", Reply(550, "5.1.1", "Sorry\nno user")),
        (b"550 5.01.001 Zeros\r\n", Reply(550, "5.1.1", "Zeros")),
        (b"250 5.1.1 class of another code\r\n", Reply(250, "", "5.1.1 class of another code")),
        (b"450 5.1.1 mismatch\r\n", Reply(450, "", "5.1.1 mismatch")),
        (b"354 3.0.0 no such class\r\n", Reply(354, "", "3.0.0 no such class")),
        (b"550 5.1.1.2 no code\r\n", Reply(550, "", "5.1.1.2 no code")),
        (b"550 5.7.1: colon\r\n", Reply(550, "5.7.1", "colon")),
        (b"550 a\0b\x1b[31mc\td\x7f\r\n", Reply(550, "", "ab[31mc d")),
        (b"550 \xff\xfe\r\n", Reply(550, "", "\ufffd\ufffd")),
        ("550 a\u202eb\r\n".encode(), Reply(550, "", "ab")),
        (b"550 a\rb\r\n", Reply(550, "", "ab")),
        (b"550 " + b"x" * 600 + b"\r\n", Reply(550, "", "x" * 500)),
    ],
)
def test_reply_is_read(data, expected):
    assert [reply.brief() for reply in read(data)] == [expected]


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"25\r\n",
        b"2500 Ok\r\n",
        b"250_Ok\r\n",
        b"199 Low\r\n",
        b"600 High\r\n",
        b" 250 Ok\r\n",
        b"\r\n",
        b"\0\0\0\r\n",
        b"250-one\r\n550 two\r\n",
        b"250-one\r\n251-two\r\n250 three\r\n",
        b"250 " + b"x" * 9_000,
        b"250 " + b"x" * 9_000 + b"\r\n",
        b"250-x\r\n" * 100 + b"250 x\r\n",
        (b"250-" + b"x" * 8_000 + b"\r\n") * 9,
    ],
)
def test_garbage_is_refused(data):
    with pytest.raises(protocol.UnreadableReply):
        read(data)


def test_one_megabyte_without_a_line_end_is_refused_at_eight_kilobytes():
    parser = protocol.ReplyParser()
    parser.feed(b"2" * 8_192)
    with pytest.raises(protocol.UnreadableReply, match="line too long"):
        parser.next_reply()


@given(st.lists(st.integers(1, 7), min_size=1))
def test_reply_is_the_same_however_it_arrives(cuts):
    data = b"250-one\r\n250 two\r\n550 5.1.1 three\r\n"
    parser = protocol.ReplyParser()
    replies = []
    while data:
        size = cuts[len(data) % len(cuts)]
        parser.feed(data[:size])
        data = data[size:]
        while reply := parser.next_reply():
            replies.append(reply)
    assert [reply.brief() for reply in replies] == [
        Reply(250, "", "one\ntwo"),
        Reply(550, "5.1.1", "three"),
    ]
    assert not parser.has_leftover


@given(st.binary(max_size=300))
def test_parser_reads_or_refuses_any_bytes(data):
    try:
        replies = read(data)
    except protocol.UnreadableReply:
        return
    for reply in replies:
        assert 200 <= reply.code <= 599
        assert len(reply.brief().text) <= 500


def test_has_leftover_sees_half_a_reply():
    parser = protocol.ReplyParser()
    parser.feed(b"250-one\r\n")
    assert parser.next_reply() is None
    assert parser.has_leftover


def test_capabilities_of_an_ehlo_reply():
    (reply,) = read(
        b"250-x PLAIN\r\n250-size 100\r\n250-AUTH=LOGIN\r\n250-auth PLAIN\r\n250 8BITMIME\r\n"
    )
    assert protocol.parse_capabilities(reply) == {
        "SIZE": "100",
        "AUTH": "LOGIN PLAIN",
        "8BITMIME": "",
    }


def test_capabilities_beyond_the_text_of_a_reply_are_seen():
    lines = b"".join(b"250-X" + b"y" * 90 + b"%d\r\n" % i for i in range(20))
    (reply,) = read(b"250-x\r\n" + lines + b"250 STARTTLS\r\n")
    assert "STARTTLS" in protocol.parse_capabilities(reply)


def test_envelope_commands():
    assert protocol.mail_command("a@b.example") == b"MAIL FROM:<a@b.example>\r\n"
    assert protocol.mail_command("") == b"MAIL FROM:<>\r\n"
    assert protocol.rcpt_command('"a b"@c.example') == b'RCPT TO:<"a b"@c.example>\r\n'


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@b.example",
        "a@",
        "a@b\r\nRCPT TO:<c@d>",
        "a@b\n",
        "a@b\0",
        "a@b> SIZE=1",
        "a b@c",
        "<a@b",
        "ü@b.example",
        "a@bücher.example",
        "a\x7f@b",
        '"a"b"@c d',
        "a" * 600 + "@b",
    ],
)
def test_envelope_address_that_could_leave_its_brackets_is_refused(address):
    with pytest.raises(ValueError, match=r"address|command"):
        protocol.rcpt_command(address)


@given(st.text())
def test_a_command_is_one_ascii_line_or_nothing(text):
    try:
        line = protocol.serialise_command(text)
    except ValueError:
        return
    assert re.fullmatch(rb"[\x20-\x7e]*\r\n", line)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b".a\r\n..b\r\n", b"..a\r\n...b\r\n.\r\n"),
        (b"a\n.\nb\r.\rc\r\n", b"a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\n\r\n..\r\n.\r\n"),
        (b"a\n.\r\nMAIL FROM:<x@y>\r\n", b"a\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n"),
    ],
)
def test_body_is_stuffed(data, expected):
    assert protocol.stuff_body(data) + protocol.END_OF_DATA == expected


BODY_BYTES = st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"a", b"\0", b"\xff"])).map(
    b"".join
)


@given(BODY_BYTES)
def test_no_body_ends_early_or_holds_a_bare_line_end(data):
    stuffed = protocol.stuff_body(data) + protocol.END_OF_DATA
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", stuffed)
    lines = stuffed.split(b"\r\n")
    assert lines.index(b".") == len(lines) - 2
    assert not [line for line in lines[:-2] if re.match(rb"\.(?!\.)", line)]


def test_auth_plain_is_one_line():
    exchange = protocol.auth_plain("ann", "sécret")
    assert exchange.command == b"AUTH PLAIN " + base64.b64encode("\0ann\0sécret".encode()) + b"\r\n"
    assert exchange.answers == ()


def test_auth_plain_with_a_long_password_waits_to_be_asked():
    exchange = protocol.auth_plain("ann", "x" * 600)
    assert exchange.command == b"AUTH PLAIN\r\n"
    assert base64.b64decode(exchange.answers[0]) == b"\0ann\0" + b"x" * 600


def test_auth_login_answers_twice():
    exchange = protocol.auth_login("ann", "secret")
    assert exchange.command == b"AUTH LOGIN\r\n"
    assert [base64.b64decode(answer) for answer in exchange.answers] == [b"ann", b"secret"]


def test_auth_does_not_show_its_password():
    exchange = protocol.auth_plain("ann", "secret")
    assert exchange.command.decode().split()[-1] not in repr(exchange)


@pytest.mark.parametrize("user", ["a\0b"])
def test_auth_refuses_nul(user):
    with pytest.raises(ValueError, match="NUL"):
        protocol.auth_plain(user, "secret")


@pytest.mark.parametrize(
    ("offered", "mechanism"),
    [("LOGIN PLAIN", "PLAIN"), ("login", "LOGIN"), ("XOAUTH2 CRAM-MD5", None), ("", None)],
)
def test_choose_auth(offered, mechanism):
    exchange = protocol.choose_auth({"AUTH": offered}, "ann", "secret")
    assert (exchange and exchange.mechanism) == mechanism


def test_auth_xoauth2_is_one_line_however_long_and_answers_any_challenge_by_an_empty_one():
    exchange = protocol.auth_xoauth2("ann@example.org", "t" * 5_000)
    command, mechanism, response = exchange.command.decode().split(" ")
    assert (command, mechanism, exchange.answers) == ("AUTH", "XOAUTH2", (b"\r\n",))
    assert base64.b64decode(response).decode() == (
        f"user=ann@example.org\x01auth=Bearer {'t' * 5_000}\x01\x01"
    )
    assert "ttt" not in repr(exchange)


@pytest.mark.parametrize(("user", "token"), [("a\x01b", "t"), ("a", "t\x01"), ("a", "té")])
def test_auth_xoauth2_refuses_what_would_break_its_fields(user, token):
    with pytest.raises(ValueError, match="control character"):
        protocol.auth_xoauth2(user, token)


@pytest.mark.parametrize(("offered", "chosen"), [("PLAIN xoauth2", True), ("PLAIN", False)])
def test_choose_xoauth2(offered, chosen):
    assert bool(protocol.choose_xoauth2({"AUTH": offered}, "ann", "t")) is chosen


def test_reply_of_another_library_is_read_as_our_own():
    assert protocol.reply_of(550, "5.1.1 no\r\n5.1.1 user\t\x1b[1m") == Reply(
        550, "5.1.1", "no\nuser [1m"
    )
    assert len(protocol.reply_of(550, "x" * 100_000).text) == 500
