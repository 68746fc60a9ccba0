"""People left out of a draft one by one, put back, or left out because they got the message."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from common.ids import ids_in
from massmail.errors import MassmailError
from massmail.models import MailingOut
from massmail.models.delivery import DeliveryQuerySet
from massmail.services import audience, audience_changes
from massmail.views.access import changeable_or_403
from massmail.views.change_audience import left_out_text
from massmail.views.progress import people_url


@require_POST
def exclude_recipients(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Leave out everybody who got this message in another mailing out, whoever owns that."""
    draft = changeable_or_403(request, MailingOut, mailing_out_id)

    def act() -> str:
        number = audience_changes.leave_out_who_got_it(draft)
        if draft.recipients_number > audience.PREPARE_IN_TASK_ABOVE:
            return _("They are many: who got this message already is left out when it starts.")
        if not number:
            return _("Nobody here got this message already.")
        text = ngettext(
            "%(number)s person got this message already and is left out.",
            "%(number)s people got this message already and are left out.",
            number,
        )
        return text % {"number": intcomma(number)}

    _say(request, act)
    page = redirect("admin:massmail_mailingout_change", draft.pk)
    page["Location"] += "#audience"
    return page


@require_POST
def mailing_out_leave_out(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Leave out the people whose rows were ticked."""
    draft = changeable_or_403(request, MailingOut, mailing_out_id)
    rows = _ticked(request, draft)
    _say(request, lambda: left_out_text(audience_changes.leave_out(draft, rows=rows)))
    return redirect(people_url(draft.pk))


@require_POST
def mailing_out_put_back(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Put back the people whose rows were ticked; with `which=all`, all left out by hand."""
    draft = changeable_or_403(request, MailingOut, mailing_out_id)
    rows = _ticked(request, draft)
    if request.POST.get("which") == "all":
        rows = draft.deliveries.filter(left_out=True)
    _say(request, lambda: _put_back_text(audience_changes.put_back(draft, rows=rows)))
    return redirect(people_url(draft.pk))


def _put_back_text(number: int) -> str:
    if not number:
        return _("Nobody of them was left out by hand: nothing changed.")
    text = ngettext("%(number)s person is put back.", "%(number)s people are put back.", number)
    return text % {"number": intcomma(number)}


def _ticked(request: HttpRequest, draft: MailingOut) -> DeliveryQuerySet:
    """Return the rows of the draft whose ids were sent."""
    return draft.deliveries.filter(pk__in=ids_in(request.POST.getlist("delivery")))


def _say(request: HttpRequest, act: Callable[[], str]) -> None:
    """Do it, and say what became of it."""
    try:
        messages.success(request, act())
    except MassmailError as refusal:
        messages.error(request, str(refusal))
