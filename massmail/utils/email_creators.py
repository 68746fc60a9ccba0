"""Message building: a source is checked and compiled once, then each mail is filled in and spliced.

Sending, previews and test mails all come from here. Whom to write to, and when, is decided
elsewhere; so is reading the source from the database and its pictures from their folders.
"""

import datetime
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.template import TemplateSyntaxError
from django.template.defaultfilters import filesizeformat
from django.utils import translation
from django.utils.translation import gettext as _

from massmail.backends.base import BuiltMail, Features
from massmail.content import headers, language
from massmail.content.allowed import SYSTEM_VARIABLES as KNOWN_SYSTEM_VARIABLES
from massmail.content.body import HTML, PLAIN, BodyPart, body_part
from massmail.content.checking import check_compiles, check_source, image_names
from massmail.content.images import available_images, content_id, image_type, load_images
from massmail.content.language import Value, plain_value
from massmail.content.layout import compose
from massmail.content.mime import FilePart, Skeleton, lay_out
from massmail.content.pieces import Piece, split_tags
from massmail.content.problems import BuildError, MessageError, Problem
from massmail.content.source import Attachment, MessageSource
from massmail.content.stencil import Cut, Ready, cut_template

NO_EXTENSIONS = Features()
CID = "cid:"  # before a Content-ID: the address of a part of the same mail (RFC 2392)

__all__ = [
    "CID",
    "KNOWN_SYSTEM_VARIABLES",
    "Attachment",
    "BuildError",
    "CompiledMessage",
    "MessageError",
    "MessageSource",
    "Person",
    "Problem",
    "Rendered",
    "Sender",
    "available_images",
    "check_source",
    "compile_message",
    "image_names",
    "load_images",
]


@dataclass(frozen=True, slots=True)
class Sender:
    """From whom the mails are; `list_id` is a domain-like name, e.g. `sales.example.com`.

    `name` is what the variable `sender_name` prints.
    """

    from_email: str
    reply_to: str = ""
    list_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """To whom one mail goes, with the plain values of the variables; missing ones print empty."""

    address: str
    name: str
    variables: Mapping[str, Value]
    unsubscribe_url: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail as its recipient reads it; pictures in `html` have `cid:` or public addresses."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class CompiledMessage:
    """A message ready for any number of recipients. Holds no state between mails.

    `variables` are the names that it uses; `image_addresses` says under which address (`cid:` or
    public) the HTML shows each picture, by key.
    """

    variables: frozenset[str]
    image_addresses: Mapping[str, str]
    subject: Cut
    html: BodyPart
    text: BodyPart
    skeleton: Skeleton

    def render(self, person: Person, *, sender_name: str = "") -> Rendered:
        """Return subject, HTML and text for one person; raises BuildError."""
        headers.checked_url(person.unsubscribe_url)
        values = self._values(person, sender_name)
        return Rendered(
            subject=headers.one_line(self.subject.fill(values)),
            html=self.html.render(values),
            text=self.text.render(values),
        )

    def build(
        self,
        person: Person,
        sender: Sender,
        *,
        date: datetime.datetime,
        features: Features = NO_EXTENSIONS,
    ) -> BuiltMail:
        """Return the finished mail for a server with these features; `date` is aware.

        Raises BuildError for data that cannot be sent. Only that one mail is concerned.
        """
        sender_headers, sender_address = _sender_headers(sender)
        recipient = headers.wire_or_refuse(person.address, smtputf8=features.smtputf8)
        unsubscribe = headers.unsubscribe_headers(person.unsubscribe_url)
        values, ready = self._values(person, sender.name), Ready()
        head = (
            sender_headers
            + headers.address_header("To", headers.one_line(person.name), recipient)
            + headers.text_header("Subject", headers.one_line(self.subject.fill(values)))
            + headers.date_header(date.replace(microsecond=0))
            + headers.message_id_header(person.message_id)
            + unsubscribe
        )
        text = self.text.write(values, ready, may_be_eight_bit=features.eight_bit)
        html = self.html.write(values, ready, may_be_eight_bit=features.eight_bit)
        is_eight_bit = text.is_eight_bit or html.is_eight_bit
        data = self.skeleton.fill(head, text.data, html.data, eight_bit=is_eight_bit)
        _refuse_too_large(len(data) + len(self.skeleton.tail), features)
        return BuiltMail(
            sender=sender_address,
            recipient=recipient,
            message_id=person.message_id,
            data=data,
            tail=self.skeleton.tail,
            eight_bit=not data.isascii(),
            smtputf8=not recipient.isascii(),
            is_stuffed=text.is_encoded and html.is_encoded,
        )

    def _values(self, person: Person, sender_name: str) -> dict[str, Value]:
        """Return a plain value for every name used: no lookup ever leaves this dict.

        The unsubscribe link is already checked.
        """
        values = {name: plain_value(person.variables.get(name, "")) for name in self.variables}
        if "sender_name" in values:
            values["sender_name"] = plain_value(sender_name)
        if "unsubscribe_url" in values:
            values["unsubscribe_url"] = person.unsubscribe_url
        return values


def compile_message(source: MessageSource) -> CompiledMessage:
    """Clean, inline, derive and encode everything that all mails of a message share.

    Takes some milliseconds. The unsubscribe line is in the site's language, whoever looks: what is
    previewed is what a worker sends. Raises MessageError with all problems, in the active language;
    names of variables are not checked here (`check_source` does).
    """
    source = source.unified()
    if problems := check_compiles(source):
        raise MessageError(problems)
    shown = image_names([source.content, source.signature if source.signature_is_html else ""])
    addresses = {
        key: source.image_urls.get(key) or CID + content_id(key, source.images[key])
        for key in sorted(shown)
    }
    with translation.override(settings.LANGUAGE_CODE):
        layout = compose(source, addresses)
    try:
        subject = language.TEXT.compile(split_tags(source.subject))
        html, text = language.HTML.compile(layout.html), language.TEXT.compile(layout.text)
    except TemplateSyntaxError as error:  # the checks let through what cleaning then took apart
        raise MessageError([Problem("content", 0, str(error))]) from error
    names = {name for template in (subject, html, text) for name, _line in template.names}
    return CompiledMessage(
        variables=frozenset(names),
        image_addresses=addresses,
        subject=cut_template(subject),
        html=body_part(HTML, html, _fixed_text(layout.html)),
        text=body_part(PLAIN, text, _fixed_text(layout.text)),
        skeleton=lay_out(_files(source, addresses)),
    )


def _fixed_text(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces if not piece.is_tag)


def _files(source: MessageSource, image_addresses: Mapping[str, str]) -> list[FilePart]:
    """Return the pictures that travel in the mail, one part each, and the attachments."""
    pictures = [
        FilePart(
            name=key.rpartition("/")[2],
            content_type=image_type(source.images[key]),
            data=source.images[key],
            content_id=address.removeprefix(CID),
        )
        for key, address in image_addresses.items()
        if address.startswith(CID)
    ]
    return pictures + [
        FilePart(file.name, file.content_type, file.data) for file in source.attachments
    ]


@functools.lru_cache(maxsize=256)
def _sender_headers(sender: Sender) -> tuple[bytes, str]:
    """Return the header lines that an account gives to all its mails, and its bare address."""
    from_header, address = headers.mailbox_header("From", sender.from_email)
    reply_to = headers.mailbox_header("Reply-To", sender.reply_to)[0] if sender.reply_to else b""
    return from_header + reply_to + headers.list_id_header(sender.list_id), address


def _refuse_too_large(size_bytes: int, features: Features) -> None:
    """Raise BuildError if a server announced that it takes no mail of this size (RFC 1870)."""
    if features.max_bytes and size_bytes > features.max_bytes:
        text = _("The mail has %(size)s; the mail server takes %(most)s at most.") % {
            "size": filesizeformat(size_bytes),
            "most": filesizeformat(features.max_bytes),
        }
        raise BuildError(text, reason="content")
