"""Ids as requests bring them: text that may be anything."""

from collections.abc import Iterable

_MOST_DIGITS = 18  # of a key that any database takes


def id_in(text: str) -> int | None:
    """Return the id that a text is; None for any other text."""
    is_id = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if is_id else None


def ids_in(texts: Iterable[str]) -> list[int]:
    """Return the ids among some texts."""
    return [found for text in texts if (found := id_in(text)) is not None]
