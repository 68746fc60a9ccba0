"""Reading one caught mail: headers, text, HTML with its pictures, attachments."""

import base64
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

_CID = re.compile(r"cid:([^\s\"'()<>]+)")


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that the mail carries; pictures of its text are none."""

    name: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ReadMail:
    """One mail, taken apart. `html` is as its sender wrote it: show it in a sandbox only."""

    headers: list[tuple[str, str]]
    subject: str
    text: str
    html: str
    files: list[AttachedFile]
    source: str


def subject_of(beginning: bytes) -> str:
    """Return the subject of a mail of which this is the beginning."""
    return str(_parsed(beginning)["subject"] or "")


def read(data: bytes) -> ReadMail:
    """Take a mail apart."""
    message = _parsed(data)
    return ReadMail(
        headers=[(name, str(value)) for name, value in message.items()],
        subject=str(message["subject"] or ""),
        text=_body(message, "plain"),
        html=_with_pictures(_body(message, "html"), message),
        files=[_file(part) for part in _files(message)],
        source=data.decode(errors="replace"),
    )


def _parsed(data: bytes) -> EmailMessage:
    return message_from_bytes(data, policy=policy.default)


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except LookupError:  # a charset that does not exist
        return _bytes(part).decode(errors="replace")


def _files(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in _leaves(message) if part.get_content_disposition() == "attachment"]


def _leaves(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in message.walk() if not part.is_multipart()]


def _file(part: EmailMessage) -> AttachedFile:
    return AttachedFile(
        name=part.get_filename() or "",
        content_type=part.get_content_type(),
        size_bytes=len(_bytes(part)),
    )


def _with_pictures(html: str, message: EmailMessage) -> str:
    """Return the HTML with each `cid:` address replaced by the picture itself."""
    pictures = {
        str(part["content-id"]).strip("<> "): part
        for part in _leaves(message)
        if part["content-id"] and part.get_content_maintype() == "image"
    }
    return _CID.sub(lambda match: _data_uri(match, pictures), html)


def _data_uri(match: re.Match[str], pictures: dict[str, EmailMessage]) -> str:
    part = pictures.get(match[1])
    if part is None:
        return match[0]
    encoded = base64.b64encode(_bytes(part)).decode("ascii")
    return f"data:{part.get_content_type()};base64,{encoded}"


def _bytes(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
