"""What lists offer: a mailing out to the chosen people, VIPs, another owner, uniting mailing outs.

Each asks again what the user may see and change: a choice may come from anywhere.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from common.admin import colleagues_of
from common.models import OwnedQuerySet
from massmail import tasks
from massmail.errors import MassmailError
from massmail.forms.new_owner_form import NewOwnerForm
from massmail.models import MailingOut, Recipient
from massmail.services import merging, ownership, vip
from massmail.views.access import user_of
from massmail.views.action_pages import ask, changeable, is_confirmed
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


@admin.action(description=gettext_lazy("Unite mailing outs"), permissions=["change"])
def merge_mailing_outs(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Unite the chosen mailing outs into one draft, after a page that says what becomes of them."""
    user = user_of(request)
    mailing_outs = list(MailingOut.objects.visible_to(user).filter(pk__in=queryset.values("pk")))
    try:
        if not is_confirmed(request):
            outlook = merging.outlook(mailing_outs, by=user)
            facts = {"title": _("Unite mailing outs"), "outlook": outlook}
            return ask(request, model_admin, "massmail/actions/merge.html", **facts)
        draft = merging.unite(mailing_outs, by=user)
    except MassmailError as refusal:
        messages.error(request, str(refusal))
        return None
    tasks.prepare_soon(draft)
    messages.success(request, _("They are united in this draft. Start it when you are ready."))
    return redirect("admin:massmail_mailingout_change", draft.pk)


@admin.action(description=gettext_lazy("Make VIPs"), permissions=["change"])
def specify_vip_recipients(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: QuerySet[Any]
) -> None:  # Any: people of any type
    """Let the user's main account write to the chosen people."""
    people = changeable(request, queryset)
    try:
        number = vip.specify(people, owner=user_of(request))
    except MassmailError as refusal:
        messages.error(request, str(refusal))
        return
    text = ngettext(
        "%(number)s person more is a VIP now: your main account writes to them.",
        "%(number)s people more are VIPs now: your main account writes to them.",
        number,
    )
    messages.success(request, text % {"number": intcomma(number)})
    _say_spared(request, queryset.count() - people.count())


@admin.action(description=gettext_lazy("Remove VIP status"), permissions=["change"])
def remove_vip_status(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: QuerySet[Any]
) -> None:  # Any: people of any type
    """Let the user's main account write to the chosen people no more."""
    number = vip.remove(changeable(request, queryset), owner=user_of(request))
    text = ngettext(
        "%(number)s person is no VIP of yours any more.",
        "%(number)s people are no VIPs of yours any more.",
        number,
    )
    messages.success(request, text % {"number": intcomma(number)})


@admin.action(description=gettext_lazy("Change the owner"), permissions=["change"])
def change_owner(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:  # Any: objects of any model with an owner
    """Give the chosen objects to a colleague, after a page that asks to whom."""
    objects = ownership.givable(changeable(request, queryset))
    offered = colleagues_of(user_of(request)).filter(is_active=True)
    form = NewOwnerForm(request.POST if is_confirmed(request) else None, offered=offered)
    if form.is_valid():
        _give(request, objects, to=form.cleaned_data["new_owner"])
        return None
    number = objects.count()
    facts = {
        "title": _("Change the owner"),
        "form": form,
        "number": number,
        "along": ownership.count_along(objects),
        "spared": queryset.count() - number,
        "is_people": issubclass(queryset.model, Recipient),
    }
    return ask(request, model_admin, "massmail/actions/change_owner.html", **facts)


def _give(request: HttpRequest, objects: QuerySet[Any], *, to: User) -> None:
    """Give the objects, and say how many."""
    number = ownership.give(objects, to=to, by=user_of(request))
    text = ngettext(
        "%(number)s belongs to %(owner)s now.", "%(number)s belong to %(owner)s now.", number
    )
    messages.success(request, text % {"number": intcomma(number), "owner": to})


def _say_spared(request: HttpRequest, number: int) -> None:
    """Say that some of the chosen were not the user's to change."""
    if number:
        text = ngettext(
            "%(number)s of the chosen is not yours to change: left as it is.",
            "%(number)s of the chosen are not yours to change: left as they are.",
            number,
        )
        messages.warning(request, text % {"number": intcomma(number)})
