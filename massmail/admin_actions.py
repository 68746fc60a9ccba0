"""What the lists of people offer: a mailing out to the chosen ones."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy

from common.models import OwnedQuerySet
from massmail.views.access import user_of
from massmail.views.new_draft import name_for, new_draft, warn_without_account


@admin.action(description=gettext_lazy("Create a mailing out"))
def make_mailing_out(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse:  # Any: people of any type
    """Make a draft to the chosen people that the user may see, and open its page."""
    user = user_of(request)
    if not user.has_perm("massmail.add_mailingout"):
        raise PermissionDenied
    people = queryset.model._default_manager.get_queryset()
    if isinstance(people, OwnedQuerySet):
        people = people.visible_to(user)
    people = people.filter(pk__in=queryset.order_by().values("pk"))
    mailing_out = new_draft(request, people, name=name_for(people.model))
    warn_without_account(request)
    return redirect("admin:massmail_mailingout_change", mailing_out.pk)
