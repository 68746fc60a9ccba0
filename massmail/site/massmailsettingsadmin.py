"""The one row of settings, for superusers; its list leads straight to it."""

from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from massmail.clock import database_now
from massmail.models import MassmailSettings
from massmail.site.superusers import SuperuserAdmin
from massmail.views.sending_hours import hours_in_words

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

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Say besides in words when mail leaves, with an example."""
        context = {
            "hours_in_words": hours_in_words(MassmailSettings.load(), database_now()),
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Stay on the page."""
        return redirect("admin:massmail_massmailsettings_change", obj.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keep it one row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep the row."""
        return False
