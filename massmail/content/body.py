"""One of the two text parts of a message, and the quickest way to write it for one mail.

What a recipient's tags print is spliced into octets that are encoded already. Where that cannot
be, the whole is rendered, and sent as it is to a server that takes 8BITMIME (RFC 6152), encoded
to others.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from massmail.content import encodings
from massmail.content.language import MailTemplate, Value
from massmail.content.mime import leaf
from massmail.content.plain_text import fixed_without_gaps, without_gaps
from massmail.content.stencil import (
    Ready,
    Stencil,
    cut_template,
    quoted_stencil,
    unencoded_stencil,
)

HTML, PLAIN = "html", "plain"


@dataclass(frozen=True, slots=True)
class Written:
    """A part as one mail has it; encoded, its line ends are CRLF and no line begins with a dot."""

    data: bytes
    is_eight_bit: bool = False
    is_encoded: bool = True


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A text part of a message, ready for any number of mails; `subtype` is HTML or PLAIN.

    `is_base64` tells how it is encoded where it has to be. The stencil is in quoted-printable, or
    not encoded where base64 would be: base64 cannot be spliced.
    """

    subtype: str
    template: MailTemplate
    is_base64: bool
    stencil: Stencil

    def render(self, values: Mapping[str, Value]) -> str:
        """Return the text for one recipient; raises BuildError."""
        text = self.template.fill(values)
        return without_gaps(text) if self.subtype == PLAIN else text

    def write(
        self, values: Mapping[str, Value], ready: Ready, *, may_be_eight_bit: bool
    ) -> Written:
        """Return the part with its headers; `ready` belongs to the mail. Raises BuildError."""
        if may_be_eight_bit or not self.is_base64:
            filled = self.stencil.fill(values, ready)
            if filled is not None and not self.is_base64:
                return Written(_head(self.subtype, "quoted-printable") + filled)
            if filled is not None and encodings.is_line_data(filled):
                return self._unencoded(filled)
        text = self.render(values)
        if may_be_eight_bit and (data := encodings.unencoded(text)) is not None:
            return self._unencoded(data)
        if self.is_base64:
            return Written(_head(self.subtype, "base64") + encodings.base64_lines(text))
        return Written(_head(self.subtype, "quoted-printable") + encodings.quoted_printable(text))

    def _unencoded(self, data: bytes) -> Written:
        is_ascii = data.isascii()
        head = _head(self.subtype, "7bit" if is_ascii else "8bit")
        return Written(head + data, is_eight_bit=not is_ascii, is_encoded=False)


def body_part(subtype: str, template: MailTemplate, sample: str) -> BodyPart:
    """Prepare a part; the sample, its fixed text, tells which encoding is the shorter."""
    is_base64 = encodings.prefers_base64(sample)
    cut = cut_template(template)
    if subtype == PLAIN:
        texts = fixed_without_gaps(cut.texts)
    else:
        texts = [*cut.texts[:-1], cut.texts[-1].removesuffix("\n") + "\n"]
    lay = unencoded_stencil if is_base64 else quoted_stencil
    stencil = lay(replace(cut, texts=tuple(texts)), lines_matter=subtype == PLAIN)
    return BodyPart(subtype, template, is_base64, stencil)


_head: Callable[[str, str], bytes] = functools.cache(leaf)
