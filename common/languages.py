"""The languages of the site, as choices that no migration holds."""

from collections.abc import Sequence

from django.conf import settings


def language_choices() -> Sequence[tuple[str, str]]:
    """Return (code, name) of every language that the site offers."""
    return [(code, str(name)) for code, name in settings.LANGUAGES]
