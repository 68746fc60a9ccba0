"""A message's source as pieces: text and template tags, and the placeholders that keep tags safe.

Tags never pass through an HTML parser: they are put aside, placeholders take their places, and the
finished text is cut at the placeholders again. So what stood as text can never become a tag.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_OPENER = re.compile(r"\{[%{#]")
_CLOSERS = {"{%": "%}", "{{": "}}", "{#": "#}"}
_NEWLINES = re.compile(r"\r\n?")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text, or one template tag with its delimiters, and the line on which it begins."""

    text: str
    is_tag: bool
    line: int

    @property
    def command(self) -> str:
        """The first word of a block tag; empty for text, output tags and comments."""
        if not (self.is_tag and self.text.startswith("{%")):
            return ""
        words = self.text[2:-2].split(None, 1)
        return words[0] if words else ""


def unify_newlines(text: str) -> str:
    """Return the text with line feeds alone (forms post CR LF), and without lone surrogates."""
    return _NEWLINES.sub("\n", text.encode("utf-8", "replace").decode())


def split_tags(source: str) -> Iterator[Piece]:
    """Cut a source where Django's lexer would (`django.template.base.tag_re`), in linear time.

    A tag ends on its own line. Django's expression looks for that end anew from each opener,
    which a line of openers alone makes quadratic; here a failed search counts for its line.
    """
    begin, line = 0, 1
    for start, end in _tag_spans(source):
        if start > begin:
            yield Piece(source[begin:start], False, line)
            line += source.count("\n", begin, start)
        yield Piece(source[start:end], True, line)
        begin = end
    if begin < len(source):
        yield Piece(source[begin:], False, line)


def _tag_spans(source: str) -> Iterator[tuple[int, int]]:
    position, line_end = 0, -1
    missing: set[str] = set()
    while opener := _OPENER.search(source, position):
        start = opener.start()
        if start > line_end:
            newline = source.find("\n", start)
            line_end, missing = (len(source) if newline < 0 else newline), set()
        closer = _CLOSERS[opener[0]]
        end = -1 if closer in missing else source.find(closer, start + 2, line_end)
        if end < 0:
            missing.add(closer)
            position = start + 1
        else:
            yield start, end + 2
            position = end + 2


@dataclass(slots=True)
class Placeholders:
    """The tags put aside for one message, each under a word that nobody can have written."""

    key: str = field(default_factory=lambda: f"q{secrets.token_hex(6)}")
    held: list[Piece] = field(default_factory=list)
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self.pattern = re.compile(self.key + r"x(\d+)z")

    def hold(self, piece: Piece) -> str:
        """Put a tag aside and return the word that stands for it."""
        self.held.append(piece)
        return f"{self.key}x{len(self.held) - 1}z"

    def mask(self, source: str) -> str:
        """Return the source with every tag but comments as its bare placeholder."""
        return "".join(
            self.hold(piece) if piece.is_tag else piece.text for piece in without_comments(source)
        )

    def readable(self, text: str) -> str:
        """Return the text with its tags as their authors wrote them, for comparing only."""
        return self.pattern.sub(lambda match: self.held[int(match[1])].text, text)

    def pieces(self, text: str, instead: Mapping[str, str]) -> list[Piece]:
        """Cut a text at its placeholders; a tag found in `instead` becomes that text."""
        found: list[Piece] = []
        begin = 0
        for match in self.pattern.finditer(text):
            found.append(Piece(text[begin : match.start()], False, 0))
            tag = self.held[int(match[1])]
            replacement = instead.get(tag.text)
            found.append(tag if replacement is None else Piece(replacement, False, 0))
            begin = match.end()
        found.append(Piece(text[begin:], False, 0))
        return _joined(found)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces with neighbouring texts made one and empty texts left out."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and not piece.is_tag and not joined[-1].is_tag:
            joined[-1] = Piece(joined[-1].text + piece.text, False, joined[-1].line)
        elif piece.text:
            joined.append(piece)
    return joined


def without_comments(source: str) -> Iterator[Piece]:
    """Yield the pieces that can be seen: `{# #}` and comment blocks leave their line ends only."""
    in_comment = False
    for piece in split_tags(source):
        if piece.command == "comment":
            in_comment = True
        elif in_comment and piece.command == piece.text[2:-2].strip() == "endcomment":
            in_comment = False
        elif in_comment or (piece.is_tag and piece.text.startswith("{#")):
            if newlines := piece.text.count("\n"):
                yield Piece("\n" * newlines, False, piece.line)
        else:
            yield piece
