"""The audience in the admin: companies, contacts, leads and the lookups that segment them."""

from typing import Any, ClassVar, TypeVar

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.contrib.auth.models import User
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.admin import OwnerFilter
from crm.admin_actions import merge_duplicates, transfer_everything
from crm.models import (
    City,
    ClientType,
    Company,
    Contact,
    Country,
    Industry,
    Lead,
    LeadSource,
    Tag,
)
from crm.models.base_counterparty import BaseCounterparty
from massmail.admin_actions import (
    change_owner,
    make_mailing_out,
    remove_vip_status,
    specify_vip_recipients,
)
from massmail.services import ownership
from massmail.site.recipientadmin import RecipientAdmin
from massmail.utils.adminfilters import SubscriptionFilter, VipFilter
from massmail.views.access import user_of

AnyCounterparty = TypeVar("AnyCounterparty", bound=BaseCounterparty)

# What the lists of people offer; Any: an action's arguments are those of its ModelAdmin.
LIST_ACTIONS: tuple[Any, ...] = (
    make_mailing_out,
    specify_vip_recipients,
    remove_vip_status,
    change_owner,
    merge_duplicates,
)

MAILING_FIELDS = ("email", "language", "massmail", "subscription", "disqualified")
PLACE_FIELDS = ("country", "city")
OWNERSHIP_FIELDS = ("owner", "department")


@admin.register(ClientType, Country, Industry, LeadSource, Tag)
class LookupAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # five models, and Django's has no subscript
    search_fields = ("name",)


@admin.register(City)
class CityAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's has no subscript
    list_display = ("name", "country")
    list_select_related = ("country",)
    list_filter = (("country", RelatedOnlyFieldListFilter),)
    search_fields = ("name",)
    autocomplete_fields = ("country",)


class CounterpartyAdmin(RecipientAdmin[AnyCounterparty]):
    """What the lists of companies, contacts and leads have in common."""

    actions = LIST_ACTIONS
    autocomplete_fields: ClassVar[Any] = ("country", "city", "tags")

    def save_model(
        self,
        request: HttpRequest,
        obj: AnyCounterparty,
        form: "ModelForm[AnyCounterparty]",
        change: bool,  # Django's signature
    ) -> None:
        """Save; with a new owner, let follow what follows when they are given by the action."""
        row = type(obj)._default_manager.filter(pk=obj.pk)
        is_given = change and not row.filter(owner=obj.owner).exists()
        super().save_model(request, obj, form, change)
        if is_given and obj.owner is not None:
            ownership.give(row, to=obj.owner, by=user_of(request))


@admin.register(Company)
class CompanyAdmin(CounterpartyAdmin[Company]):
    list_display = ("full_name", "subscription", "received", "email", "type", "country", "owner")
    list_select_related = ("type", "country", "owner")
    list_filter = (
        OwnerFilter,
        SubscriptionFilter,
        VipFilter,
        ("type", RelatedOnlyFieldListFilter),
        ("country", RelatedOnlyFieldListFilter),
        ("industry", RelatedOnlyFieldListFilter),
        ("tags", RelatedOnlyFieldListFilter),
    )
    search_fields = ("full_name", "email")
    autocomplete_fields = (*CounterpartyAdmin.autocomplete_fields, "industry")
    fieldsets = (
        (None, {"fields": ("full_name", "type", "industry")}),
        (_("Mailing"), {"fields": MAILING_FIELDS}),
        (_("Place"), {"fields": PLACE_FIELDS}),
        (_("More"), {"fields": ("lead_source", "tags", *OWNERSHIP_FIELDS)}),
    )


@admin.register(Contact)
class ContactAdmin(CounterpartyAdmin[Contact]):
    list_display = ("name", "company", "subscription", "received", "email", "country", "owner")
    list_select_related = ("company", "country", "owner")
    list_filter = (
        OwnerFilter,
        SubscriptionFilter,
        VipFilter,
        ("company__type", RelatedOnlyFieldListFilter),
        ("country", RelatedOnlyFieldListFilter),
        ("company__industry", RelatedOnlyFieldListFilter),
        ("tags", RelatedOnlyFieldListFilter),
    )
    search_fields = ("first_name", "middle_name", "last_name", "email", "company__full_name")
    autocomplete_fields = (*CounterpartyAdmin.autocomplete_fields, "company")
    fieldsets = (
        (None, {"fields": (("first_name", "middle_name", "last_name"), "sex", "title", "company")}),
        (_("Mailing"), {"fields": MAILING_FIELDS}),
        (_("Place"), {"fields": PLACE_FIELDS}),
        (
            _("More"),
            {
                "fields": ("lead_source", "tags", *OWNERSHIP_FIELDS),
                "description": _("A contact belongs to whom the company belongs to."),
            },
        ),
    )
    readonly_fields = OWNERSHIP_FIELDS

    def save_model(
        self, request: HttpRequest, obj: Contact, form: "ModelForm[Contact]", change: bool
    ) -> None:
        """Give the contact to whom the company belongs."""
        obj.owner, obj.department = obj.company.owner, obj.company.department
        super().save_model(request, obj, form, change)
        # an owner of several departments: the company's counts, not the owner's first
        Contact.objects.filter(pk=obj.pk).update(department=obj.company.department)

    @admin.display(description=_("name"), ordering="last_name")
    def name(self, contact: Contact) -> str:
        return contact.full_name


@admin.register(Lead)
class LeadAdmin(CounterpartyAdmin[Lead]):
    list_display = ("name", "company_name", "subscription", "received", "email", "country", "owner")
    list_select_related = ("country", "owner")
    list_filter = (
        OwnerFilter,
        SubscriptionFilter,
        VipFilter,
        "disqualified",
        ("type", RelatedOnlyFieldListFilter),
        ("country", RelatedOnlyFieldListFilter),
        ("industry", RelatedOnlyFieldListFilter),
        ("tags", RelatedOnlyFieldListFilter),
        ("lead_source", RelatedOnlyFieldListFilter),
    )
    search_fields = ("first_name", "middle_name", "last_name", "email", "company_name")
    autocomplete_fields = (*CounterpartyAdmin.autocomplete_fields, "industry")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("first_name", "middle_name", "last_name"),
                    *("sex", "title", "company_name", "type", "industry"),
                )
            },
        ),
        (_("Mailing"), {"fields": MAILING_FIELDS}),
        (_("Place"), {"fields": PLACE_FIELDS}),
        (_("More"), {"fields": ("lead_source", "tags", *OWNERSHIP_FIELDS)}),
    )

    @admin.display(description=_("name"), ordering="last_name")
    def name(self, lead: Lead) -> str:
        return lead.full_name


_user_admin = admin.site.get_model_admin(User)
_user_admin.actions = (*_user_admin.actions, transfer_everything)  # type: ignore[misc]  # Django's type is a class's
