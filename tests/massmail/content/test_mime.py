from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from massmail.content.mime import FilePart, lay_out, leaf

PICTURE = FilePart("a.png", "image/png", b"picture", "1@massmail")
FILE = FilePart("a.pdf", "application/pdf", b"file" * 100)


TEXT = leaf("plain", "7bit") + b"a\r\n"
HTML = leaf("html", "7bit") + b"b\r\n"


def whole(files: list[FilePart], *, eight_bit: bool = False) -> bytes:
    skeleton = lay_out(files)
    return skeleton.fill(b"X: y\r\n", TEXT, HTML, eight_bit=eight_bit) + skeleton.tail


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
    message = parse(whole(files))

    assert tree(message) == expected
    assert [
        part.get_content()
        for part in message.walk()
        if part.get_content_maintype() == "text" and not part.get_filename()
    ] == ["a\r\n", "b\r\n"]


def test_picture_is_inline_and_file_attached() -> None:
    data = whole([PICTURE, FILE])

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
    data = whole([FilePart(name, "text/plain", b"x")])

    found = [part.get_filename() for part in parse(data).walk() if part.get_filename()]
    assert found == [name]
    assert max(len(line) for line in data.split(b"\r\n")) <= 78


@pytest.mark.parametrize(
    "content_type", ["message/rfc822", "a", "text/html\r\nX: y", "multipart/mixed"]
)
def test_content_type_that_cannot_be_kept_is_octets(content_type: str) -> None:
    data = whole([FilePart("a", content_type, b"x")])

    assert tree(parse(data)) == "mixed(alternative(plain, html), octet-stream)"


@pytest.mark.parametrize("files", [[], [PICTURE], [FILE], [PICTURE, FILE]])
def test_every_level_says_that_there_are_octets_above_127(files: list[FilePart]) -> None:
    for eight_bit, label in ((True, "8bit"), (False, None)):
        message = parse(whole(files, eight_bit=eight_bit))
        levels = [part for part in message.walk() if part.is_multipart()]
        assert {level["Content-Transfer-Encoding"] for level in levels} == {label}


def test_tail_is_all_that_follows_the_html() -> None:
    skeleton = lay_out([PICTURE, FILE])

    assert skeleton.tail.startswith(b"\r\n--")
    assert skeleton.fill(b"", TEXT, HTML).endswith(HTML)
    assert [line for line in skeleton.tail.split(b"\r\n") if line.startswith(b".")] == []
    assert b"cGljdHVyZQ==" in skeleton.tail
