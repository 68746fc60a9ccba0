"""When a mailing out starts: now, or at a moment of the user's own time zone."""

from datetime import datetime
from typing import Any

from django import forms
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class MomentInput(forms.DateTimeInput):
    """The browser's own field for date and time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class MomentField(forms.DateTimeField):
    """A moment, written in the user's time zone."""

    widget = MomentInput


class StartForm(forms.Form):
    """The start of a draft."""

    class When(models.TextChoices):
        NOW = "now", _("now")
        LATER = "later", _("at")

    when = forms.ChoiceField(
        label=_("Start"), choices=When, initial=When.NOW, widget=forms.RadioSelect
    )
    start_at = MomentField(label=_("Date and time"), required=False)
    not_after = MomentField(label=_("Not after"), required=False)

    def clean(self) -> dict[str, Any]:  # Django's signature
        """Ask for the moment of a later start; a moment that is over means now."""
        cleaned = super().clean() or {}
        is_later = cleaned.get("when") == self.When.LATER
        if is_later and not cleaned.get("start_at") and "start_at" not in self.errors:
            self.add_error("start_at", _("Say when it starts."))
        return cleaned

    @property
    def at(self) -> datetime | None:
        """When to start; None for now."""
        if self.cleaned_data["when"] == self.When.NOW:
            return None
        start_at: datetime = self.cleaned_data["start_at"]
        return start_at if start_at > timezone.now() else None
