"""A pseudo-language: every text that goes through translation comes out ⟦ḿááŕķééð⟧ and longer.

What a page shows without the marks was never given to translators. The language takes the place of
Esperanto, which Django knows; its catalogue is made from the code and from Django's own texts.
"""

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import django
from babel.messages import Catalog
from babel.messages.pofile import read_po

from crm_project import translations

CODE = "eo"
OPEN, CLOSE = "⟦", "⟧"
ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "áḃćďéḟǵĥíĵķĺḿńóṕɋŕśťúṽẃẋýźÁḂĆĎÉḞǴĤÍĴĶĹḾŃÓṔɊŔŚŤÚṼẂẊÝŹ",
)
KEPT = re.compile(r"(%\([^)]*\)[a-z]|%[a-z%]|\{[^}]*\}|<[^>]*>|&\w+;|\n)")
VOWELS = re.compile("([áéíóúý])")
DJANGO_APPS = (
    "conf",
    *(f"contrib/{name}" for name in ("admin", "auth", "contenttypes", "humanize", "sessions")),
)


def pseudo(text: str) -> str:
    """Mark a text, accent its letters and lengthen it; placeholders and tags stay."""
    parts = KEPT.split(text)
    parts[::2] = [VOWELS.sub(r"\1\1", part.translate(ACCENTS)) for part in parts[::2]]
    inside = "".join(parts)
    edges = re.fullmatch(r"(\n*)(.*?)(\n*)", inside, re.DOTALL)
    assert edges
    return f"{edges[1]}{OPEN}{edges[2]}{CLOSE}{edges[3]}"


def install(folder: Path) -> Path:
    """Write the compiled catalogue; return the folder for LOCALE_PATHS."""
    catalogue = Catalog(locale=CODE, charset="utf-8", fuzzy=False)
    for found in (translations.collect(), *_of_django()):
        for message in found:
            if not message.id:
                continue
            forms = message.id if isinstance(message.id, tuple | list) else (message.id,)
            marked = tuple(pseudo(form) for form in forms)
            text = marked if len(marked) > 1 else marked[0]
            catalogue.add(message.id, text, context=message.context)
    path = folder / CODE / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(translations.as_mo(catalogue))
    return folder


def _of_django() -> Iterator[Catalog]:
    for app in DJANGO_APPS:
        path = Path(django.__file__).parent / app / "locale/en/LC_MESSAGES/django.po"
        yield read_po(io.BytesIO(path.read_bytes()), locale="en")


class _Texts(HTMLParser):
    """Collects what a reader sees, and of it what stands outside the marks."""

    NEVER = frozenset({"script", "style", "bdi", "code", "pre", "textarea", "svg", "template"})
    INLINE = frozenset(
        {"a", "abbr", "b", "bdi", "em", "i", "span", "strong", "small", "time", "br"}
    )
    VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
    SPOKEN = ("title", "placeholder", "aria-label", "alt")

    def __init__(self) -> None:
        super().__init__()
        self.skipping: list[str] = []
        self.depth = 0
        self.unmarked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.INLINE:
            self.depth = 0
        values = dict(attrs)
        is_foreign = tag != "html" and "lang" in values  # names of languages, in themselves
        is_data = values.get("name") == "time_zone"
        if tag not in self.VOID and (self.skipping or tag in self.NEVER or is_foreign or is_data):
            self.skipping.append(tag)
        spoken = [values.get(name) for name in self.SPOKEN]
        if tag == "input" and values.get("type") in {"submit", "button"}:
            spoken.append(values.get("value"))
        if not self.skipping:
            self.unmarked += [rest for text in spoken if text and (rest := outside(text, 0)[0])]

    def handle_endtag(self, tag: str) -> None:
        if self.skipping and tag not in self.VOID:
            self.skipping.pop()
        if tag not in self.INLINE:
            self.depth = 0

    def handle_data(self, data: str) -> None:
        if self.skipping:
            return
        rest, self.depth = outside(data, self.depth)
        if rest:
            self.unmarked.append(rest)


def outside(text: str, depth: int) -> tuple[str, int]:
    """Return what of a text has no mark around it, and how deep inside marks it ends."""
    kept = []
    for character in text:
        if character == OPEN:
            depth += 1
        elif character == CLOSE:
            depth = max(depth - 1, 0)
        elif not depth:
            kept.append(character)
    words = "".join(kept).split()
    return " ".join(word for word in words if re.search(r"[^\W\d_]", word)), depth


def unmarked_texts(html: str) -> list[str]:
    """Return the visible texts of a page that were not translated, without numbers."""
    parser = _Texts()
    parser.feed(html)
    parser.close()
    return parser.unmarked
