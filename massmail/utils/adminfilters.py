"""Filters of the admin's lists: mailing outs by state; people by subscription and by VIP.

Whose rows are listed is `common.admin.OwnerFilter`.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from massmail.models import MailingOut, Suppression

_STATUS = MailingOut.Status


class StatusFilter(admin.SimpleListFilter):
    """By the words of the pages; scheduled ones are among the active."""

    title = _("state")
    parameter_name = "state"
    CONDITIONS: ClassVar[dict[str, tuple[Promise, Q]]] = {
        "active": (_("active"), Q(status__in=MailingOut.ACTIVE)),
        "scheduled": (_("scheduled"), Q(status__in=MailingOut.ACTIVE)),
        "draft": (_("draft"), Q(status=_STATUS.PAUSED, started_at=None)),
        "paused": (_("paused"), Q(status=_STATUS.PAUSED, started_at__isnull=False)),
        "cancelled": (_("cancelled"), Q(status=_STATUS.INTERRUPTED)),
        "done": (_("done"), Q(status=_STATUS.DONE)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer all states."""
        return [(value, label) for value, (label, _condition) in self.CONDITIONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the mailing outs in the chosen state."""
        chosen = self.CONDITIONS.get(self.value() or "")
        if chosen is None:
            return queryset
        found = queryset.filter(chosen[1])
        if self.value() == "scheduled":
            found = found.filter(start_at__gt=timezone.now())
        return found


class SubscriptionFilter(admin.SimpleListFilter):
    """By what the subscription column says: who gets mailings, and who does not and why."""

    title = _("mass mailing")
    parameter_name = "subscription"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the words of the column."""
        return [
            ("subscribed", _("subscribed")),
            ("unsubscribed", _("unsubscribed")),
            ("suppressed", _("bounced or stopped by hand")),
            ("disqualified", _("disqualified")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the people of whom the column says the chosen word."""
        chosen = self.value()
        if chosen not in dict(self.lookup_choices):
            return queryset
        active = Suppression.objects.active(timezone.now())
        active = active.filter(address_key=OuterRef("address_key"))
        off = Q(massmail=False) | Q(mass_contacts__massmail=False)
        unsubscribed = off | Exists(active.filter(kind__in=Suppression.BY_THE_PERSON))
        if chosen == "unsubscribed":
            return queryset.filter(unsubscribed)
        wanted = queryset.exclude(pk__in=queryset.order_by().filter(unsubscribed).values("pk"))
        if chosen == "suppressed":
            return wanted.filter(Exists(active))
        return wanted.filter(~Exists(active), disqualified=chosen == "disqualified")


class VipFilter(admin.SimpleListFilter):
    """Whether somebody's main account writes to the person."""

    title = _("VIP: written to from a main account")
    parameter_name = "vip"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer yes and no."""
        return [("yes", _("yes")), ("no", _("no"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the VIPs, or all others: also those who were never written to."""
        vips = Q(mass_contacts__email_account__main=True)
        if self.value() == "yes":
            return queryset.filter(vips)
        if self.value() == "no":
            return queryset.exclude(vips)
        return queryset
