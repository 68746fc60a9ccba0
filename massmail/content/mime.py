"""The MIME tree of a message, laid out once as bytes with two gaps for the parts of each mail.

mixed(alternative(text, related(HTML, pictures)), attachments), each level only where needed
(RFC 2046, RFC 2387). Pictures and attachments are encoded once.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.message import MIMEPart
from email.policy import SMTP

_BASE64_LINE = 57  # octets that make 76 characters
_CONTENT_TYPE = re.compile(
    r"(application|audio|font|image|model|text|video)/([A-Za-z0-9.+-]{1,100})"
)
_ASCII_BYTES = bytes(range(128))

Encoder = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a mail: shown in the HTML when it has a content id, attached otherwise."""

    name: str
    content_type: str
    data: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Everything of the body that all mails of a message share, around their two parts."""

    before_text: bytes
    between: bytes
    after_html: bytes
    encode_text: Encoder
    encode_html: Encoder

    def fill(self, headers: bytes, text: str, html: str) -> bytes:
        """Return one mail: its headers, then the tree with these two parts."""
        return b"".join(
            (
                headers,
                self.before_text,
                self.encode_text(text),
                self.between,
                self.encode_html(html),
                self.after_html,
            )
        )


def lay_out(*, text: str, html: str, files: Iterable[FilePart]) -> Skeleton:
    """Build the skeleton; the texts are samples by which the transfer encodings are chosen."""
    token = secrets.token_hex(12)
    files = list(files)
    pictures = [part for part in files if part.content_id]
    attachments = [part for part in files if not part.content_id]
    text_cte, encode_text = _choose_encoding(text)
    html_cte, encode_html = _choose_encoding(html)
    before_html, after_html = _leaf("html", html_cte), b""
    if pictures:
        before_html, after_html = _wrap("related", token, before_html, pictures)
    alternative = f"=_{token}a".encode()
    before_text = (
        _multipart("alternative", alternative)
        + b"--%b\r\n" % alternative
        + _leaf("plain", text_cte)
    )
    between = b"\r\n--%b\r\n" % alternative + before_html
    after_html += b"\r\n--%b--\r\n" % alternative
    if attachments:
        before_text, tail = _wrap("mixed", token, before_text, attachments)
        after_html += tail
    return Skeleton(
        b"MIME-Version: 1.0\r\n" + before_text, between, after_html, encode_text, encode_html
    )


def quoted_printable(text: str) -> bytes:
    """Encode a text part, lines at most 76 characters (RFC 2045 section 6.7)."""
    return binascii.b2a_qp(_wire_text(text))


def base64_lines(text: str) -> bytes:
    """Encode a text part as lines of 76 characters (RFC 2045 section 6.8)."""
    return _base64(_wire_text(text))


def _wire_text(text: str) -> bytes:
    """Return the text as UTF-8 with CRLF line ends and one at its end."""
    unified = text if text.endswith("\n") else text + "\n"
    if "\r" in unified:
        unified = unified.replace("\r\n", "\n").replace("\r", "\n")
    return unified.replace("\n", "\r\n").encode()


def _base64(data: bytes) -> bytes:
    encoded = base64.b64encode(data)
    width = _BASE64_LINE // 3 * 4
    return b"".join(
        encoded[begin : begin + width] + b"\r\n" for begin in range(0, len(encoded), width)
    )


def _choose_encoding(sample: str) -> tuple[str, Encoder]:
    """Return the shorter encoding: from one non-ASCII octet in six, base64 is."""
    data = sample.encode()
    if len(data.translate(None, _ASCII_BYTES)) * 6 > len(data):
        return "base64", base64_lines
    return "quoted-printable", quoted_printable


def _leaf(subtype: str, transfer_encoding: str) -> bytes:
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: {transfer_encoding}\r\n\r\n"
    ).encode("ascii")


def _multipart(subtype: str, boundary: bytes) -> bytes:
    related = b' type="text/html";' if subtype == "related" else b""
    return b'Content-Type: multipart/%b;%b\r\n boundary="%b"\r\n\r\n' % (
        subtype.encode(),
        related,
        boundary,
    )


def _wrap(subtype: str, token: str, before: bytes, files: list[FilePart]) -> tuple[bytes, bytes]:
    """Put a multipart around a part that begins with `before`; return its beginning and its end."""
    boundary = f"=_{token}{subtype[0]}".encode()
    begin = _multipart(subtype, boundary) + b"--%b\r\n" % boundary + before
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
    return entity.as_bytes() + _base64(part.data)
