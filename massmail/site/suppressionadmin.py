"""Addresses that are not written to, for superusers. What people decided, they alone lift."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from massmail.models import Suppression
from massmail.services import subscription
from massmail.site.superusers import SuperuserAdmin
from massmail.views.access import user_of


class SuppressionAdmin(SuperuserAdmin):
    list_display = ("address_key", "kind", "created_at", "until", "source")
    list_filter = ("kind",)
    search_fields = ("address_key",)
    readonly_fields = ("created_at",)
    actions = None
    delete_confirmation_template = "massmail/audience/lift_suppression.html"

    def has_change_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        """Keep them as they are: what is changed would be lifted without a note."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        """Lift bounces and what staff wrote; the person alone lifts the rest."""
        return super().has_delete_permission(request, obj) and _is_ours(obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the note without which nothing is lifted."""
        is_without = request.method == "POST" and not request.POST.get("note", "").strip()
        if is_without and self.has_delete_permission(request):
            messages.error(request, subscription.NOTE_MISSING)
            return HttpResponseRedirect(request.path)
        return super().delete_view(request, object_id, extra_context)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        """Leave the history to the service: it has the note."""
        return []

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        """Lift it, with the note."""
        subscription.lift(obj, by=user_of(request), note=request.POST["note"])


def _is_ours(suppression: Suppression | None) -> bool:
    return suppression is None or subscription.is_liftable(suppression)
