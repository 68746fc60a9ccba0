"""The check of every recipient: start it, see whom it found, leave them out."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from massmail import tasks
from massmail.clock import database_now
from massmail.errors import MassmailError
from massmail.models import AudienceCheck, Delivery, MailingOut
from massmail.services import audience_changes, checking
from massmail.services.checking import Finding
from massmail.views.access import changeable_or_403, may_change, user_of, visible_or_404
from massmail.views.check_card import check_card
from massmail.views.message_card import message_card
from massmail.views.people import rows_of

_RELATED = ("message__signature", "content_type", "owner")


@require_POST
def mailing_out_check(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Check every recipient of a draft: here, or in a task if there are many."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id, related=_RELATED)
    if mailing_out.message is None or mailing_out.started_at is not None:
        messages.error(request, _("Only a draft with a message can be checked."))
        return _to_start(mailing_out)
    try:
        if mailing_out.pending_count > checking.IN_THE_REQUEST_UP_TO:
            checking.note(mailing_out, now=database_now())
            transaction.on_commit(lambda: tasks.check_audience.delay(mailing_out.pk), robust=True)
            messages.info(request, _("Everybody's mail is being built for a try."))
        else:
            checking.check(mailing_out, now=database_now())
    except MassmailError as error:
        messages.error(request, str(error))
    return _to_start(mailing_out)


@require_safe
def mailing_out_check_state(request: HttpRequest, mailing_out_id: int) -> JsonResponse:
    """Say as JSON whether the check is at work; the page's script asks until it is done."""
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id)
    row = AudienceCheck.objects.filter(pk=mailing_out.pk, checked_at=None).first()
    return JsonResponse(
        {
            "is_running": row is not None,
            "checked": intcomma(row.checked_number) if row else "",
        }
    )


@require_safe
def mailing_out_found(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Show the first people whom one finding of the check concerns."""
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id, related=_RELATED)
    finding = _finding_or_404(mailing_out, request.GET.get("what", ""))
    shown = Delivery.objects.filter(mailing_out=mailing_out.pk, pk__in=finding.shown)
    people = rows_of(mailing_out, shown.select_related("email_account").order_by("recipient_id"))
    address_of = _person_addresses(request, mailing_out)
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": _title(finding, mailing_out),
        "mailing_out": mailing_out,
        "finding": finding,
        "people": [(person, address_of(person.delivery.recipient_id)) for person in people],
        "is_cut": finding.number > len(people),
        "can_change": may_change(user_of(request), mailing_out) and mailing_out.started_at is None,
    }
    return TemplateResponse(request, "massmail/mailing_out/found.html", context)


@require_POST
def mailing_out_leave_out_found(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Leave out everybody whom one finding concerns now."""
    mailing_out = changeable_or_403(request, MailingOut, mailing_out_id, related=_RELATED)
    if mailing_out.message is None:
        raise Http404
    number = 0
    try:
        with transaction.atomic():
            what = request.POST.get("what", "")
            for ids in checking.concerned(mailing_out, what, now=database_now()):
                rows = Delivery.objects.filter(pk__in=ids)
                number += audience_changes.leave_out(mailing_out, rows=rows)
    except MassmailError as error:
        messages.error(request, str(error))
        return _to_start(mailing_out)
    text = ngettext("%(number)s person is left out.", "%(number)s people are left out.", number) % {
        "number": intcomma(number)
    }
    messages.success(request, text)
    return _to_start(mailing_out)


def _finding_or_404(mailing_out: MailingOut, key: str) -> Finding:
    """Return what the check says now; few people are checked anew. Raises Http404."""
    message = message_card(mailing_out, [])
    found = check_card(mailing_out, message, database_now()).findings
    finding = next((each for each in found if each.key == key and each.shown), None)
    if finding is None:
        raise Http404
    return finding


def _title(finding: Finding, mailing_out: MailingOut) -> str:
    if finding.code == checking.MISSING:
        label = mailing_out.recipient_model.variable_labels().get(finding.name, finding.name)
        return _("People without “%(name)s”") % {"name": label}
    if finding.code == checking.DELETED:
        return _("People deleted since")
    return _("People whose mail cannot be built")


def _person_addresses(request: HttpRequest, mailing_out: MailingOut) -> Callable[[int], str]:
    """Return what gives the page of a person, as far as the user may open such pages."""
    model = mailing_out.recipient_model
    model_admin = admin.site._registry.get(model)
    if model_admin is None or not model_admin.has_view_permission(request):
        return lambda _pk: ""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    return lambda pk: reverse(name, args=[pk])


def _to_start(mailing_out: MailingOut) -> HttpResponse:
    page = reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])
    return redirect(f"{page}#start")
