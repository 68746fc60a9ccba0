"""The base of each admin of people who can be written to: what all recipient types have.

An app's admin derives from it and names its columns; `subscription` and `received` are here, and
so are the ways to a new mailing out and to the mailings that a person got.
"""

import re
from typing import Any, ClassVar, TypeVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import OwnedModelAdmin, OwnerFilter
from common.models import Base1
from massmail.admin_actions import make_mailing_out
from massmail.services.subscription import (
    is_decided_by_person,
    subscription_text,
    with_received,
    with_subscription,
)
from massmail.site.columns import column
from massmail.utils.adminfilters import SubscriptionFilter, VipFilter

AnyRecipient = TypeVar("AnyRecipient", bound=Base1)
_ID = re.compile(r"id\s*(\d{1,18})", re.IGNORECASE)


_HOW_TO_COME_BACK = _(
    "Who unsubscribed comes back only by themselves. Bounces are lifted by an administrator."
)


class RecipientAdmin(OwnedModelAdmin[AnyRecipient]):
    """Lists people with their subscriptions, and leads to mailings."""

    actions: Any = (make_mailing_out,)  # Any: an action's arguments are those of its ModelAdmin
    list_filter: ClassVar[Any] = (OwnerFilter, SubscriptionFilter, VipFilter)
    list_per_page = 50
    search_help_text = _("A name, an address, or id and a number: id123.")
    change_list_template = "massmail/audience/change_list.html"
    change_form_template = "massmail/audience/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnyRecipient]:
        """Add what the columns say."""
        people = with_subscription(super().get_queryset(request), now=timezone.now())
        return with_received(people)

    def get_actions(self, request: HttpRequest) -> Any:  # Any: Django's table of actions
        """Offer a mailing out to those who may make one."""
        actions = super().get_actions(request)
        if not request.user.has_perm("massmail.add_mailingout"):
            actions.pop("make_mailing_out", None)
        return actions

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AnyRecipient], search_term: str
    ) -> tuple[QuerySet[AnyRecipient], bool]:
        """Find `id123` by its number, among what the user may see as ever."""
        if found := _ID.fullmatch(search_term.strip()):
            return queryset.filter(pk=int(found[1])), False
        return super().get_search_results(request, queryset, search_term)

    # --- the subscription

    def get_readonly_fields(
        self, request: HttpRequest, obj: AnyRecipient | None = None
    ) -> tuple[str, ...]:
        """Add the subscription in words."""
        return (*super().get_readonly_fields(request, obj), "subscription")

    def get_fieldsets(
        self, request: HttpRequest, obj: AnyRecipient | None = None
    ) -> Any:  # Any: Django's nested tuples
        """Show the switch, or words where it is not the user's to switch, or both."""
        hidden = _hidden(obj, is_superuser=request.user.is_superuser)
        return [
            (title, options | {"fields": [each for each in options["fields"] if each != hidden]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_form(
        self,
        request: HttpRequest,
        obj: AnyRecipient | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:  # Any: Django's signature
        """Say beside the words who can change them."""
        kwargs["help_texts"] = {"subscription": _HOW_TO_COME_BACK} | kwargs.get("help_texts", {})
        return super().get_form(request, obj, change, **kwargs)

    @admin.display(description=_("subscription"), ordering="massmail")
    def subscription(self, obj: Any) -> str:  # Any: a recipient with the annotations above
        return subscription_text(obj)

    @admin.display(description=_("mailings"))
    def received(self, obj: Any) -> SafeString:  # Any: as above
        return column("received", number=obj.received_number, url=got_url(obj))

    # --- the ways on

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer a new mailing out to such people."""
        context = dict(extra_context or {})
        if request.user.has_perm("massmail.add_mailingout"):
            context["make_url"] = reverse(f"{self.opts.model_name}_make_massmail")
        return super().changelist_view(request, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lead to the mailings that the person got, and a superuser to what stops them."""
        person: Any = self.get_object(request, object_id)  # a recipient with the annotations
        context = dict(extra_context or {})
        if person is not None:
            context["got_url"] = got_url(person)
            if person.suppression_id and request.user.is_superuser:
                args = [person.suppression_id]
                context["suppression_url"] = reverse("admin:massmail_suppression_change", args=args)
        return super().change_view(request, object_id, form_url, context)


def _hidden(person: Any, *, is_superuser: bool) -> str:  # Any: a recipient with the annotations
    """Return what a form leaves out: the switch, or the words, or neither.

    Who is off comes back by themselves; a superuser switches on again what staff switched off.
    """
    is_on = person is None or (person.massmail and person.is_subscribed)
    if is_on and not (person and person.suppression_kind):
        return "subscription"
    return "" if is_on or (is_superuser and not is_decided_by_person(person)) else "massmail"


def got_url(person: Any) -> str:  # Any: a recipient
    """Return the page of the mailings that a person got."""
    word = person.GOT_WORD or person._meta.model_name
    return reverse(f"got_{word}_massmails", args=[person.pk])
