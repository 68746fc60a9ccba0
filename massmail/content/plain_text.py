"""The text part of a mail, made from its HTML: once per message, so template tags pass through."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser

from massmail.content.pieces import Placeholders

_BLOCKS = frozenset(
    {
        "address",
        "center",
        "div",
        "dd",
        "dl",
        "dt",
        "form",
        "pre",
        "section",
        "article",
        "tr",
        "li",
        "table",
    }
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "hr"})
_SKIPPED = frozenset({"head", "style", "script", "title", "template"})
_EMPTY = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f\v\u00a0]+")
_UNPRINTED = re.compile(r"[\u200b-\u200d\u034f\u00ad\ufeff]")
_BLANK_LINES = re.compile(r"\n{3,}")
_QUOTE_MARK = "> "
_CELL_GAP = "  "
_RULE = "-" * 20


def from_html(html: str, held: Placeholders) -> str:
    """Return the text of an HTML fragment: paragraphs, bullets, `text <address>` for links.

    Placeholders stay, those in comments too.
    """
    parser = _TextParser(held)
    parser.feed(html)
    parser.close()
    return parser.result()


def without_gaps(text: str) -> str:
    """Return a rendered text without the blank lines that false conditions leave."""
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip("\n") + "\n"


def fixed_without_gaps(texts: Sequence[str]) -> list[str]:
    """Return what `without_gaps` leaves of a text that is cut into pieces.

    As long as what stands between the pieces has no line end and is not empty.
    """
    kept = [_BLANK_LINES.sub("\n\n", text) for text in texts]
    kept[0] = kept[0].lstrip("\n")
    kept[-1] = kept[-1].rstrip("\n") + "\n"
    return kept


def quoted(text: str) -> str:
    """Return a text with every line marked as quoted."""
    return "\n".join((_QUOTE_MARK + line).rstrip() for line in text.split("\n"))


class _TextParser(HTMLParser):
    """Writes text as it meets it; white space between words is one space, or the pending break."""

    def __init__(self, held: Placeholders) -> None:
        super().__init__(convert_charrefs=True)
        self.held = held
        self.written: list[str] = []
        self.breaks = 0  # line ends wanted before the next word
        self.gap = ""  # white space wanted before the next word of the line
        self.hidden: list[str] = []  # open elements from the first that is not shown
        self.lists: list[int | None] = []  # per open list: the last number, None for bullets
        self.links: list[tuple[str, int]] = []  # open links: address, where its text begins
        self.quotes: list[int] = []  # where each open quotation begins in `written`
        self.preformatted = 0
        self.bullet_end = -1  # length of `written` right after a bullet: no break before its text

    def result(self) -> str:
        """Return all text written."""
        return _tidy("".join(self.written))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if not (self.hidden or tag in _SKIPPED or _HIDDEN.search(attributes.get("style", ""))):
            self._break_for(tag)
            self._begin(tag, attributes)
        elif tag not in _EMPTY:
            self.hidden.append(tag)

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        match tag:
            case "br":
                self.breaks = min(self.breaks + 1, 2)
            case "hr":
                self._write(_RULE)
                self.breaks = 2
            case "img":
                self._words(attributes.get("alt", ""))
            case "td" | "th":
                self.gap = _CELL_GAP if self._in_line() else ""
            case "ul" | "ol":
                self.lists.append(None if tag == "ul" else 0)
            case "li":
                self._bullet()
            case "pre":
                self.preformatted += 1
            case "a":
                self.links.append((attributes.get("href", ""), len(self.written)))
            case "blockquote":
                self.quotes.append(len(self.written))

    def handle_endtag(self, tag: str) -> None:
        if self.hidden:
            if tag in self.hidden:
                while self.hidden.pop() != tag:
                    pass
            return
        match tag:
            case "a":
                self._end_link()
            case "ul" | "ol":
                del self.lists[-1:]
            case "pre":
                self.preformatted = max(0, self.preformatted - 1)
            case "blockquote":
                self._end_quote()
        self._break_for(tag)

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        if self.preformatted:
            self._write(data.strip("\n"))
        else:
            self._words(data)

    def handle_comment(self, data: str) -> None:
        if not self.hidden and self.held.pattern.fullmatch(data):
            self._write(data)

    def _in_line(self) -> bool:
        return bool(self.written) and not self.breaks

    def _break_for(self, tag: str) -> None:
        if self.bullet_end == len(self.written) and tag not in {"li", "ul", "ol"}:
            return
        if tag in _PARAGRAPHS and not (tag in {"ul", "ol"} and len(self.lists) > 0):
            self.breaks = max(self.breaks, 2)
        elif tag in _BLOCKS or tag in _PARAGRAPHS:
            self.breaks = max(self.breaks, 1)

    def _words(self, data: str) -> None:
        """Write running text: its white space folds, at its ends into the pending gap."""
        text = _SPACES.sub(" ", _UNPRINTED.sub("", data))
        if text.startswith(" ") and self._in_line():
            self.gap = self.gap or " "
        if words := text.strip(" "):
            self._write(words)
            self.gap = " " if text.endswith(" ") else ""

    def _write(self, text: str) -> None:
        self.written.append("\n" * self.breaks if self.written else "")
        self.written.append("" if self.breaks else self.gap)
        self.written.append(text)
        self.breaks, self.gap = 0, ""

    def _bullet(self) -> None:
        depth = max(0, len(self.lists) - 1)
        number = self.lists[-1] if self.lists else None
        if number is not None:
            number = self.lists[-1] = number + 1
        self._write("  " * depth + ("-" if number is None else f"{number}."))
        self.gap, self.bullet_end = " ", len(self.written)

    def _end_link(self) -> None:
        if not self.links:
            return
        address, begin = self.links.pop()
        text = self.held.readable("".join(self.written[begin:]).strip())
        address = address.strip().removeprefix("mailto:").removeprefix("tel:")
        if not address or address.startswith("#") or self.held.readable(address) == text:
            return
        self.gap = " " if text else self.gap
        self._write(f"<{address}>")

    def _end_quote(self) -> None:
        if not self.quotes:
            return
        begin = self.quotes.pop()
        body = "".join(self.written[begin:])
        lead = body[: len(body) - len(body.lstrip("\n"))]
        self.written[begin:] = [lead + quoted(_tidy(body))]


def _tidy(text: str) -> str:
    """Strip the ends of lines, and keep one blank line where there were several."""
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip("\n")
