"""The catalogues of translations: collect what is to translate, keep it, compile it.

`./run messages` brings `locale/*/LC_MESSAGES/django.po` up to date with the code and compiles it.
It needs Babel, a tool of development; the product reads the compiled files alone. Translations are
found again by their text: one that changes begins anew, untranslated, never by guessing.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

BASE = Path(__file__).resolve().parent.parent
LOCALE = BASE / "locale"
LANGUAGES = ("ar", "de")
CODE = ("common", "crm", "crm_project", "massmail")
WIDTH = 100  # columns
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
# Dates and names that change without a change of the text
NOISE = ("Report-Msgid", "POT-Creation", "PO-Revision", "Last-", "Language-Team", "Generated-By")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # compiled files would differ by the minute otherwise


def collect() -> Catalog:
    """Return every text of the code and the templates, with where it stands."""
    template = Catalog(charset="utf-8")
    for path, source in _sources():
        place = path.relative_to(BASE).as_posix()
        found = extract("python", io.BytesIO(source), KEYWORDS, comment_tags=("Translators:",))
        for _line, text, comments, context in found:
            notes = [note.removeprefix("Translators:").strip() for note in comments]
            template.add(text, locations=[(place, 0)], auto_comments=notes, context=context)
    return template


def _sources() -> Iterator[tuple[Path, bytes]]:
    """Yield Python, as it is or made of a template by Django, in a fixed order."""
    for folder in CODE:
        for path in sorted((BASE / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path, path.read_bytes()
    for path in sorted((BASE / "templates").rglob("*.*")):
        if path.suffix in {".html", ".txt"}:
            calls = templatize(path.read_text("utf-8"), origin=str(path))
            # What Django leaves of the markup may look like blocks of Python.
            flat = "\n".join(line.strip() for line in calls.splitlines())
            yield path, flat.encode()


def path_of(language: str, suffix: str = "po") -> Path:
    """Return where the catalogue of a language is kept."""
    return LOCALE / language / "LC_MESSAGES" / f"django.{suffix}"


def read(language: str) -> Catalog:
    """Return the stored catalogue; an empty one before the first."""
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language, charset="utf-8")


def updated(catalogue: Catalog, template: Catalog) -> Catalog:
    """Bring a catalogue up to date: new texts untranslated, old ones gone."""
    header = catalogue.header_comment
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.header_comment = header
    return catalogue


def as_po(catalogue: Catalog) -> str:
    """Write a catalogue as text, sorted and without what changes by itself."""
    file = io.BytesIO()
    write_po(file, catalogue, width=WIDTH, sort_output=True, include_lineno=False)
    lines = file.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.removeprefix('"').startswith(NOISE))


def as_mo(catalogue: Catalog) -> bytes:
    """Compile what is translated; the same translations give the same bytes."""
    plain = Catalog(locale=catalogue.locale, charset="utf-8", fuzzy=False)
    plain.creation_date = plain.revision_date = EPOCH
    for message in catalogue:
        if message.id and is_translated(message):
            plain.add(message.id, message.string, context=message.context)
    file = io.BytesIO()
    write_mo(file, plain)
    return file.getvalue()


def is_translated(message: Message) -> bool:
    """Tell whether a text is translated, in all its plural forms."""
    forms = message.string if isinstance(message.string, tuple | list) else [message.string]
    return bool(forms) and all(forms)


def main() -> None:
    """Update and compile every catalogue; say what is still to be translated."""
    template = collect()
    for language in LANGUAGES:
        catalogue = updated(read(language), template)
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        path_of(language).write_text(as_po(catalogue), "utf-8")
        path_of(language, "mo").write_bytes(as_mo(catalogue))
        missing = sum(not is_translated(message) for message in catalogue if message.id)
        sys.stdout.write(f"{language}: {len(catalogue)} texts, {missing} to be translated\n")


if __name__ == "__main__":
    main()
