"""The page of a filter form with the number of people it finds, and that number as JSON."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from massmail.forms.audience_form import AudienceForm
from massmail.models import MailingOut, SkipReason
from massmail.services.audience_count import AudienceCount


@dataclass(frozen=True, slots=True)
class AudiencePage:
    """What differs between choosing for a new mailing out, adding to one, and leaving out."""

    title: str
    lead: str
    label: str  # of the button that acts
    count_url: str
    back_url: str
    mailing_out: MailingOut | None = None


def show(
    request: HttpRequest, page: AudiencePage, form: AudienceForm, count: AudienceCount | None
) -> HttpResponse:
    """Show the form with the number of people; None while a field is to be corrected."""
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": page.title,
        "audience_page": page,
        "mailing_out": page.mailing_out,
        "form": form,
        "count": None if count is None else in_words(count),
    }
    return TemplateResponse(request, "massmail/audience/form.html", context)


def as_json(form: AudienceForm, count: AudienceCount | None) -> JsonResponse:
    """Return the number of people as the page's script shows it, or what is to be corrected."""
    if count is None:
        problems = [str(text) for texts in form.errors.values() for text in texts]
        return JsonResponse({"headline": "", "parts": [], "problems": problems, "number": 0})
    return JsonResponse(in_words(count) | {"problems": []})


def in_words(count: AudienceCount) -> dict[str, Any]:
    """Return the sum as texts: how many people, and what they are made of."""
    found = ngettext("%(number)s person", "%(number)s people", count.chosen)
    parts = []
    if count.chosen:
        parts.append(_("%(number)s to send") % {"number": intcomma(count.to_send)})
    for reason, number in count.left_out:
        facts = {"number": intcomma(number), "reason": SkipReason(reason).label}
        parts.append(_("%(number)s left out: %(reason)s") % facts)
    if count.present:
        text = ngettext(
            "besides, %(number)s is here already",
            "besides, %(number)s are here already",
            count.present,
        )
        parts.append(text % {"number": intcomma(count.present)})
    headline = found % {"number": intcomma(count.chosen)}
    return {"headline": headline, "parts": parts, "number": count.chosen}
