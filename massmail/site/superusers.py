"""The base of the raw models: superusers alone see and change them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from common.superusers import SuperusersOnly


class SuperuserAdmin(SuperusersOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # Django's has no subscript
    """For superusers alone, whatever permissions others have been given."""

    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what the form changed, and nothing that the engine writes meanwhile."""
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            obj.save()
