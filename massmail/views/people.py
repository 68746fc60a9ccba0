"""The people of a mailing out: a list by state and reason, searched by address."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from massmail.models import Delivery, FailReason, MailingOut, SkipReason
from massmail.models.delivery import DeliveryQuerySet
from massmail.views.access import may_change, user_of, visible_or_404
from massmail.views.progress import people_url

PEOPLE_A_PAGE = 50
_STATUS = Delivery.Status
# What a list can be narrowed to; "waiting" is what has not left, whether taken by a run or not.
STATES = {
    "sent": (_STATUS.SENT,),
    "failed": (_STATUS.FAILED,),
    "uncertain": (_STATUS.UNCERTAIN,),
    "waiting": (_STATUS.PENDING, _STATUS.IN_FLIGHT),
    "left-out": (_STATUS.SKIPPED,),
}


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


class _Counted(Paginator):  # type: ignore[type-arg]  # Django's has no subscript
    """Pages of a list whose length is known: a mailing out counts its rows as it goes."""

    def __init__(self, rows: DeliveryQuerySet, *, number: int | None) -> None:
        super().__init__(rows, PEOPLE_A_PAGE)
        self._number = number

    @cached_property
    def count(self) -> int:
        """Return the known number, else ask."""
        return super().count if self._number is None else self._number


@require_safe
def mailing_out_people(request: HttpRequest, mailing_out_id: int) -> HttpResponse:
    """Show one page of the people."""
    mailing_out = visible_or_404(request, MailingOut, mailing_out_id, related=("content_type",))
    state, reason = request.GET.get("state", ""), request.GET.get("reason", "")
    search = request.GET.get("q", "").strip()
    rows = chosen_rows(mailing_out, state=state, reason=reason, search=search)
    number = None if reason or search else number_in(mailing_out, state)
    page = _Counted(rows, number=number).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": _("People"),
        "subtitle": mailing_out.name,
        "mailing_out": mailing_out,
        "page": page,
        "people": rows_of(mailing_out, page.object_list),
        "tabs": tabs(mailing_out, state),
        "state": state,
        "reason": reason,
        "reason_label": dict([*SkipReason.choices, *FailReason.choices]).get(reason, ""),
        "search": search,
        "query": query.urlencode(),
        "can_decide": state == "uncertain" and may_change(user_of(request), mailing_out),
    }
    return TemplateResponse(request, "massmail/people/people.html", context)


def chosen_rows(
    mailing_out: MailingOut, *, state: str = "", reason: str = "", search: str = ""
) -> DeliveryQuerySet:
    """Return the rows in a state, for a reason, whose address holds a text."""
    rows = Delivery.objects.filter(mailing_out=mailing_out.pk)
    if state in STATES:
        rows = rows.filter(status__in=STATES[state])
    if reason:
        rows = rows.filter(reason=reason)
    if search:
        rows = rows.filter(address_key__contains=search.lower())
    return rows.select_related("email_account").order_by("recipient_id")


def number_in(mailing_out: MailingOut, state: str) -> int:
    """Return how many people are in a state, by the mailing out's own counters."""
    if state not in STATES:
        return mailing_out.recipients_number
    return sum(getattr(mailing_out, f"{status}_count") for status in STATES[state])


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
    for key, label in labels.items():
        number = number_in(mailing_out, key)
        yield Tab(label, number, people_url(mailing_out.pk, key), key == state)


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
