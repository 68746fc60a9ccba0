import datetime
import random
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from massmail.addresses import wire_address
from massmail.content import headers
from massmail.content.problems import BuildError
from tests.massmail.content.hard_names import hard_text

ANY_TEXT = st.text(
    alphabet=st.one_of(
        st.characters(), st.sampled_from('\r\n\t\0\x0b\x1b\x7f\x85\u2028,;:<>@"\\()=? Éя漢😀')
    ),
    max_size=200,
)


def parse(line: bytes) -> EmailMessage:
    """Parse header lines and make sure of their outer form."""
    assert line.endswith(b"\r\n")
    lines = line[:-2].split(b"\r\n")
    assert all(len(each) <= 78 and each.strip() and each.isascii() for each in lines), lines
    assert b"\r" not in b"".join(lines)
    assert b"\n" not in b"".join(lines)
    message: Any = message_from_bytes(line + b"\r\n", policy=SMTP)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


@settings(max_examples=500, deadline=None)
@given(ANY_TEXT)
def test_subject_of_any_text_reads_back(text: str) -> None:
    subject = headers.one_line(text)

    message = parse(headers.text_header("Subject", subject))

    assert message.keys() == ["Subject"]
    assert message["Subject"] == subject


@settings(max_examples=500, deadline=None)
@given(ANY_TEXT)
def test_name_of_any_text_reads_back(text: str) -> None:
    name = headers.one_line(text)

    message = parse(headers.address_header("To", name, "a@example.com"))

    header = message["To"]
    assert isinstance(header, AddressHeader)
    assert message.keys() == ["To"]
    # Python's parser keeps the space between encoded words in a name; RFC 2047 6.2 drops it
    assert [(each.display_name.replace(" ", ""), each.addr_spec) for each in header.addresses] == [
        (name.replace(" ", ""), "a@example.com")
    ]


def test_names_in_all_scripts_read_back_by_two_parsers() -> None:
    chance = random.Random(1)
    for _number in range(1_000):
        name = headers.one_line(hard_text(chance))
        line = headers.text_header("Subject", name)
        unfolded = line.decode().partition(": ")[2].replace("\r\n", "")
        assert parse(line)["Subject"] == name
        if "=?" in unfolded:
            assert str(make_header(decode_header(unfolded))) == name
        to = parse(headers.address_header("To", name, "a@example.com"))["To"]
        ((_name, address),) = getaddresses([str(to)])
        assert address == "a@example.com"


@pytest.mark.parametrize("length", range(40, 90))
def test_words_around_the_longest_that_fits(length: int) -> None:
    for letter in ("a", "ü", "漢", "😀"):
        text = letter * length + " =?"
        line = headers.text_header("Subject", text)
        assert parse(line)["Subject"] == text
        assert max(map(len, line.split())) <= 75


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", b"To: a@example.com\r\n"),
        ("Ann Lee", b"To: Ann Lee <a@example.com>\r\n"),
        ("Lee, Ann", b'To: "Lee, Ann" <a@example.com>\r\n'),
        ('A "B" \\C', b'To: "A \\"B\\" \\\\C" <a@example.com>\r\n'),
        ("Jürgen", b"To: =?utf-8?b?SsO8cmdlbg==?= <a@example.com>\r\n"),
        ("=?utf-8?q?x?=", b"To: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <a@example.com>\r\n"),
    ],
)
def test_address_header(name: str, expected: bytes) -> None:
    assert headers.address_header("To", name, "a@example.com") == expected


def test_long_ascii_subject_folds_at_spaces() -> None:
    subject = " ".join(["word"] * 40)

    line = headers.text_header("Subject", subject)

    assert b"=?" not in line
    assert parse(line)["Subject"] == subject


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nBcc: b@c.de", "a Bcc: b@c.de"),
        ("a\x0bb\x85c\u2028d\u2029e\0f\x7fg", "a b c d e f g"),
        (" a   b ", "a b"),
        ("\ud800a", "a"),
    ],
)
def test_one_line_makes_controls_a_space(text: str, expected: str) -> None:
    assert headers.one_line(text) == expected


def test_name_in_encoded_words_reads_back_exactly() -> None:
    name = "漢字" * 40

    phrase = headers.address_header("To", name, "a@example.com")[4:].partition(b"<")[0]

    assert str(make_header(decode_header(phrase.decode().strip()))) == name


def test_mailbox_header_takes_name_and_address_apart() -> None:
    assert headers.mailbox_header("From", '"Sales, Inc" <sales@Exämple.com>') == (
        b'From: "Sales, Inc" <sales@xn--exmple-cua.com>\r\n',
        "sales@xn--exmple-cua.com",
    )


@pytest.mark.parametrize(
    "mailbox",
    [
        "",
        "a",
        "a@localhost",
        "A <a@example.com>\r\nBcc: b@example.com",
        "a@example.com\x0bBcc",
        "a@example.com, b@example.com",
        "A\x85 <a@example.com>",
        "a@[127.0.0.1]",
        "ä@example.com",
    ],
)
def test_mailbox_header_refuses(mailbox: str) -> None:
    with pytest.raises(BuildError):
        headers.mailbox_header("From", mailbox)


def test_local_part_beyond_ascii_needs_smtputf8() -> None:
    with pytest.raises(BuildError) as caught:
        headers.wire_or_refuse("jürgen@example.com")

    assert caught.value.reason == "smtputf8"
    assert headers.wire_or_refuse("jürgen@Exämple.com", smtputf8=True) == (
        "jürgen@xn--exmple-cua.com"
    )


@pytest.mark.parametrize("address", ["Ann.Lee+x@Sub.Example.COM", "a@b.cd", "-a_@1.x-y.org"])
def test_plain_address_is_taken_as_any_other(address: str) -> None:
    assert headers.wire_or_refuse(address) == wire_address(address)


def test_header_of_an_address_beyond_ascii() -> None:
    line = headers.address_header("To", "Jürgen", "jürgen@example.com")

    assert line == "To: =?utf-8?b?SsO8cmdlbg==?= <jürgen@example.com>\r\n".encode()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mailto:a@example.com",
        "javascript:alert(1)",
        "https://e.com/a b",
        "https://e.com/>\r\nX: y",
        "https://e.com/ä",
        "https://e.com/" + "a" * 900,
    ],
)
def test_unsubscribe_headers_refuse(url: str) -> None:
    with pytest.raises(BuildError):
        headers.unsubscribe_headers(url)


def test_unsubscribe_headers_of_the_longest_link() -> None:
    url = "https://e.com/".ljust(headers.MAX_URL, "a")

    lines = headers.unsubscribe_headers(url).split(b"\r\n")

    assert lines == [
        f"List-Unsubscribe: <{url}>".encode(),
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        b"",
    ]


@pytest.mark.parametrize("message_id", ["", "a@b", "<a>", "<a@b>\r\nX: y", "<a b@c>", "<ä@b>"])
def test_message_id_refuses(message_id: str) -> None:
    with pytest.raises(BuildError):
        headers.message_id_header(message_id)


def test_list_id() -> None:
    assert headers.list_id_header("") == b""
    assert headers.list_id_header("sales.example.com") == b"List-Id: <sales.example.com>\r\n"
    with pytest.raises(BuildError):
        headers.list_id_header("sales\r\nX: y")


def test_date_header() -> None:
    date = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    assert headers.date_header(date) == b"Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n"
