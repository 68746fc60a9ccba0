"""What the lists of people offer: a mailing out to the chosen ones."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.models import OwnedQuerySet
from massmail import tasks
from massmail.models import EmailAccount, MailingOut
from massmail.services import audience
from massmail.views.access import user_of


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
    mailing_out = _draft(request, people)
    _warn_without_account(request)
    return redirect("admin:massmail_mailingout_change", mailing_out.pk)


def _draft(request: HttpRequest, people: QuerySet[Any]) -> MailingOut:
    """Write the draft: at once, or in a task if the people are many."""
    facts = {
        "people": str(people.model._meta.verbose_name_plural).capitalize(),
        "day": date_format(timezone.localtime(), "SHORT_DATETIME_FORMAT"),
    }
    name = (_("%(people)s, %(day)s") % facts)[:100]
    user = user_of(request)
    if people.count() <= audience.PREPARE_IN_TASK_ABOVE:
        return audience.create_for(people, owner=user, message=None, name=name)
    mailing_out = audience.choose_for_later(people, owner=user, message=None, name=name)
    transaction.on_commit(lambda: tasks.prepare.delay(mailing_out.pk), robust=True)
    return mailing_out


def _warn_without_account(request: HttpRequest) -> None:
    """Say early that nothing could be sent, or only to VIPs."""
    usable = EmailAccount.objects.usable_by(user_of(request)).filter(massmail=True)
    mains = list(usable.values_list("main", flat=True))
    if not mains:
        text = _("You have no email account that is on: add one before you start.")
        messages.warning(request, text)
    elif all(mains):
        text = _("You have only your main account, which writes to VIPs alone.")
        messages.warning(request, text)
