"""The whole of a mail from its parts: the HTML document with inlined CSS, and the text part.

Still a template: what belongs to one recipient stays a tag. Markup comes from
`templates/massmail/mail/`. The source has passed `checking`.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

import css_inline
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from massmail.content import cleaning, plain_text
from massmail.content.checking import used_names
from massmail.content.pieces import Piece, Placeholders, unify_newlines
from massmail.content.source import MessageSource

UNSUBSCRIBE_TAG = "{{ unsubscribe_url }}"

_STYLE_ATTRIBUTE = re.compile(r' style="[^"]*"')
_MARKUP = re.compile(r"<[A-Za-z!/]")


@dataclass(frozen=True, slots=True)
class Layout:
    """The two parts of a mail as pieces, ready to be compiled."""

    html: list[Piece]
    text: list[Piece]


@dataclass(frozen=True, slots=True)
class _Part:
    """One field of the message, cleaned, its tags as placeholders."""

    text: str
    is_html: bool

    @property
    def for_template(self) -> str | SafeString:
        """What the layout prints: as it is if the cleaning step made it, escaped otherwise."""
        return mark_safe(self.text) if self.is_html else self.text  # noqa: S308  # nh3's output

    def as_text(self, held: Placeholders) -> str:
        return plain_text.from_html(self.text, held) if self.is_html else self.text.strip("\n")


def compose(source: MessageSource, image_addresses: Mapping[str, str]) -> Layout:
    """Compose a unified and checked source; `image_addresses`, `cid:` or `https:`, by picture key.

    The words of the layout (the unsubscribe line) are in the active language.
    """
    held = Placeholders()
    content = _Part(cleaning.clean(source.content, held), is_html=True)
    signature = _signature(source, held)
    prev_corr = _prev_corr(source.prev_corr, held)
    needs_link = "unsubscribe_url" not in used_names(source.content) | used_names(source.signature)
    link = held.hold(Piece(UNSUBSCRIBE_TAG, True, 0)) if needs_link else ""
    html = render_to_string(
        "massmail/mail/layout.html",
        {
            "styles": mark_safe(source.styles.strip()),  # noqa: S308  # checked: no "<" in it
            "subject": held.mask(source.subject),
            "preheader": held.mask(source.preheader).strip(),
            "content": content.for_template,
            "signature": signature.for_template,
            "prev_corr": prev_corr.for_template,
            "signature_is_html": signature.is_html,
            "prev_corr_is_html": prev_corr.is_html,
            "unsubscribe_url": link,
        },
    )
    texts = [content.as_text(held), signature.as_text(held)]
    texts.append(plain_text.quoted(prev_corr.as_text(held)) if prev_corr.text else "")
    texts.append(_unsubscribe_text(link) if link else "")
    instead = _picture_addresses(held, image_addresses)
    return Layout(
        html=held.pieces(unify_newlines(_bare(_inline_css(html), held)) + "\n", instead),
        text=held.pieces(unify_newlines("\n\n".join(filter(None, texts))) + "\n", instead),
    )


def _signature(source: MessageSource, held: Placeholders) -> _Part:
    if source.signature_is_html:
        return _Part(cleaning.clean(source.signature, held).strip(), is_html=True)
    return _Part(held.mask(source.signature).strip(), is_html=False)


def _prev_corr(text: str, held: Placeholders) -> _Part:
    """Return earlier mail: cleaned if it has markup, else as the text that it is."""
    if _MARKUP.search(text):
        return _Part(cleaning.clean_literal(text, held).strip(), is_html=True)
    return _Part(text.strip(), is_html=False)


def _unsubscribe_text(link: str) -> str:
    return render_to_string("massmail/mail/unsubscribe.txt", {"unsubscribe_url": link}).strip()


def _picture_addresses(held: Placeholders, image_addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the address of each picture tag among the placeholders, by the tag's text."""
    addresses: dict[str, str] = {}
    for piece in held.held:
        if piece.command in {"cid_media", "cid_static"}:
            kind = piece.command.removeprefix("cid_")
            name = piece.text[2:-2].split(None, 1)[1].strip()[1:-1]
            addresses[piece.text] = image_addresses[f"{kind}:{name}"]
    return addresses


@functools.cache
def _inliner() -> css_inline.CSSInliner:
    """Return the inliner: what cannot be inlined (media queries, :hover) stays in the head."""
    return css_inline.CSSInliner(
        keep_style_tags=True,
        remove_inlined_selectors=True,
        load_remote_stylesheets=False,
        apply_width_attributes=True,
        apply_height_attributes=True,
    )


def _inline_css(html: str) -> str:
    """Inline the CSS; quotes that it wrote as references become the other kind of quote."""
    inlined = _inliner().inline(html)
    return _STYLE_ATTRIBUTE.sub(lambda match: match[0].replace("&quot;", "'"), inlined)


def _bare(html: str, held: Placeholders) -> str:
    """Take the placeholders of conditions out of the comments that carried them."""
    return re.sub(f"<!--({held.pattern.pattern})-->", r"\1", html)
