"""The people of a mailing out as a CSV file, as far as the list's filter shows them.

The file is written while it is sent, some rows at a time, so that a million people need no memory.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from massmail.models import MailingOut
from massmail.models.delivery import DeliveryQuerySet
from massmail.views.access import visible_or_404
from massmail.views.people import PersonRow, rows_of
from massmail.views.people_filter import PeopleFilter

ROWS_AT_ONCE = 1_000
# What spreadsheets take for a formula; full-width signs too, in some languages.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Echo:
    """A file that returns what is written to it."""

    def write(self, line: str) -> str:
        return line


@require_safe
def mailing_out_people_export(request: HttpRequest, mailing_out_id: int) -> StreamingHttpResponse:
    """Send the people as CSV; changes nothing."""
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id, related=("content_type",))
    shown = PeopleFilter.from_query(request.GET)
    lines = csv_lines(
        mailing_out,
        shown.rows(mailing_out),
        language=translation.get_language(),
        zone=timezone.get_current_timezone(),
    )
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = "-".join(filter(None, (slugify(mailing_out.name), shown.state, str(mailing_out.pk))))
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def csv_lines(
    mailing_out: MailingOut, rows: DeliveryQuerySet, *, language: str | None, zone: tzinfo
) -> Iterator[str]:
    """Return the lines of the file, in a language and a time zone (two statements a thousand).

    They are made after the request's own language and zone have ended.
    """
    writer = csv.writer(_Echo())
    with translation.override(language):
        head = _headings()
    yield "\ufeff" + writer.writerow([safe_cell(cell) for cell in head])  # spreadsheets see UTF-8
    last = -1
    while True:
        with translation.override(language), timezone.override(zone):
            found = rows_of(mailing_out, rows.filter(recipient_id__gt=last)[:ROWS_AT_ONCE])
            lines = [writer.writerow([safe_cell(cell) for cell in _cells(row)]) for row in found]
        yield "".join(lines)
        if len(found) < ROWS_AT_ONCE:
            return
        last = found[-1].delivery.recipient_id


def safe_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _headings() -> Sequence[str]:
    names = (_("id"), _("name"), _("address"), _("state"), _("reason"), _("account"))
    return (*names, _("reply"), _("sent"), _("next try"))


def _cells(row: PersonRow) -> Sequence[str]:
    delivery = row.delivery
    account = delivery.email_account
    return (
        str(delivery.recipient_id),
        row.name,
        row.address,
        str(delivery.get_status_display()),
        str(delivery.get_reason_display()) if delivery.reason else "",
        account.name if account is not None else "",
        delivery.reply,
        _moment(delivery.sent_at),
        _moment(delivery.due_at),
    )


def _moment(at: datetime | None) -> str:
    """Return an instant with its zone: 2026-11-22 17:00:00+01:00."""
    return timezone.localtime(at).isoformat(" ", "seconds") if at is not None else ""
