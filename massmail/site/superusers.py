"""The base of the raw models: superusers alone see and change them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class SuperuserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's has no subscript
    """For superusers alone, whatever permissions others have been given."""

    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what the form changed, and nothing that the engine writes meanwhile."""
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            obj.save()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """List the model for superusers."""
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show it to superusers."""
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let superusers add."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers change."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers delete."""
        return bool(request.user.is_superuser)
