"""A new draft to chosen people, and what is said about it early."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from massmail import tasks
from massmail.models import EmailAccount, MailingOut, Recipient
from massmail.services import audience, audience_changes
from massmail.views.access import user_of


def new_draft(
    request: HttpRequest, people: QuerySet[Any], *, name: str
) -> MailingOut:  # Any: people of any type
    """Make the user's draft: at once, or in a task if the people are many."""
    owner = user_of(request)
    if not audience_changes.is_large(None, people.count()):
        return audience.create_for(people, owner=owner, message=None, name=name)
    draft = audience.choose_for_later(people, owner=owner, message=None, name=name)
    tasks.prepare_soon(draft)
    return draft


def name_for(model: type[Recipient]) -> str:
    """Return a name for a mailing out to people of this type: what they are called, and when."""
    facts = {
        "people": capfirst(str(model._meta.verbose_name_plural)),
        "day": date_format(timezone.localtime(), "SHORT_DATETIME_FORMAT"),
    }
    return (_("%(people)s, %(day)s") % facts)[:100]


def warn_without_account(request: HttpRequest) -> None:
    """Say early that nothing could be sent, or only to VIPs."""
    usable = EmailAccount.objects.usable_by(user_of(request)).filter(massmail=True)
    mains = list(usable.values_list("main", flat=True))
    if not mains:
        text = _("You have no email account that is on: add one before you start.")
        messages.warning(request, text)
    elif all(mains):
        text = _("You have only your main account, which writes to VIPs alone.")
        messages.warning(request, text)
