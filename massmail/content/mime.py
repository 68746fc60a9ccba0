"""The MIME tree of a message, laid out once as bytes with two gaps for the parts of each mail.

mixed(alternative(text, related(HTML, pictures)), attachments), each level only where needed
(RFC 2046, RFC 2387). Pictures and attachments are encoded once.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import MIMEPart
from email.policy import SMTP

from massmail.content.encodings import base64_data

_CONTENT_TYPE = re.compile(
    r"(application|audio|font|image|model|text|video)/([A-Za-z0-9.+-]{1,100})"
)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a mail: shown in the HTML when it has a content id, attached otherwise."""

    name: str
    content_type: str
    data: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands between the headers of a mail and its text part, and between its two parts."""

    before_text: bytes
    between: bytes


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Everything of the body that all mails of a message share, around their two parts.

    `tail` is all that follows the HTML part; it has whole lines, and none begins with a dot.
    """

    seven_bit: Frame
    eight_bit: Frame  # the same tree, whose levels say that there are octets above 127 in them
    tail: bytes

    def fill(self, headers: bytes, text: bytes, html: bytes, *, eight_bit: bool = False) -> bytes:
        """Return one mail without its tail; both parts have their own headers, and whole lines."""
        frame = self.eight_bit if eight_bit else self.seven_bit
        return b"".join((headers, frame.before_text, text, frame.between, html))


def lay_out(files: Iterable[FilePart]) -> Skeleton:
    """Build the skeleton of a message with these files."""
    token = secrets.token_hex(12)
    files = list(files)
    seven_bit, tail = _frame(token, files, b"")
    eight_bit, _same_tail = _frame(token, files, b"Content-Transfer-Encoding: 8bit\r\n")
    return Skeleton(seven_bit, eight_bit, _checked(tail))


def leaf(subtype: str, transfer_encoding: str) -> bytes:
    """Return the headers of a text part."""
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: {transfer_encoding}\r\n\r\n"
    ).encode("ascii")


def _frame(token: str, files: list[FilePart], label: bytes) -> tuple[Frame, bytes]:
    """Return the tree up to the HTML part, and the tail; `label` is a header of each level."""
    pictures = [part for part in files if part.content_id]
    attachments = [part for part in files if not part.content_id]
    before_html, tail = b"", b""
    if pictures:
        before_html, tail = _wrap("related", token, label, pictures)
    alternative = f"=_{token}a".encode()
    before_text = _multipart("alternative", alternative, label) + b"--%b\r\n" % alternative
    tail += b"\r\n--%b--\r\n" % alternative
    if attachments:
        begin, end = _wrap("mixed", token, label, attachments)
        before_text, tail = begin + before_text, tail + end
    between = b"\r\n--%b\r\n" % alternative + before_html
    return Frame(b"MIME-Version: 1.0\r\n" + before_text, between), tail


def _checked(tail: bytes) -> bytes:
    """Return the tail if it may go out as it is; anything else would be a fault of this module."""
    line_ends = tail.count(b"\r\n")
    if tail.count(b"\r") != line_ends or tail.count(b"\n") != line_ends or b"\n." in tail:
        raise ValueError("the tail of a message is not made of whole lines without dots before")
    return tail


def _multipart(subtype: str, boundary: bytes, label: bytes) -> bytes:
    related = b' type="text/html";' if subtype == "related" else b""
    return b'Content-Type: multipart/%b;%b\r\n boundary="%b"\r\n%b\r\n' % (
        subtype.encode(),
        related,
        boundary,
        label,
    )


def _wrap(subtype: str, token: str, label: bytes, files: list[FilePart]) -> tuple[bytes, bytes]:
    """Return what a multipart has before its first part, and after it: these files."""
    boundary = f"=_{token}{subtype[0]}".encode()
    begin = _multipart(subtype, boundary, label) + b"--%b\r\n" % boundary
    parts = [b"\r\n--%b\r\n%b" % (boundary, _file_part(part)) for part in files]
    return begin, b"".join(parts) + b"\r\n--%b--\r\n" % boundary


def _file_part(part: FilePart) -> bytes:
    """Return a file as a finished part: its name per RFC 2231, its content as base64."""
    match = _CONTENT_TYPE.fullmatch(part.content_type.lower())
    main, sub = match.groups() if match else ("application", "octet-stream")
    entity = MIMEPart(policy=SMTP)
    entity["Content-Type"] = f"{main}/{sub}"
    entity["Content-Transfer-Encoding"] = "base64"
    kind = "inline" if part.content_id else "attachment"
    entity.add_header("Content-Disposition", kind, filename=part.name)
    if part.content_id:
        entity["Content-ID"] = f"<{part.content_id}>"
    return entity.as_bytes() + base64_data(part.data)
