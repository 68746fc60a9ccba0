"""SMTP as bytes: replies out of what was received, commands and bodies into what is sent.

No input or output happens here, so that a lock-step and a pipelining sender can share it.
Nothing that is serialised here can carry a line break, a NUL or a non-ASCII character into a
command, and no body can end early or smuggle a second mail (RFC 5321, section 4.5.2).
"""

import base64
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from massmail.backends.base import BuiltMail, Features, Reply
from massmail.errors import MassmailError

MAX_LINE_BYTES = 8 * 1024
MAX_REPLY_LINES = 100
MAX_REPLY_BYTES = 64 * 1024
MAX_TEXT_CHARACTERS = 500
MAX_COMMAND_BYTES = 512  # RFC 5321, section 4.5.3.1.4, with CRLF
MAX_AUTH_BYTES = 12_288  # RFC 4954, section 4
END_OF_DATA = b".\r\n"

_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?=[\s:;,]|$)[\s:;,]*")
# C0, DEL, C1, line and paragraph separators, and the marks that turn the direction of text.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
# An address of letters that are at home in a command: nothing to look at more closely.
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,200}@[A-Za-z0-9.-]{1,253}")


class UnreadableReply(MassmailError):
    """The server sent something that is no SMTP reply, or more than a reply may hold."""


@dataclass(frozen=True, slots=True)
class FullReply:
    """A complete reply with all its lines (an EHLO reply outgrows the text of a ``Reply``)."""

    code: int
    texts: tuple[bytes, ...]  # as received, without the codes: most replies are read by code alone

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the texts of the lines, decoded, without control characters."""
        decoded = (text.decode("utf-8", "replace").replace("\t", " ") for text in self.texts)
        return tuple(_UNPRINTABLE.sub("", text) for text in decoded)

    @property
    def kind(self) -> int:
        """Return the first digit: 2 done, 3 go on, 4 not now, 5 no."""
        return self.code // 100

    def brief(self) -> Reply:
        """Return the reply as it is kept: enhanced code apart, text cleaned and capped."""
        enhanced = ""
        texts = []
        for line in self.lines:
            found = _ENHANCED.match(line)
            if found and found[1] == str(self.kind):
                enhanced = enhanced or f"{found[1]}.{int(found[2])}.{int(found[3])}"
                texts.append(line[found.end() :])
            else:
                texts.append(line)
        return Reply(self.code, enhanced, "\n".join(texts).strip()[:MAX_TEXT_CHARACTERS])


def reply_of(code: int, text: str) -> Reply:
    """Return a reply that another library read, cleaned and capped as our own are."""
    lines = text[:MAX_REPLY_BYTES].splitlines()
    return FullReply(code, tuple(line.encode(errors="replace") for line in lines)).brief()


@dataclass(slots=True)
class ReplyParser:
    """Cut a stream of bytes into replies, within limits of size.

    Lines may end in CRLF or LF. After an ``UnreadableReply`` the stream is out of step: the
    connection must be closed.
    """

    _buffer: bytearray = field(default_factory=bytearray)
    _code: int = 0
    _lines: list[bytes] = field(default_factory=list)
    _size_bytes: int = 0

    def feed(self, received: bytes) -> None:
        """Add bytes as they came from the network."""
        self._buffer += received

    @property
    def has_leftover(self) -> bool:
        """Tell whether there are bytes that no reply returned so far has used."""
        return bool(self._buffer or self._lines)

    def next_reply(self) -> FullReply | None:
        """Return the next complete reply, or None if more bytes are needed.

        Raises UnreadableReply for a line that is no reply line, lines of one reply with
        different codes, and anything over the limits.
        """
        while True:
            end = self._buffer.find(b"\n", 0, MAX_LINE_BYTES)
            if end < 0:
                if len(self._buffer) >= MAX_LINE_BYTES:
                    raise UnreadableReply("reply line too long")
                return None
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            if self._take_line(line):
                reply = FullReply(self._code, tuple(self._lines))
                self._code, self._lines, self._size_bytes = 0, [], 0
                return reply

    def _take_line(self, line: bytes) -> bool:
        """Add a line to the current reply; return whether it was the last."""
        found = _REPLY_LINE.fullmatch(line)
        if not found:
            raise UnreadableReply("not a reply line")
        code = int(found[1])
        if self._lines and code != self._code:
            raise UnreadableReply("lines of one reply with different codes")
        self._size_bytes += len(line)
        if len(self._lines) >= MAX_REPLY_LINES or self._size_bytes > MAX_REPLY_BYTES:
            raise UnreadableReply("reply too long")
        self._code = code
        self._lines.append(found[3] or b"")
        return found[2] != b"-"


def parse_capabilities(reply: FullReply) -> dict[str, str]:
    """Return the keywords of an EHLO reply, upper case, with their parameters.

    The old form ``AUTH=PLAIN`` counts as ``AUTH PLAIN``.
    """
    capabilities: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.strip().partition(" ")
        keyword = keyword.upper()
        if keyword.startswith("AUTH="):
            keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}"
        known = capabilities.get(keyword, "")
        capabilities[keyword] = f"{known} {parameters}".strip()
    return capabilities


def features_of(capabilities: Mapping[str, str]) -> Features:
    """Return what of a server's capabilities changes how a mail is built."""
    size = capabilities.get("SIZE", "")
    return Features(
        eight_bit="8BITMIME" in capabilities,
        smtputf8="SMTPUTF8" in capabilities and "8BITMIME" in capabilities,  # RFC 6531, section 3.1
        max_bytes=(int(size) or None) if size.isascii() and size.isdigit() else None,
    )


def serialise_command(
    command: str, *, max_bytes: int = MAX_COMMAND_BYTES, smtputf8: bool = False
) -> bytes:
    """Return a command line with its CRLF.

    Raises ValueError for control characters (line breaks, NUL), non-ASCII characters unless the
    server takes ``smtputf8``, and lines longer than ``max_bytes``.
    """
    if not (smtputf8 or command.isascii()) or any(c < " " or c == "\x7f" for c in command):
        raise ValueError("a command holds printable ASCII characters only")
    line = command.encode() + b"\r\n"
    if len(line) > max_bytes:
        raise ValueError("command line too long")
    return line


@functools.lru_cache(maxsize=256)
def mail_command(sender: str, *, parameters: str = "") -> bytes:
    """Return MAIL FROM for an addr-spec; ``""`` is the null sender. Raises ValueError."""
    address = _checked_address(sender) if sender else ""
    return serialise_command(f"MAIL FROM:<{address}>{parameters}")


def rcpt_command(recipient: str, *, smtputf8: bool = False) -> bytes:
    """Return RCPT TO for an addr-spec. Raises ValueError."""
    if _PLAIN_ADDRESS.fullmatch(recipient):
        return f"RCPT TO:<{recipient}>\r\n".encode()
    return serialise_command(f"RCPT TO:<{_checked_address(recipient)}>", smtputf8=smtputf8)


def envelope_commands(
    mail: BuiltMail, features: Features, *, names_size: bool
) -> tuple[bytes, bytes, bytes]:
    """Return MAIL, RCPT and DATA, with what the server has to know of the mail beforehand.

    ``names_size`` is whether it announced SIZE (RFC 1870). Raises ValueError for a mail that
    cannot be put into commands, or that needs more than the server announced.
    """
    if (mail.eight_bit and not features.eight_bit) or (mail.smtputf8 and not features.smtputf8):
        raise ValueError("the server did not announce what the mail needs")
    if mail.tail.startswith(b".") or (mail.tail and not mail.tail.endswith(b"\r\n")):
        raise ValueError("the shared part of a mail consists of whole lines")
    parameters = " BODY=8BITMIME" if mail.eight_bit else ""
    if mail.smtputf8:
        parameters += " SMTPUTF8"
    first = mail_command(mail.sender, parameters=parameters)
    if names_size:
        first = b"%b SIZE=%d\r\n" % (first[:-2], len(mail.data) + len(mail.tail))
    return first, rcpt_command(mail.recipient, smtputf8=mail.smtputf8), b"DATA\r\n"


def _checked_address(address: str) -> str:
    """Return the address if it cannot leave its angle brackets; raises ValueError."""
    local, at, domain = address.rpartition("@")
    if not (local and at and domain):
        raise ValueError("an envelope address has a local part and a domain")
    quoted = local.startswith('"') and local.endswith('"') and len(local) > 1
    forbidden = set("<>") if quoted else set('<> "\\')
    if forbidden & set(local) or set('<> "\\') & set(domain):
        raise ValueError("an envelope address holds a character that it may not hold")
    return address


def stuff_body(data: bytes) -> bytes:
    """Return a message as it follows the 354 reply: dot-stuffed, without the final dot.

    Every CR, LF or CRLF becomes CRLF, so that no server can read a line end where another sees
    none; a missing CRLF at the end is added (RFC 5321, sections 2.3.8 and 4.5.2).
    """
    lines = data.splitlines()
    if len(b"".join(lines)) + 2 * len(lines) != len(data):  # an end that is not two bytes long
        data = b"\r\n".join([*lines, b""])
    if data.startswith(b"."):
        data = b"." + data
    if b"\r\n." in data:  # to search alone is much faster than to replace nothing
        data = data.replace(b"\r\n.", b"\r\n..")
    return data


@dataclass(frozen=True, slots=True, repr=False)
class AuthExchange:
    """One AUTH conversation as data: the command, then one answer for each 334 reply.

    Not shown by ``repr``, because it holds the password.
    """

    mechanism: str
    command: bytes
    answers: tuple[bytes, ...] = ()


def auth_plain(user: str, password: str) -> AuthExchange:
    """Return AUTH PLAIN (RFC 4616), with its initial response if the line may hold it."""
    response = _base64(f"\0{_without_nul(user)}\0{_without_nul(password)}")
    if len(response) <= MAX_COMMAND_BYTES - len("AUTH PLAIN \r\n"):
        return AuthExchange("PLAIN", serialise_command(f"AUTH PLAIN {response}"))
    answer = serialise_command(response, max_bytes=MAX_AUTH_BYTES)
    return AuthExchange("PLAIN", serialise_command("AUTH PLAIN"), (answer,))


def auth_login(user: str, password: str) -> AuthExchange:
    """Return AUTH LOGIN: user and password, each asked for."""
    answers = tuple(
        serialise_command(_base64(_without_nul(part)), max_bytes=MAX_AUTH_BYTES)
        for part in (user, password)
    )
    return AuthExchange("LOGIN", serialise_command("AUTH LOGIN"), answers)


def auth_xoauth2(user: str, access_token: str) -> AuthExchange:
    """Return AUTH XOAUTH2, with its initial response; any 334 reply gets an empty line.

    Such a reply tells in base64 why the token is refused; only after an answer comes the 535
    (Google's XOAUTH2 mechanism, the same with Microsoft). Raises ValueError.
    """
    if "\x01" in user + access_token or not access_token.isascii():
        raise ValueError("a user name or access token holds no control character")
    response = _base64(f"user={_without_nul(user)}\x01auth=Bearer {access_token}\x01\x01")
    command = serialise_command(f"AUTH XOAUTH2 {response}", max_bytes=MAX_AUTH_BYTES)
    return AuthExchange("XOAUTH2", command, (b"\r\n",))


def choose_xoauth2(
    capabilities: Mapping[str, str], user: str, access_token: str
) -> AuthExchange | None:
    """Return the exchange for XOAUTH2, or None if the server does not offer it."""
    offered = capabilities.get("AUTH", "").upper().split()
    return auth_xoauth2(user, access_token) if "XOAUTH2" in offered else None


def choose_auth(capabilities: Mapping[str, str], user: str, password: str) -> AuthExchange | None:
    """Return the exchange for the first mechanism that both sides know: PLAIN, else LOGIN."""
    offered = capabilities.get("AUTH", "").upper().split()
    for mechanism, exchange in (("PLAIN", auth_plain), ("LOGIN", auth_login)):
        if mechanism in offered:
            return exchange(user, password)
    return None


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a user name or password holds no NUL")
    return text
