"""One delivery: who, which address, what happened when, and the mail as it was built."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from massmail.errors import MassmailError
from massmail.models import Delivery, DeliveryAttempt, EmailAccount, MailingOut
from massmail.services import render, words
from massmail.services.smtp_replies import Action
from massmail.views.access import user_of, visible_or_404
from massmail.views.framed import framed_html, framed_problems, framed_text
from massmail.views.samples import person_of_delivery, sample_of_delivery, sentences

OUTCOMES = {
    Action.SENT.value: gettext_lazy("taken by the server"),
    Action.LATER.value: gettext_lazy("refused for the time being, tried again later"),
    Action.FAILED.value: gettext_lazy("refused for good"),
    Action.COOLING.value: gettext_lazy("not tried: the account had to rest"),
    Action.OFF.value: gettext_lazy("not tried: the account was switched off"),
    Action.POLICY.value: gettext_lazy("refused because of the message or its sender"),
    Action.UNCERTAIN.value: gettext_lazy("the connection broke before the answer came"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the timeline."""

    attempt: DeliveryAttempt
    outcome: str
    why: str = ""


@require_safe
def delivery(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Show the page of one delivery."""
    row, mailing_out = delivery_or_404(request, delivery_id)
    attempts = row.attempts_made.select_related("email_account").order_by("pk")
    person = person_of_delivery(row, mailing_out)
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": person.name if person else _("Deleted since"),
        "subtitle": mailing_out.name,
        "delivery": row,
        "mailing_out": mailing_out,
        "person": person,
        "address": row.address or (person.address if person else "") or row.address_key,
        "has_mail": person is not None and mailing_out.message_id is not None,
        "steps": [step_of(each) for each in attempts],
        "person_url": _person_url(request, row, mailing_out) if person else "",
        "account_url": _account_url(request, row),
    }
    return TemplateResponse(request, "massmail/deliveries/delivery.html", context)


def step_of(attempt: DeliveryAttempt) -> Step:
    """Describe one attempt; the account's trouble in words where there was one."""
    known = attempt.outcome in {Action.COOLING.value, Action.OFF.value}
    return Step(
        attempt,
        outcome=str(OUTCOMES.get(attempt.outcome, attempt.outcome)),
        why=words.of_trouble(attempt.why) if known and attempt.why else "",
    )


def _person_url(request: HttpRequest, row: Delivery, mailing_out: MailingOut) -> str:
    """Return the page of the person, where the user may open such pages."""
    model = mailing_out.recipient_model
    model_admin = admin.site._registry.get(model)
    if model_admin is None or not model_admin.has_view_permission(request):
        return ""
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.recipient_id])


def _account_url(request: HttpRequest, row: Delivery) -> str:
    """Return the page of the account, where the user may see it."""
    user = user_of(request)
    if row.email_account_id is None or not user.has_perm("massmail.view_emailaccount"):
        return ""
    if not EmailAccount.objects.visible_to(user).filter(pk=row.email_account_id).exists():
        return ""
    return reverse("admin:massmail_emailaccount_change", args=[row.email_account_id])


@require_safe
def delivery_mail(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Show the mail of one delivery in a frame: `?part=` html, text or headers."""
    row, mailing_out = delivery_or_404(request, delivery_id)
    person = person_of_delivery(row, mailing_out)
    if person is None:
        return framed_problems(request, [_("This person was deleted since.")])
    try:
        sample = sample_of_delivery(row, mailing_out)
        if sample is None:
            return framed_problems(request, [_("No message is chosen yet.")])
        account = _account_of(row, mailing_out)
        if request.GET.get("part") == "headers":
            return framed_text(sample.headers(person, account, mailing_out))
        name = render.sender_name(account, lambda: mailing_out.owner)
        rendered = sample.render(person, sender_name=name)
    except MassmailError as error:
        return framed_problems(request, sentences(error))
    if request.GET.get("part") == "text":
        return framed_text(rendered.text)
    return framed_html(rendered, sample.message, sample.source)


def delivery_or_404(request: HttpRequest, delivery_id: int) -> tuple[Delivery, MailingOut]:
    """Return a delivery of a mailing out that the user may read."""
    rows = Delivery.objects.select_related("email_account", "message_version")
    row = get_object_or_404(rows, pk=delivery_id)
    related = ("message__signature", "message_version", "first_version", "content_type", "owner")
    return row, visible_or_404(request, MailingOut, row.mailing_out_id, related=related)


def _account_of(row: Delivery, mailing_out: MailingOut) -> EmailAccount:
    """Return the account of a delivery, or one of the owner for a row that has none (yet)."""
    if row.email_account is not None:
        return row.email_account
    usable = EmailAccount.objects.usable_by(mailing_out.owner).order_by("main", "pk")
    return usable.first() or EmailAccount(from_email="nobody@example.com")
