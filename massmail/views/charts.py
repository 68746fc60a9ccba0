"""The mails of a mailing out over time: as JSON for the chart, and as a table for everybody."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from massmail.clock import database_now
from massmail.models import MailingOut
from massmail.services import results
from massmail.services.results import Bar
from massmail.views.access import visible_or_404

_SERIES = ("sent", "failed", "uncertain", "later")


@require_safe
def mailing_out_chart(request: HttpRequest, mailing_out_id: int) -> JsonResponse:
    """Return the bars as JSON; the page's script asks every 30 seconds."""
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id)
    unit = results.unit_of(mailing_out, database_now())
    bars = results.over_time(mailing_out, unit)
    labels = _labels()
    series = [
        {"key": key, "label": labels[key], "data": [getattr(bar, key) for bar in bars]}
        for key in _SERIES
        if any(getattr(bar, key) for bar in bars)
    ]
    return JsonResponse({"labels": [label_of(bar, unit) for bar in bars], "series": series})


@require_safe
def mailing_out_numbers(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Show the bars as a table."""
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id)
    unit = results.unit_of(mailing_out, database_now())
    bars = results.over_time(mailing_out, unit)
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": _("Mails over time"),
        "subtitle": mailing_out.name,
        "mailing_out": mailing_out,
        "zone": timezone.get_current_timezone_name(),
        "lines": [(label_of(bar, unit), bar) for bar in reversed(bars)],
    }
    return TemplateResponse(request, "massmail/mailing_out/numbers.html", context)


def label_of(bar: Bar, unit: str) -> str:
    """Return the name of a bar: its day, its day and hour, or its minute."""
    local = timezone.localtime(bar.at)
    day = formats.date_format(local, "SHORT_DATE_FORMAT")
    if unit == "day":
        return day
    time = formats.time_format(local, "TIME_FORMAT")
    return time if unit == "minute" else f"{day} {time}"


def _labels() -> dict[str, str]:
    return {
        "sent": _("sent"),
        "failed": _("failed"),
        "uncertain": _("uncertain"),
        "later": _("refused for the time being"),
    }
