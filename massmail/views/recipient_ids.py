"""The addresses under which the lists of served and failed people were known; both lead on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from massmail.models import MailingOut
from massmail.views.access import visible_or_404
from massmail.views.progress import people_url


@require_safe
def successful_ids(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Lead to the people whose mail was sent."""
    return redirect(people_url(visible_or_404(request, MailingOut, mailing_out_id).pk, "sent"))


@require_safe
def failed_ids(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Lead to the people whose mail failed."""
    return redirect(people_url(visible_or_404(request, MailingOut, mailing_out_id).pk, "failed"))
