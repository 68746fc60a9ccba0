"""Writing the message of a draft: `?mailing_out=` on a message's page leads back to the draft."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from massmail.models import EmlMessage, MailingOut
from massmail.services.messages import choose_for
from massmail.views.access import may_change, user_of

PARAMETER = "mailing_out"


def named_in(request: HttpRequest) -> MailingOut | None:
    """Return the draft that the address names, if it is the user's to change."""
    pk = request.GET.get(PARAMETER, "")
    if not pk.isdecimal() or len(pk) > 18:
        return None
    drafts = MailingOut.objects.visible_to(user_of(request))
    draft = drafts.filter(pk=pk, started_at=None, preparing="").first()
    return draft if draft is not None and may_change(user_of(request), draft) else None


def returning(
    request: HttpRequest, response: HttpResponse, *, chosen: EmlMessage | None = None
) -> HttpResponse:
    """Choose the message for the draft, if one is given; lead back to it after "Save"."""
    draft = named_in(request)
    if draft is None or "_popup" in request.POST:
        return response
    if chosen is not None and not choose_for(draft, message=chosen, user=user_of(request)):
        messages.error(request, _("It is started: its message cannot change any more."))
    if "_addanother" in request.POST:
        return response
    if "_continue" not in request.POST:
        return redirect("admin:massmail_mailingout_change", draft.pk)
    page = reverse("admin:massmail_emlmessage_change", args=[chosen.pk]) if chosen else request.path
    return redirect(f"{page}?{urlencode({PARAMETER: draft.pk})}")
