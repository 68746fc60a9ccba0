from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from massmail.content.mime import FilePart, base64_lines, lay_out, quoted_printable

PICTURE = FilePart("a.png", "image/png", b"picture", "1@massmail")
FILE = FilePart("a.pdf", "application/pdf", b"file" * 100)


def parse(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=SMTP)
    assert isinstance(message, EmailMessage)
    return message


def tree(message: MIMEPart) -> str:
    """Return the content types of a message as nested text."""
    if not message.is_multipart():
        return message.get_content_type().partition("/")[2]
    parts = ", ".join(tree(part) for part in message.iter_parts())
    return f"{message.get_content_subtype()}({parts})"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], "alternative(plain, html)"),
        ([PICTURE], "alternative(plain, related(html, png))"),
        ([FILE], "mixed(alternative(plain, html), pdf)"),
        ([PICTURE, FILE], "mixed(alternative(plain, related(html, png)), pdf)"),
    ],
)
def test_tree_has_only_the_levels_needed(files: list[FilePart], expected: str) -> None:
    data = lay_out(text="a", html="b", files=files).fill(b"X: y\r\n", "a", "b")

    assert tree(parse(data)) == expected


def test_picture_is_inline_and_file_attached() -> None:
    data = lay_out(text="a", html="b", files=[PICTURE, FILE]).fill(b"", "a", "b")

    found = [part for part in parse(data).walk() if part.get_filename()]
    assert [
        (part["Content-Disposition"].content_disposition, part["Content-ID"], part.get_content())
        for part in found
    ] == [("inline", "<1@massmail>", b"picture"), ("attachment", None, b"file" * 100)]


FILE_NAMES = st.text(
    alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="/\\"),
    min_size=1,
    max_size=120,
).filter(lambda name: name == " ".join(name.split()))


@settings(deadline=None)
@given(FILE_NAMES)
def test_file_name_of_any_text_reads_back(name: str) -> None:
    data = lay_out(text="", html="", files=[FilePart(name, "text/plain", b"x")]).fill(b"", "", "")

    found = [part.get_filename() for part in parse(data).walk() if part.get_filename()]
    assert found == [name]
    assert max(len(line) for line in data.split(b"\r\n")) <= 78


@pytest.mark.parametrize(
    "content_type", ["message/rfc822", "a", "text/html\r\nX: y", "multipart/mixed"]
)
def test_content_type_that_cannot_be_kept_is_octets(content_type: str) -> None:
    data = lay_out(text="", html="", files=[FilePart("a", content_type, b"x")]).fill(b"", "", "")

    assert tree(parse(data)) == "mixed(alternative(plain, html), octet-stream)"


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=500))
def test_both_encodings_read_back(text: str) -> None:
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    expected = expected if expected.endswith("\n") else expected + "\n"
    for name, encode in (("quoted-printable", quoted_printable), ("base64", base64_lines)):
        encoded = encode(text)
        assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
        assert encoded.replace(b"\r\n", b"").isascii()
        assert b"\r" not in encoded.replace(b"\r\n", b"")
        assert b"\n" not in encoded.replace(b"\r\n", b"")
        head = (
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {name}\r\n\r\n"
        )
        content = parse(head.encode() + encoded).get_payload(decode=True)
        assert isinstance(content, bytes)
        assert content.decode().replace("\r\n", "\n") == expected


def test_encoding_is_the_shorter_one() -> None:
    skeleton = lay_out(text="Müller and others", html="Привет, мир", files=[])

    assert (skeleton.encode_text, skeleton.encode_html) == (quoted_printable, base64_lines)
