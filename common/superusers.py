"""What superusers alone may see and change, whatever permissions others have been given."""

from typing import Any

from django.http import HttpRequest


class SuperusersOnly:
    """Stands before Django's ModelAdmin, and answers each of its questions."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """List the model for superusers."""
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show it to superusers. Any: an object of whatever model."""
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
