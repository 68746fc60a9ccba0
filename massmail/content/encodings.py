"""A text part as octets: quoted-printable, base64, or as it is (RFC 2045 section 6).

Whole texts, and runs of a text: what stands between two soft line breaks of quoted-printable.
"""

import base64
import binascii
import re

MAX_LINE = 998  # octets of a line without its end (RFC 5321 section 4.5.3.1.6)
MAX_QUOTED_LINE = 76  # RFC 2045 section 6.7
SOFT_BREAK = b"=\r\n"

_BASE64_LINE = 57  # octets that make 76 characters
_ASCII_BYTES = bytes(range(128))
_PLAIN_RUN = re.compile(r"[A-Za-z0-9 ,:()/?_-][A-Za-z0-9 ,:()/?_.-]{0,69}")  # nothing to encode
_MARK, _MARK_QUOTED = "=\n", b"=3D\r\n"


def prefers_base64(sample: str) -> bool:
    """Tell whether base64 is shorter than quoted-printable: from one non-ASCII octet in six."""
    data = sample.encode()
    return len(data.translate(None, _ASCII_BYTES)) * 6 > len(data)


def quoted_printable(text: str) -> bytes:
    """Encode a text part; no line begins with a dot."""
    return _safe_lines(binascii.b2a_qp(_wire_text(text)))


def base64_lines(text: str) -> bytes:
    """Encode a text part as lines of 76 characters (RFC 2045 section 6.8)."""
    return base64_data(_wire_text(text))


def base64_data(data: bytes) -> bytes:
    """Encode octets as lines of 76 characters, each with its end."""
    encoded = base64.b64encode(data)
    width = _BASE64_LINE // 3 * 4
    return b"".join(
        encoded[begin : begin + width] + b"\r\n" for begin in range(0, len(encoded), width)
    )


def unencoded(text: str) -> bytes | None:
    """Return a text part as UTF-8; None if it cannot travel so (RFC 2045 section 2.8)."""
    data = _wire_text(text)
    return data if is_line_data(data) else None


def is_line_data(data: bytes) -> bool:
    """Tell whether octets that end with CRLF have no line of more than 998, and no NUL.

    Goes from the last line end that is near enough to the last that is near enough to that.
    """
    begin, reach = 0, MAX_LINE + 2
    while len(data) - begin > reach:
        begin = data.rfind(b"\n", begin, begin + reach) + 1
        if not begin:
            return False
    return b"\0" not in data


def quoted_run(text: str) -> bytes:
    """Encode a run of a text for quoted-printable: a soft line break may stand on either side.

    It is encoded with a mark behind it that is taken off again: so there is room for the soft
    break, and a blank at the end does not look like one at the end of a line.
    """
    if _PLAIN_RUN.fullmatch(text):
        return text.encode("ascii")
    data = f"{text}{_MARK}".replace("\n", "\r\n").encode()
    quoted = binascii.b2a_qp(data)[: -len(_MARK_QUOTED)]
    return _safe_lines(quoted) if "." in text or "\n" in text else quoted


def unencoded_run(text: str) -> bytes:
    """Return a run of a text as UTF-8."""
    return text.replace("\n", "\r\n").encode()


def _wire_text(text: str) -> bytes:
    """Return the text as UTF-8 with CRLF line ends and one at its end."""
    unified = text if text.endswith("\n") else text + "\n"
    if "\r" in unified:
        unified = unified.replace("\r\n", "\n").replace("\r", "\n")
    return unified.replace("\n", "\r\n").encode()


def _safe_lines(quoted: bytes) -> bytes:
    """Return quoted-printable without dots at line starts and without overlong lines."""
    begins_with_dot = quoted.startswith(b".") or b"\n." in quoted
    if not (begins_with_dot or _has_long_line(quoted)):
        return quoted
    return b"\r\n".join(map(_safe_line, quoted.split(b"\r\n")))


def _has_long_line(quoted: bytes) -> bool:
    """Tell whether `b2a_qp` made a line too long, as where it quotes the blank at its end."""
    for blank in (b"=20\r", b"=09\r"):
        place = quoted.find(blank)
        while place >= 0:
            begin = quoted.rfind(b"\n", 0, place) + 1
            if place + 3 - begin > MAX_QUOTED_LINE:
                return True
            place = quoted.find(blank, place + 1)
    return False


def _safe_line(line: bytes) -> bytes:
    if line.startswith(b"."):
        line = b"=2E" + line[1:]
    if len(line) <= MAX_QUOTED_LINE:
        return line
    cut = MAX_QUOTED_LINE - 4
    inside = line.find(b"=", cut - 2, cut)  # the beginning of a quoted octet is not parted from it
    cut = cut if inside < 0 else inside
    return line[:cut] + SOFT_BREAK + _safe_line(line[cut:])
