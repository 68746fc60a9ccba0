"""The people of a mailing out: a list by state and reason, searched by name, address or id.

Pages follow the recipients' ids (after one, before one), so that the last page of a million costs
as much as the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.ids import id_in
from massmail.models import Delivery, FailReason, MailingOut
from massmail.models.delivery import DeliveryQuerySet
from massmail.views.access import may_change, user_of, visible_or_404
from massmail.views.people_filter import COUNTED_TO, STATES, PeopleFilter, number_in
from massmail.views.progress import people_url

PEOPLE_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One line of the list."""

    delivery: Delivery
    name: str
    address: str
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Tab:
    """A state to narrow the list to."""

    label: str
    number: int
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, and the ids from which the pages beside it go on; 0 for none."""

    rows: list[Delivery]
    before: int = 0
    after: int = 0

    @property
    def number(self) -> int | None:
        """How many there are in all, where they are all on this page."""
        return None if self.before or self.after else len(self.rows)


@require_safe
def mailing_out_people(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Show one page of the people."""
    related = ("content_type", "message")
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id, related=related)
    user = user_of(request)
    shown = PeopleFilter.from_query(request.GET)
    page = page_of(shown.rows(mailing_out), request.GET)
    can_change = may_change(user, mailing_out)
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": _("People"),
        "subtitle": mailing_out.name,
        "mailing_out": mailing_out,
        "page": page,
        "people": rows_of(mailing_out, page.rows),
        "tabs": tabs(mailing_out, shown.state),
        "shown": shown,
        "number": shown.number(mailing_out) if page.number is None else page.number,
        "counted_to": COUNTED_TO,
        "can_decide": can_change and shown.state == "uncertain",
        "can_retry": can_change and shown.state == "failed" and may_retry(mailing_out),
        "can_leave_out": can_change and mailing_out.started_at is None,
        "given_up": FailReason.TEMPORARY.value,
        "can_choose": user.has_perm("massmail.add_mailingout"),
        "suggests_message": shown.state != "sent",  # who got it does not get it again
    }
    return TemplateResponse(request, "massmail/people/people.html", context)


def page_of(rows: DeliveryQuerySet, query: Any) -> Page:  # Any: the request's dictionary
    """Return the page after, or before, a recipient's id; without one the first."""
    after, before = (id_in(query.get(name, "")) or 0 for name in ("after", "before"))
    if before:
        found = list(rows.filter(recipient_id__lt=before).order_by("-recipient_id")[:_ONE_MORE])
        has_before, has_after = len(found) == _ONE_MORE, True
        found = found[:PEOPLE_A_PAGE][::-1]
    else:
        found = list(rows.filter(recipient_id__gt=after).order_by("recipient_id")[:_ONE_MORE])
        has_before, has_after = after > 0, len(found) == _ONE_MORE
        found = found[:PEOPLE_A_PAGE]
    if not found:
        return Page([])
    return Page(
        rows=found,
        before=found[0].recipient_id if has_before else 0,
        after=found[-1].recipient_id if has_after else 0,
    )


_ONE_MORE = PEOPLE_A_PAGE + 1


def may_retry(mailing_out: MailingOut) -> bool:
    """Tell whether failed mails can be sent again: not when it was cancelled."""
    return not mailing_out.preparing and mailing_out.status != MailingOut.Status.INTERRUPTED


def tabs(mailing_out: MailingOut, state: str) -> Iterable[Tab]:
    """Return all states with their numbers."""
    labels = {
        "": _("all"),
        "sent": _("sent"),
        "failed": _("failed"),
        "uncertain": _("uncertain"),
        "waiting": _("waiting"),
        "left-out": _("left out"),
    }
    for key in ("", *STATES):
        number = number_in(mailing_out, key)
        yield Tab(labels[key], number, people_url(mailing_out.pk, key), key == state)


def rows_of(mailing_out: MailingOut, deliveries: Iterable[Delivery]) -> list[PersonRow]:
    """Return the lines for some deliveries (one statement for all their people)."""
    found = list(deliveries)
    model = mailing_out.recipient_model
    people = model._default_manager.select_related(*model.RELATED).in_bulk(
        [each.recipient_id for each in found]
    )
    lines = []
    for each in found:
        person = people.get(each.recipient_id)
        present = person.address if person else ""
        lines.append(
            PersonRow(
                delivery=each,
                name=person.display_name if person else _("deleted since"),
                address=each.address or present or each.address_key or "",
                state=state_of(each),
                at=each.sent_at or each.due_at,
            )
        )
    return lines


def state_of(row: Delivery) -> str:
    """Return the state of a delivery in words, with its reason."""
    if not row.reason:
        return str(row.get_status_display())
    facts = {"state": row.get_status_display(), "reason": row.get_reason_display()}
    return _("%(state)s: %(reason)s") % facts
