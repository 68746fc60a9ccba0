"""The page between an action of a list and what it does: it names the numbers, and asks.

Its form posts to the same list with the same choice, and `confirmed`.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from common.models import OwnedQuerySet
from massmail.views.access import user_of


def is_confirmed(request: HttpRequest) -> bool:
    """Tell whether the page was shown and answered."""
    return request.POST.get("confirmed") == "yes"


def changeable(request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of the chosen that the user may change, whatever list they came from."""
    everything: QuerySet[Any] = queryset.model._default_manager.get_queryset()
    if isinstance(everything, OwnedQuerySet):
        everything = everything.changeable_by(user_of(request))
    return everything.filter(pk__in=queryset.order_by().values("pk"))


def ask(
    request: HttpRequest,
    model_admin: "admin.ModelAdmin[Any]",
    template: str,
    **facts: Any,  # whatever the template names
) -> HttpResponse:
    """Show the page."""
    across = request.POST.get("select_across", "0") == "1"
    selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,
        "action": request.POST.get("action", ""),
        "select_across": "1" if across else "0",
        "selected": selected[:1] if across else selected,
        **facts,
    }
    return TemplateResponse(request, template, context)
