"""What a list of a mailing out's people is narrowed to; the same for page, export and acts."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from massmail.models import Delivery, FailReason, MailingOut, SkipReason
from massmail.models.delivery import DeliveryQuerySet

COUNTED_TO = 10_000  # people; a list narrowed by reason or search is counted no further
FEW = 1_000  # people
SEARCH_MAX = 200  # characters
_STATUS = Delivery.Status
# What a list can be narrowed to; "waiting" is what has not left, whether taken by a run or not.
STATES = {
    "sent": (_STATUS.SENT,),
    "failed": (_STATUS.FAILED,),
    "uncertain": (_STATUS.UNCERTAIN,),
    "waiting": (_STATUS.PENDING, _STATUS.IN_FLIGHT),
    "left-out": (_STATUS.SKIPPED,),
}
# The reasons of a state: an index has the rows with one.
_REASONS = {"failed": FailReason.values, "left-out": SkipReason.values}
_LABELS = dict([*SkipReason.choices, *FailReason.choices])
_ID = re.compile(r"(id)?([0-9]{1,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """A state, a reason and a text; each may be empty."""

    state: str = ""
    reason: str = ""
    search: str = ""

    @classmethod
    def from_query(cls, query: QueryDict) -> "PeopleFilter":
        """Read it from the address or a form; what is not known is not narrowed by."""
        state, reason = query.get("state", ""), query.get("reason", "")
        return cls(
            state=state if state in STATES else "",
            reason=reason if reason in _LABELS else "",
            search=query.get("q", "").replace("\0", "").strip()[:SEARCH_MAX],
        )

    @property
    def reason_label(self) -> str:
        """The reason in words."""
        return str(_LABELS.get(self.reason, ""))

    @property
    def words(self) -> str:
        """What it shows, in words."""
        words = {
            "": _("everybody"),
            "sent": _("sent"),
            "failed": _("failed"),
            "uncertain": _("uncertain"),
            "waiting": _("waiting"),
            "left-out": _("left out"),
        }
        return ", ".join(filter(None, (words[self.state], self.reason_label, self.search)))

    @property
    def query(self) -> str:
        """The filter as the query of an address."""
        found = {"state": self.state, "reason": self.reason, "q": self.search}
        return urlencode({name: value for name, value in found.items() if value})

    def rows(self, mailing_out: MailingOut) -> DeliveryQuerySet:
        """Return the rows that it shows, in the order of the recipients' ids."""
        rows = Delivery.objects.filter(mailing_out=mailing_out.pk)
        if self.state:
            rows = rows.filter(status__in=STATES[self.state])
        if self.state in _REASONS:
            rows = rows.filter(reason__in=_REASONS[self.state])
        if self.reason:
            rows = rows.filter(reason=self.reason)
        if self.search:
            rows = rows.filter(self._matches(mailing_out))
        return rows.select_related("email_account").order_by("recipient_id")

    def number(self, mailing_out: MailingOut) -> int:
        """Return how many it shows; more than `COUNTED_TO` only where the counters know it."""
        if not self.reason and not self.search:
            return number_in(mailing_out, self.state)
        rows = self.rows(mailing_out).order_by().values("pk")
        return rows[: COUNTED_TO + 1].count()

    def _matches(self, mailing_out: MailingOut) -> Q:
        """Return the condition for the text: the id, part of the address, or a name.

        Names are looked for among all recipients of the type, which is slow: only where the text
        may be one.
        """
        number = _ID.fullmatch(self.search)
        if number and number[1]:
            return Q(recipient_id=int(number[2]))
        matches = Q(address_key__contains=self.search.lower())
        if number:
            matches |= Q(recipient_id=int(number[2]))
        if "@" in self.search:
            return matches
        people = people_found(mailing_out, self.search)
        if people is None:
            return matches
        few = list(people.values_list("pk", flat=True)[: FEW + 1])  # a list is faster than a join
        return matches | Q(recipient_id__in=few if len(few) <= FEW else people)


def people_found(mailing_out: MailingOut, search: str) -> QuerySet[Any, Any] | None:
    """Return the ids of recipients that their own list in the admin finds; None without a list."""
    model = mailing_out.recipient_model
    model_admin = admin.site._registry.get(model)
    if model_admin is None or not model_admin.search_fields:
        return None
    everybody = model._default_manager.get_queryset().order_by()
    found, _may_repeat = model_admin.get_search_results(HttpRequest(), everybody, search)
    return found.order_by().values("pk")


def number_in(mailing_out: MailingOut, state: str) -> int:
    """Return how many people are in a state, by the mailing out's own counters."""
    if state not in STATES:
        return mailing_out.recipients_number
    return sum(getattr(mailing_out, f"{status}_count") for status in STATES[state])
