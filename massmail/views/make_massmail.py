"""A new mailing out to the people whom a filter form finds; one form for each recipient type."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from massmail.clock import database_now
from massmail.forms.audience_form import AudienceForm, NewMailingOutForm
from massmail.forms.radio_select_form import may_view
from massmail.models import Recipient
from massmail.services.audience_count import AudienceCount, count_new
from massmail.views import audience_page
from massmail.views.access import user_of
from massmail.views.new_draft import name_for, new_draft, warn_without_account


@require_http_methods(["GET", "HEAD", "POST"])
def make_massmail(request: HttpRequest, model: type[Recipient]) -> HttpResponse:
    """Show the form with the number of people it finds; "create" makes the draft."""
    form = NewMailingOutForm(model, _allowed(request, model), _data(request, model))
    count = _count(form)
    if request.method == "POST" and "create" in request.POST and count is not None:
        if count.chosen:
            return _create(request, form)
        form.add_error(None, _("Nobody is found. Choose fewer filters, or “all” people."))
    return audience_page.show(request, _page(model), form, count)


@require_safe
def count_massmail(request: HttpRequest, model: type[Recipient]) -> HttpResponse:
    """Return how many people the form would find, as JSON."""
    form = AudienceForm(model, _allowed(request, model), request.GET)
    return audience_page.as_json(form, _count(form))


def _allowed(request: HttpRequest, model: type[Recipient]) -> Any:  # Any: the user
    """Return the user if they may view such people and make mailing outs."""
    user = user_of(request)
    if not (user.has_perm("massmail.add_mailingout") and may_view(user, model)):
        raise PermissionDenied
    return user


def _data(request: HttpRequest, model: type[Recipient]) -> Mapping[str, Any]:
    """Return what was sent, or what the form begins with."""
    if request.method == "POST":
        return request.POST
    return AudienceForm.beginning(user_of(request)) | {"name": name_for(model)}


def _count(form: AudienceForm) -> AudienceCount | None:
    return count_new(form.people(), now=database_now()) if form.is_valid() else None


@transaction.atomic
def _create(request: HttpRequest, form: NewMailingOutForm) -> HttpResponse:
    draft = new_draft(request, form.people(), name=form.cleaned_data["name"])
    warn_without_account(request)
    return redirect("admin:massmail_mailingout_change", draft.pk)


def _page(model: type[Recipient]) -> audience_page.AudiencePage:
    people = model._meta.verbose_name_plural
    return audience_page.AudiencePage(
        title=_("New mailing out to %(people)s") % {"people": people},
        lead=_("Nothing is sent yet: this makes a draft, which you can change and look at."),
        label=_("Create the draft"),
        count_url=reverse(f"{model._meta.model_name}_count_massmail"),
        back_url=reverse("select_recipient_type"),
    )
