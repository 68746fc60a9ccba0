"""Trying failed mails again: all of them, those given up, those of a list, or the chosen."""

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from massmail.clock import database_now
from massmail.errors import IllegalTransition
from massmail.models import Delivery, FailReason, MailingOut
from massmail.models.delivery import DeliveryQuerySet
from massmail.services import bulk_moves
from massmail.views.access import changeable_or_403
from massmail.views.campaign_acts import chosen, done
from massmail.views.people_filter import PeopleFilter


@require_POST
def send_failed_recipients(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Try failed mails again: `which` is chosen, listed (by the filter), given-up or all."""
    related = ("content_type",)
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id, related=related)

    def act() -> str:
        _require_time(mailing_out)
        number = bulk_moves.retry_failed(_failed(request, mailing_out))
        text = ngettext("%(number)s is tried again.", "%(number)s are tried again.", number)
        return text % {"number": intcomma(number)}

    return done(request, mailing_out, act)


def _failed(request: HttpRequest, mailing_out: MailingOut) -> DeliveryQuerySet:
    """Return the failed rows that the form means. Raises NothingChosen."""
    failed = Delivery.objects.filter(mailing_out=mailing_out.pk, status=Delivery.Status.FAILED)
    which = request.POST.get("which")
    if which == "given-up":
        return failed.filter(reason=FailReason.TEMPORARY)
    if which == "listed":
        listed = PeopleFilter.from_query(request.POST).rows(mailing_out)
        return failed.filter(pk__in=listed.order_by().values("pk"))
    return chosen(request, failed)


def _require_time(mailing_out: MailingOut) -> None:
    """Refuse what would end at once: the mailing out is cancelled, at work, or out of time."""
    text = ""
    if mailing_out.status == MailingOut.Status.INTERRUPTED:
        text = _("“%(name)s” was cancelled. Make a new mailing out to these people.")
    elif mailing_out.preparing:
        text = _("“%(name)s” is being prepared. Wait a moment.")
    elif mailing_out.not_after is not None and mailing_out.not_after <= database_now():
        text = _("The time of “%(name)s” is over. Make a new mailing out to these people.")
    if text:
        raise IllegalTransition(text % {"name": mailing_out.name})
