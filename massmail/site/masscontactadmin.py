"""Mailing identities, for superusers: whom an account always writes to, and who is subscribed."""

from django.db.models import QuerySet
from django.http import HttpRequest

from massmail.models import MassContact
from massmail.site.superusers import SuperuserAdmin


class MassContactAdmin(SuperuserAdmin):
    list_display = ("__str__", "content_type", "email_account", "massmail")
    list_filter = ("massmail", "content_type", "email_account")
    list_select_related = ("content_type", "email_account", "email_account__owner")
    search_fields = ("object_id", "uuid")
    fields = ("content_type", "object_id", "uuid", "email_account", "massmail")
    readonly_fields = ("content_type", "object_id", "uuid")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MassContact]:
        """Fetch the people of a page together."""
        return super().get_queryset(request).prefetch_related("content_object")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave making them to the starts of mailing outs."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: MassContact | None = None) -> bool:
        """Keep them for ever: their links stand in mails already sent."""
        return False
