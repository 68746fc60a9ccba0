"""Header lines of a mail: checked or cleaned text, RFC 2047 words, folding, addresses.

Lines have at most 78 characters wherever a fold is possible and never more than 998 (RFC 5322
section 2.1.1). Every function returns finished bytes with their line end.
"""

import binascii
import datetime
import functools
import re
from email.utils import format_datetime, unquote

from django.utils.translation import gettext as _

from massmail.addresses import PLAIN_ADDRESS_MAX, PLAIN_ADDRESS_REGEX, wire_address
from massmail.content.problems import BuildError

MAX_LINE = 78
MAX_URL = 900  # a longer one would make a line of more than 998
MAX_TEXT = 2_000  # characters of a subject or a name

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_ADDRESS = re.compile(PLAIN_ADDRESS_REGEX)
_CONTROL_RUNS = re.compile("[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_QUOTABLE = re.compile(r"[\x20-\x7e]*")
_MESSAGE_ID = re.compile(
    r"<[\x21-\x3b\x3d\x3f\x41-\x7e]{1,400}@[\x21-\x3b\x3d\x3f\x41-\x7e]{1,400}>"
)
_URL = re.compile(r"https?://[\x21-\x3b\x3d\x3f-\x7e]+")
_LIST_ID = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_WORD_FRAME = len("=?utf-8?b??=")
_MAX_ENCODED_WORD = 75  # RFC 2047 section 2


def one_line(text: str) -> str:
    """Return personal data for a header: controls and line ends become one space."""
    if text.isprintable() and "  " not in text:
        return text.strip()[:MAX_TEXT]
    return _CONTROL_RUNS.sub(" ", text).strip()[:MAX_TEXT]


def refuse_controls(text: str, what: str) -> str:
    """Return text of an author or an account unchanged; raises BuildError if it has controls."""
    if CONTROLS.search(text):
        raise BuildError(_("“%(what)s” has control characters or line ends.") % {"what": what})
    return text


def text_header(name: str, text: str) -> bytes:
    """Return an unstructured header such as Subject; the text is already one line."""
    if text.isascii() and "=?" not in text:
        folded = _fold_words(f"{name}: {text}")
        if folded is not None:
            return folded
    return f"{name}: {encoded_words(text, first=len(name) + 2)}\r\n".encode()


def address_header(name: str, display_name: str, address: str) -> bytes:
    """Return a header with exactly one mailbox; both parts are already checked or cleaned."""
    phrase = _phrase(display_name, first=len(name) + 2)
    line = f"{name}: {phrase} <{address}>" if phrase else f"{name}: {address}"
    if len(line) <= MAX_LINE:
        return f"{line}\r\n".encode()
    mailbox = f"<{address}>" if phrase else address
    last_line = phrase.rpartition("\r\n")[2]
    used = len(last_line) + (0 if "\r\n" in phrase else len(name) + 2)
    gap = "" if not phrase else " " if used + 1 + len(mailbox) <= MAX_LINE else "\r\n "
    if not phrase and used + len(mailbox) > MAX_LINE:
        gap = "\r\n "
    return f"{name}: {phrase}{gap}{mailbox}\r\n".encode()


def mailbox_header(name: str, mailbox: str) -> tuple[bytes, str]:
    """Return a header from `Name <address>` or an address as an account has it, and the address.

    Raises BuildError if it is not exactly one valid mailbox.
    """
    display_name, address = _split_mailbox(refuse_controls(mailbox, name))
    wire = wire_or_refuse(address)
    return address_header(name, display_name, wire), wire


def display_name(mailbox: str) -> str:
    """Return the name in `Name <address>`, "" where there is only an address."""
    return _split_mailbox(mailbox)[0]


def _split_mailbox(mailbox: str) -> tuple[str, str]:
    """Return the name and the address of a mailbox, neither of them checked."""
    text = mailbox.strip()
    if not text.endswith(">"):
        return "", text
    name, _bracket, address = text[:-1].rpartition("<")
    return one_line(unquote(name.strip())), address


def wire_or_refuse(address: str, *, smtputf8: bool = False) -> str:
    """Return an address for the envelope; raises BuildError if it is not valid.

    Also if it is not ASCII, unless the server takes those (`smtputf8`, RFC 6531).
    """
    if len(address) <= PLAIN_ADDRESS_MAX and _PLAIN_ADDRESS.match(address):
        local_part, _at, domain = address.rpartition("@")
        return f"{local_part}@{domain.lower()}"
    wire = None if CONTROLS.search(address) else wire_address(address)
    if wire is None:
        raise BuildError(_("“%(address)s” is not a valid address.") % {"address": address[:80]})
    if not (smtputf8 or wire.isascii()):
        raise BuildError(
            _("The part before the @ of “%(address)s” cannot be sent: only ASCII is.")
            % {"address": address[:80]},
            reason="smtputf8",
        )
    return wire


def message_id_header(message_id: str) -> bytes:
    """Return the Message-ID header; raises BuildError if it is not `<left@right>`."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise BuildError(_("The Message-ID is not valid."))
    gap = " " if len(message_id) + 12 <= MAX_LINE else "\r\n "
    return f"Message-ID:{gap}{message_id}\r\n".encode("ascii")


def unsubscribe_headers(url: str) -> bytes:
    """Return List-Unsubscribe and its one-click companion (RFC 2369, RFC 8058).

    Never folded: a link has no place for it, and not every reader takes a first line without one.
    """
    checked_url(url)
    return (
        f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    ).encode("ascii")


def checked_url(url: str) -> str:
    """Return the unsubscribe link; raises BuildError if it cannot stand in a header."""
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        raise BuildError(_("The unsubscribe link is not an address of the web, or too long."))
    return url


def list_id_header(list_id: str) -> bytes:
    """Return the List-Id header (RFC 2919), nothing for an empty one."""
    if not list_id:
        return b""
    if len(list_id) > 255 or not _LIST_ID.fullmatch(list_id):
        raise BuildError(_("The List-Id is not valid."))
    gap = " " if len(list_id) + 11 <= MAX_LINE else "\r\n "
    return f"List-Id:{gap}<{list_id}>\r\n".encode("ascii")


@functools.lru_cache(maxsize=16)
def date_header(date: datetime.datetime) -> bytes:
    """Return the Date header; `date` is aware and counts in whole seconds."""
    return f"Date: {format_datetime(date)}\r\n".encode("ascii")


def encoded_words(text: str, *, first: int) -> str:
    """Return a text as folded encoded words (RFC 2047); `first` characters stand before it.

    No word parts a character: each decodes by itself.
    """
    data = text.encode()
    if (len(data) + 2) // 3 * 4 + _WORD_FRAME <= min(MAX_LINE - first, _MAX_ENCODED_WORD):
        return f"=?utf-8?b?{_base64(data)}?=" if data else ""  # one word: nearly all
    words: list[str] = []
    begin, room = 0, MAX_LINE - first
    while begin < len(data):
        end = begin + (min(room, _MAX_ENCODED_WORD) - _WORD_FRAME) // 4 * 3
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{_base64(data[begin:end])}?=")
        begin, room = end, MAX_LINE - 1
    return "\r\n ".join(words)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _phrase(text: str, *, first: int) -> str:
    """Return a display name: atoms, a quoted string, or encoded words (RFC 5322 section 3.2.5)."""
    if len(text) + first <= MAX_LINE - 2 and "=?" not in text:
        if _ATOMS.fullmatch(text):
            return text
        if _QUOTABLE.fullmatch(text):
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            if len(quoted) + first <= MAX_LINE - 2:
                return f'"{quoted}"'
    return encoded_words(text, first=first)


def _fold_words(line: str) -> bytes | None:
    """Return an ASCII header line folded at its spaces, None if a word is too long for that."""
    if len(line) <= MAX_LINE:
        return f"{line}\r\n".encode("ascii")
    lines: list[str] = [""]
    for word in line.split(" "):
        if len(lines[-1]) + 1 + len(word) > MAX_LINE and lines[-1].strip():
            lines.append("")
        lines[-1] += (" " if len(lines) > 1 or lines[-1] else "") + word
    if any(len(folded) > MAX_LINE for folded in lines) or lines[0].endswith(":"):
        return None
    return ("\r\n".join(lines) + "\r\n").encode("ascii")
