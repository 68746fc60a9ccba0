"""Addresses that are not written to, for superusers. What people decided, they alone lift."""

from django.http import HttpRequest

from massmail.models import Suppression
from massmail.site.superusers import SuperuserAdmin

_LIFTED_BY_STAFF = frozenset({Suppression.Kind.BOUNCED, Suppression.Kind.MANUAL})


class SuppressionAdmin(SuperuserAdmin):
    list_display = ("address_key", "kind", "created_at", "until", "source")
    list_filter = ("kind",)
    search_fields = ("address_key",)
    readonly_fields = ("created_at",)
    actions = None

    def has_change_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        """Keep what people decided as it is."""
        return super().has_change_permission(request, obj) and _is_ours(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        """Lift bounces and what staff wrote; the person alone lifts the rest."""
        return super().has_delete_permission(request, obj) and _is_ours(obj)


def _is_ours(suppression: Suppression | None) -> bool:
    return suppression is None or suppression.kind in _LIFTED_BY_STAFF
