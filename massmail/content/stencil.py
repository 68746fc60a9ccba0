"""Texts with gaps: what a template is cut into, its fixed texts encoded before anybody is met.

Filling a stencil costs a dictionary look-up for most gaps. It prints what Django would print: any
tag but a variable without filters, and any value that is no text, is rendered by Django.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from django.template.base import Node, TextNode, Variable, VariableNode

from massmail.content import encodings
from massmail.content.language import MAX_OUTPUT, MailTemplate, Value

Encode = Callable[[str], bytes]
Ready = dict[Encode, dict[str, bytes]]  # what of the values of one mail is encoded already

_SAME_IN_HTML = re.compile(r"[^&<>\"'\n]+")


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where a tag prints; `name` is that of a variable without filters, else empty.

    A condition with all that is in it is one tag.
    """

    name: str
    node: Node


@dataclass(frozen=True, slots=True)
class Cut:
    """A template as its fixed texts, one more than gaps, and the gaps between them.

    The last text of a part ends with a line end.
    """

    template: MailTemplate
    texts: tuple[str, ...]
    gaps: tuple[Gap, ...]

    def print_gap(self, gap: Gap, values: Mapping[str, Value]) -> str:
        """Return what a tag prints; raises BuildError."""
        value = values[gap.name] if gap.name else None
        if type(value) is not str:
            return self.template.print_tag(gap.node, values)
        return html.escape(value) if self.template.engine.autoescape else value

    def fill(self, values: Mapping[str, Value]) -> str:
        """Return the text with its gaps filled; raises BuildError."""
        pieces = [self.texts[0]]
        for gap, text in zip(self.gaps, self.texts[1:], strict=True):
            pieces += (self.print_gap(gap, values), text)
        return "".join(pieces)


def cut_template(template: MailTemplate) -> Cut:
    """Return a template as texts and gaps."""
    texts, gaps = [""], []
    for node in template.nodelist:
        if isinstance(node, TextNode):
            texts[-1] += node.s
        else:
            gaps.append(Gap(_bare_name(node), node))
            texts.append("")
    return Cut(template, tuple(texts), tuple(gaps))


def _bare_name(node: Node) -> str:
    if not isinstance(node, VariableNode):
        return ""
    expression = node.filter_expression
    is_bare = isinstance(expression.var, Variable) and not expression.filters
    return str(expression.var.var) if is_bare and expression.var.lookups else ""


@dataclass(frozen=True, slots=True)
class Stencil:
    """A cut template with its texts encoded.

    `pieces` has the texts at even places and room for the gaps at odd ones. `lines_matter` says
    that blank lines are taken out of this text, so that a value must not make one; `lonely` has
    the places of the gaps that would, if their values were empty.
    """

    origin: Cut
    encode: Encode
    pieces: tuple[bytes, ...]
    lines_matter: bool
    lonely: frozenset[int]

    def fill(self, values: Mapping[str, Value], ready: Ready) -> bytes | None:
        """Return the encoded text; None if that needs the long way. Raises BuildError.

        `ready` belongs to the mail and its values, and is filled on the way.
        """
        if self.encode not in ready:
            ready[self.encode] = _encoded(values, self.encode)
        known = ready[self.encode]
        pieces = list(self.pieces)
        for place, gap in enumerate(self.origin.gaps):
            piece = known.get(gap.name)
            if piece is None:
                text = self.origin.print_gap(gap, values)
                if self.lines_matter and self._makes_a_blank_line(place, text):
                    return None
                piece = self.encode(text)
            pieces[2 * place + 1] = piece
        filled = b"".join(pieces)
        return filled if len(filled) <= MAX_OUTPUT else None

    def _makes_a_blank_line(self, place: int, text: str) -> bool:
        return "\n" in text or (not text and place in self.lonely)


def _encoded(values: Mapping[str, Value], encode: Encode) -> dict[str, bytes]:
    """Return the values that read the same wherever they stand, encoded, by name."""
    return {
        name: encode(value)
        for name, value in values.items()
        if type(value) is str and _SAME_IN_HTML.fullmatch(value)
    }


def quoted_stencil(origin: Cut, *, lines_matter: bool) -> Stencil:
    """Return a stencil in quoted-printable: a value stands between two soft line breaks."""
    pieces: list[bytes] = []
    for text in origin.texts:
        run = encodings.quoted_run(text) if text else b""
        before = encodings.SOFT_BREAK if pieces else b""
        after = b"" if not run or run.endswith(b"\n") else encodings.SOFT_BREAK
        pieces += (before + run + after, b"")
    return _stencil(origin, encodings.quoted_run, pieces, lines_matter=lines_matter)


def unencoded_stencil(origin: Cut, *, lines_matter: bool) -> Stencil:
    """Return a stencil of UTF-8 as it is; whether its lines are short enough is not known here."""
    pieces: list[bytes] = []
    for text in origin.texts:
        pieces += (encodings.unencoded_run(text), b"")
    return _stencil(origin, encodings.unencoded_run, pieces, lines_matter=lines_matter)


def _stencil(origin: Cut, encode: Encode, pieces: list[bytes], *, lines_matter: bool) -> Stencil:
    lonely = _lonely(origin.texts) if lines_matter else frozenset()
    return Stencil(origin, encode, tuple(pieces[:-1]), lines_matter, lonely)


def _lonely(texts: tuple[str, ...]) -> frozenset[int]:
    """Return the gaps that stand alone on their lines, or beside another gap."""
    return frozenset(
        place
        for place, (before, after) in enumerate(pairwise(texts))
        if (not before or before.endswith("\n")) and (not after or after.startswith("\n"))
    )
