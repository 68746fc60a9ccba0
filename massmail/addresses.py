"""Reading mail addresses: which one a recipient is written to, and under which key it is known.

Pure functions. Whether an address is suppressed or was mailed before is asked elsewhere, by key.
"""

import re

import idna

MAX_LOCAL_PART = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_ADDRESS = 254  # octets, RFC 5321 section 4.5.3.1.3 less the angle brackets

_SEPARATORS = re.compile(r"[,;]")
_ANGLE = re.compile(r"<([^<>]*)>")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\ud7ff\ue000-\U0010ffff]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

# The same language for a database's regular expressions: addresses whose key is simply their
# lower-cased text. Whatever it does not match is read by `first_valid`.
PLAIN_ADDRESS_REGEX = (
    r"^[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]+\Z"
)
PLAIN_ADDRESS_MAX = 64  # shorter than any limit of a part, so that none need be checked


def first_valid(text: str) -> str | None:
    """Return the first valid address in a field that may hold several, trimmed, else None.

    Several addresses are separated by commas, semicolons or white space; `Name <address>` counts
    as its address.
    """
    for part in _SEPARATORS.split(text):
        for candidate in _ANGLE.findall(part) or part.split():
            if address_key(candidate) is not None:
                return str(candidate).strip()
    return None


def address_key(address: str) -> str | None:
    """Return the key of one address: ASCII lower-cased, domain as A-label; None if not valid.

    No dot or plus tricks: two keys are equal only if every server must take them for the same
    mailbox or treats case as equal (RFC 5321 section 2.4 allows more, practice does not).
    """
    wire = wire_address(address)
    if wire is None:
        return None
    return wire.translate(_ASCII_LOWER)


def wire_address(address: str) -> str | None:
    """Return the address as an envelope has it: local part as written, domain as A-label.

    None if it is not valid: RFC 5321 sizes, a dotted domain, no address literal, no quoted part.
    """
    local_part, at, domain = address.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local_part) or not local_part.isprintable():
        return None
    ascii_domain = _ascii_domain(domain)
    if ascii_domain is None or len(local_part.encode()) > MAX_LOCAL_PART:
        return None
    wire = f"{local_part}@{ascii_domain}"
    return wire if len(wire.encode()) <= MAX_ADDRESS else None


def _ascii_domain(domain: str) -> str | None:
    """Return the domain in lower case and as A-labels (RFC 5891), None if it cannot be one."""
    lowered = domain.lower()
    if not lowered.isascii():
        try:
            lowered = idna.encode(lowered, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    labels = lowered.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return None
    return lowered if all(_LABEL.fullmatch(label) for label in labels) else None
