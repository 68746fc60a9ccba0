"""What the lists of people and of users offer: merging duplicates, giving all that a user has."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.services import duplicates
from massmail.errors import MassmailError
from massmail.forms.new_owner_form import NewOwnerForm
from massmail.services import ownership
from massmail.views.access import user_of
from massmail.views.action_pages import ask, changeable, is_confirmed


@admin.action(description=gettext_lazy("Merge duplicates"), permissions=["delete"])
def merge_duplicates(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:  # Any: companies, contacts or leads
    """Keep one of the chosen, after a page that asks which."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    people = list(changeable(request, queryset).order_by("pk")[: duplicates.AT_MOST + 1])
    by_key = {str(person.pk): person for person in people}
    kept = by_key.get(request.POST.get("kept", ""))
    try:
        duplicates.require_mergeable(len(people), chosen=queryset.count())
        if kept is not None and is_confirmed(request):
            others = [person for person in people if person.pk != kept.pk]
            duplicates.merge(kept, others, by=user_of(request))
            messages.success(request, _("They are one now: %(name)s.") % {"name": kept})
            return None
    except MassmailError as refusal:
        messages.error(request, str(refusal))
        return None
    facts = {"title": _("Merge duplicates"), "people": people, "unanswered": is_confirmed(request)}
    return ask(request, model_admin, "crm/actions/merge_duplicates.html", **facts)


@admin.action(description=gettext_lazy("Give all they have to another user"))
def transfer_everything(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: QuerySet[User]
) -> HttpResponse | None:  # Any: whatever user model admin is installed
    """Give everything of one user to another; for superusers, after a page that names it."""
    if not user_of(request).is_superuser:
        raise PermissionDenied
    users = list(queryset[:2])
    if len(users) != 1:
        messages.error(request, _("Choose one user at a time."))
        return None
    form = _form_for(request, users[0])
    if form.is_valid():
        _transfer(request, users[0], to=form.cleaned_data["new_owner"])
        return None
    facts = {
        "title": _("Give all they have to another user"),
        "user_left": users[0],
        "form": form,
        "owned": _in_words(ownership.owned_by(users[0])),
    }
    return ask(request, model_admin, "crm/actions/transfer.html", **facts)


def _form_for(request: HttpRequest, user: User) -> NewOwnerForm:
    """Return the choice among all other active staff."""
    staff = User.objects.filter(is_active=True, is_staff=True).exclude(pk=user.pk)
    data = request.POST if is_confirmed(request) else None
    return NewOwnerForm(data, offered=staff.order_by("username"))


def _transfer(request: HttpRequest, user: User, *, to: User) -> None:
    """Give everything, and say how much."""
    number = sum(ownership.transfer(user, to=to, by=user_of(request)).values())
    text = ngettext(
        "%(number)s object belongs to %(owner)s now.",
        "%(number)s objects belong to %(owner)s now.",
        number,
    )
    messages.success(request, text % {"number": intcomma(number), "owner": to})


def _in_words(owned: dict[Any, int]) -> list[tuple[str, int]]:
    """Return name and number of each model; Any: model classes."""
    return [(str(model._meta.verbose_name_plural), number) for model, number in owned.items()]
