"""The tags of unsafe HTML with their lines, found in linear time whatever the author wrote.

For naming what is wrong, and for refusing what would overwhelm a real parser. What a tag means is
nh3's business: `html.parser` is quadratic, and raises, on some unfinished markup.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 100  # open elements; the parsers below recurse, and overflow their stack near 10,000
MAX_WORK = 500_000  # open elements summed over all tags: a parser may reopen each of them anew

_ATTRIBUTE = re.compile(
    r"""[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^\s>]*+)))?+"""
)
_UNNAMED_ATTRIBUTE = re.sub(r"\((?![?])", "(?:", _ATTRIBUTE.pattern)
_TAG = re.compile(
    r"<!--(?P<comment>(?:(?!-->).)*+)(?:-->|\Z)"
    rf"|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?P<attributes>(?:{_UNNAMED_ATTRIBUTE})*+)[\s/]*+>?+",
    re.DOTALL,
)
# Elements that never hold others, and those that the next of their kind closes.
_NOT_NESTING = frozenset(
    {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}
    | {"p", "li", "tr", "td", "th", "tbody", "thead", "tfoot", "html", "body"}
)


@dataclass(frozen=True, slots=True)
class Tag:
    """A start tag, an end tag (`is_end`), or a comment (`name` is empty, `comment` its text)."""

    name: str
    is_end: bool
    attributes: list[tuple[str, str]]
    comment: str
    line: int


def find_tags(source: str) -> Iterator[Tag]:
    """Yield tags and comments in order; one that is not finished reaches to the end."""
    line, counted = 1, 0
    for match in _TAG.finditer(source):
        line += source.count("\n", counted, match.start())
        counted = match.start()
        name = (match["name"] or "").lower()
        yield Tag(name, match["end"] == "/", _attributes(match), match["comment"] or "", line)


def deep_line(source: str) -> int:
    """Return the line from which the nesting is too deep for a mail, 0 if it never is."""
    open_elements: Counter[str] = Counter()
    depth = work = 0
    for tag in find_tags(source):
        if not tag.name or tag.name in _NOT_NESTING:
            step = 0
        elif tag.is_end:
            step = -1 if open_elements[tag.name] else 0
        else:
            step = 1
        open_elements[tag.name] += step
        depth += step
        work += depth
        if depth > MAX_DEPTH or work > MAX_WORK:
            return tag.line
    return 0


def _attributes(match: re.Match[str]) -> list[tuple[str, str]]:
    found = _ATTRIBUTE.findall(match["attributes"] or "")
    return [
        (name.lower(), html.unescape(double or single or bare))
        for name, double, single, bare in found
    ]
