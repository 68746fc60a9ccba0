"""Columns of lists that need markup: small templates, rendered here."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString


def column(template: str, **context: Any) -> SafeString:  # Any: whatever the template shows
    """Render `templates/massmail/columns/<template>.html`; autoescaped like every template."""
    return render_to_string(f"massmail/columns/{template}.html", context)
