"""Mailing identities, for superusers: whom an account always writes to, and who is subscribed."""

from typing import Any

from django.contrib.admin import RelatedOnlyFieldListFilter, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.ids import id_in
from massmail.models import EmailAccount, MassContact
from massmail.site.superusers import SuperuserAdmin


class AccountFilter(SimpleListFilter):
    """Which account always writes to them; the accounts are read with their owners."""

    title = _("email account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every account, by name."""
        accounts = EmailAccount.objects.select_related("owner").order_by("name", "pk")
        return [(str(account.pk), str(account)) for account in accounts]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the people of the chosen account; none for one that cannot be."""
        chosen = self.value()
        if chosen is None:
            return queryset
        account_id = id_in(chosen)
        return queryset.none() if account_id is None else queryset.filter(email_account=account_id)


class MassContactAdmin(SuperuserAdmin):
    list_display = ("__str__", "content_type", "object_id", "email_account", "massmail")
    list_filter = (
        "massmail",
        "content_type",
        ("email_account__owner", RelatedOnlyFieldListFilter),
        AccountFilter,
    )
    list_select_related = ("content_type", "email_account", "email_account__owner")
    search_fields = ("object_id", "uuid")
    ordering = ("-pk",)
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
