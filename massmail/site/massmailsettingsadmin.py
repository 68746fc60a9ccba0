"""The one row of settings, for superusers; its list leads straight to it."""

from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from massmail.models import MassmailSettings
from massmail.site.superusers import SuperuserAdmin

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class MassmailSettingsAdmin(SuperuserAdmin):
    formfield_overrides: ClassVar[Any] = {models.URLField: {"assume_scheme": "https"}}
    fieldsets = (
        (_("Mailboxes"), {"fields": ("emails_per_day", ("gap_min_s", "gap_max_s"))}),
        (
            _("Sending hours"),
            {
                "fields": (
                    "use_business_time",
                    ("business_time_start", "business_time_end"),
                    DAYS,
                    "time_zone",
                )
            },
        ),
        (_("Unsubscribing"), {"fields": ("unsubscribe_url",)}),
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the row."""
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        row = MassmailSettings.load()
        return redirect("admin:massmail_massmailsettings_change", row.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keep it one row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep the row."""
        return False
