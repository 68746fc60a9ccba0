"""The source of a message: everything that it is made of, file bytes included."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from massmail.content.images import media_links_as_tags
from massmail.content.pieces import unify_newlines


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that every mail of the message carries."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class MessageSource:
    """A draft or a frozen version, as the builder takes it.

    `images` has the bytes of the pictures by key, as `image_names` returns them; those that have a
    public address in `image_urls` are linked, the others travel in the mail. `prev_corr` is
    literal: tags in it stay text. `missing` names attachments whose file is gone.
    """

    subject: str
    content: str
    styles: str = ""
    preheader: str = ""
    signature: str = ""
    signature_is_html: bool = True
    prev_corr: str = ""
    images: Mapping[str, bytes] = field(default_factory=dict)
    image_urls: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    missing: tuple[str, ...] = ()

    def unified(self) -> "MessageSource":
        """Return the source with line feeds alone, and its uploaded pictures as tags."""
        signature = unify_newlines(self.signature)
        return replace(
            self,
            subject=unify_newlines(self.subject),
            content=media_links_as_tags(unify_newlines(self.content)),
            styles=unify_newlines(self.styles),
            preheader=unify_newlines(self.preheader),
            signature=media_links_as_tags(signature) if self.signature_is_html else signature,
            prev_corr=unify_newlines(self.prev_corr),
        )
