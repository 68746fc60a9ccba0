"""The one cleaning step of author HTML: placeholders for tags, nh3, then verification.

Runs when a message is compiled, for sending and preview alike; `check_html` runs the same rules at
saving, to name the line of what would be removed. CSS is inlined later, on the whole document.
"""

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

import nh3
from django.utils.translation import gettext as _

from massmail.content.allowed import (
    ATTRIBUTES,
    ELEMENTS,
    REFUSED_ELEMENTS,
    REMOVED_WITH_CONTENT,
    STYLE_PROPERTIES,
    URL_SCHEMES,
    attribute_fault,
)
from massmail.content.html_tags import Tag, deep_line, find_tags
from massmail.content.pieces import Piece, Placeholders, unify_newlines, without_comments
from massmail.content.problems import Problem

_BLOCK_TAGS = frozenset({"if", "elif", "else", "endif"})
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_CONDITIONAL = re.compile(
    r"\[if\b[^\]<>]*\]>(?P<body>.*)<!\[endif\]|\[if\b[^\]<>]*\]>(<!)?|<!\[endif\]",
    re.DOTALL | re.IGNORECASE,
)
_OUTLOOK_ELEMENT = re.compile(r"(v|o|w):\w+|xml")
_QUOTE = re.compile("['\"]")


def check_html(source: str, field: str) -> list[Problem]:
    """Return what a mail cannot carry in this HTML, each with its line."""
    held = Placeholders()
    masked = _mask(unify_newlines(source), held)
    if line := deep_line(masked):
        return [Problem(field, line, _("Too many elements are open within each other here."))]
    faults = [
        Problem(field, tag.line, fault) for tag in find_tags(masked) for fault in _faults(tag, held)
    ]
    return sorted({*faults, *_verify(_sanitise(masked, held), field, held)})


def check_literal(source: str, field: str) -> list[Problem]:
    """Return what keeps HTML of somebody else's making from being cleaned."""
    if line := deep_line(unify_newlines(source)):
        return [Problem(field, line, _("Too many elements are open within each other here."))]
    return []


def clean(source: str, held: Placeholders) -> str:
    """Return author HTML made safe, its tags as placeholders put into `held`.

    Conditions in text are comments there (they may stand between table rows), all else is bare.
    Raises nothing: `check_html` has named what is removed here.
    """
    return _sanitise(_mask(unify_newlines(source), held), held)


def clean_literal(source: str, held: Placeholders) -> str:
    """Return HTML of somebody else's making cleaned; what looks like a tag stays text."""
    return _sanitise(unify_newlines(source), held)


def _mask(source: str, held: Placeholders) -> str:
    """Replace the template tags: nh3 must see what Django will print, and nothing else."""
    masked: list[str] = []
    in_element = in_comment = False
    for piece in without_comments(source):
        if not piece.is_tag:
            in_element = _opens(piece.text, "<", ">", in_element)
            in_comment = _opens(piece.text, "<!--", "-->", in_comment)
            masked.append(piece.text)
            continue
        word = held.hold(piece)
        in_text = piece.command in _BLOCK_TAGS and not (in_element or in_comment)
        masked.append(f"<!--{word}-->" if in_text else word)
    return "".join(masked)


def _opens(text: str, opener: str, closer: str, was_open: bool) -> bool:
    """Tell whether something is open after a text."""
    opened, closed = text.rfind(opener), text.rfind(closer)
    return opened > closed if max(opened, closed) >= 0 else was_open


def _sanitise(masked: str, held: Placeholders) -> str:
    """Run nh3, then drop the comments that are neither a condition of ours nor one for Outlook."""

    def keep(element: str, attribute: str, value: str) -> str | None:
        return None if attribute_fault(element, attribute, value, held) else value

    html = nh3.clean(
        masked,
        tags=set(ELEMENTS),
        attributes=ATTRIBUTES,
        attribute_filter=keep,
        generic_attribute_prefixes={"aria-"},
        clean_content_tags=set(REMOVED_WITH_CONTENT),
        filter_style_properties=set(STYLE_PROPERTIES),
        strip_comments=False,
        link_rel=None,
        url_schemes=URL_SCHEMES,
        url_relative=lambda address: address,
    )
    return _COMMENT.sub(lambda match: match[0] if _may_stay(match[1], held) else "", html)


def _may_stay(comment: str, held: Placeholders) -> bool:
    """Tell whether a comment is a placeholder, or one of Outlook's without active content."""
    if held.pattern.fullmatch(comment):
        return True
    conditional = _CONDITIONAL.fullmatch(comment)
    return conditional is not None and _is_harmless(conditional["body"] or "", held)


def _is_harmless(body: str, held: Placeholders) -> bool:
    """Tell whether what Outlook reads of a comment is as harmless as what all others read."""
    if "--" in body or re.search(r"=\s*" + held.pattern.pattern, body):
        return False
    return all(
        (tag.name in ELEMENTS or _OUTLOOK_ELEMENT.fullmatch(tag.name))
        and not any(attribute_fault(tag.name, name, value, held) for name, value in tag.attributes)
        for tag in find_tags(body)
    )


def _faults(tag: Tag, held: Placeholders) -> Iterator[str]:
    """Yield what cleaning would remove of a tag; the barrier itself is nh3."""
    if tag.comment and _CONDITIONAL.fullmatch(tag.comment) and not _may_stay(tag.comment, held):
        yield _("A comment for Outlook cannot have scripts, handlers or forms inside.")
    if tag.name == "style":
        yield _("CSS has its own field, “styles”: it cannot stand in the text.")
    elif tag.name in REFUSED_ELEMENTS:
        yield _("The element “%(name)s” cannot be used in a mail.") % {"name": tag.name}
    for name, value in tag.attributes:
        if fault := attribute_fault(tag.name, name, value, held):
            yield fault()


class _Contexts(HTMLParser):
    """Collects the placeholders of cleaned HTML by context: text, an attribute value, a comment."""

    def __init__(self, held: Placeholders) -> None:
        super().__init__(convert_charrefs=True)
        self.held = held
        self.text: list[int] = []
        self.enclosed: list[list[int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.enclosed += [self._found(value or "") for _name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += self._found(data)

    def handle_comment(self, data: str) -> None:
        if self.held.pattern.fullmatch(data):
            self.text += self._found(data)
        else:
            self.enclosed.append(self._found(data))

    def _found(self, text: str) -> list[int]:
        return [int(match[1]) for match in self.held.pattern.finditer(text)]


def _verify(html: str, field: str, held: Placeholders) -> list[Problem]:
    """Return the tags that cleaning lost, doubled or pulled apart.

    Each stands exactly once (else it was in the name of an element or attribute, or in a removed
    part), and conditions are whole within one context: what opens in an attribute value ends in it.
    """
    contexts = _Contexts(held)
    contexts.feed(html)
    contexts.close()
    problems: list[Problem] = []
    places = Counter(contexts.text)
    for context in contexts.enclosed:
        places.update(context)
    for number, piece in enumerate(held.held):
        if places[number] != 1:
            text = _("This tag stands where nothing can be printed: %(tag)s")
            problems.append(Problem(field, piece.line, text % {"tag": piece.text[:80]}))
    for context in (contexts.text, *contexts.enclosed):
        problems += _unbalanced([held.held[number] for number in context], field)
    for context in contexts.enclosed:
        problems += _quoted([held.held[number] for number in context], field)
    return problems


def _unbalanced(pieces: list[Piece], field: str) -> list[Problem]:
    """Return a problem for a condition that does not begin and end within these pieces."""
    open_pieces: list[Piece] = []
    text = _(
        "A condition must begin and end in the same place: within one attribute, or around it."
    )
    for piece in pieces:
        if piece.command == "if":
            open_pieces.append(piece)
        elif piece.command in _BLOCK_TAGS:
            if not open_pieces:
                return [Problem(field, piece.line, text)]
            if piece.command == "endif":
                open_pieces.pop()
    return [Problem(field, piece.line, text) for piece in open_pieces[:1]]


def _quoted(pieces: list[Piece], field: str) -> list[Problem]:
    """Return a problem for each literal with a quote in it that would print in an attribute."""
    text = _("Within an attribute, text in quotes cannot have another quote inside.")
    return [
        Problem(field, piece.line, text)
        for piece in pieces
        if piece.command not in _BLOCK_TAGS and _has_nested_quote(piece.text)
    ]


def _has_nested_quote(tag: str) -> bool:
    """Tell whether a quoted text within a tag has the other quote inside."""
    outside: str = ""
    for quote in _QUOTE.findall(tag):
        if not outside:
            outside = quote
        elif quote == outside:
            outside = ""
        else:
            return True
    return False
