"""Drafts of one owner, and the state of a mailing out in two words, for the tests of its life."""

from collections.abc import Callable
from typing import Any

from crm.models import Contact
from massmail.clock import database_now
from massmail.models import (
    MailingOut,
)
from tests.factories import (
    ContactFactory,
    EmlMessageFactory,
)

Status, State = MailingOut.Status, MailingOut.State
Step = Callable[[MailingOut], None]


def draft(owner, *, people: int = 2, **values: Any) -> MailingOut:
    """A draft of the owner to people of theirs."""
    chosen = [ContactFactory.create(owner=owner).pk for _ in range(people)]
    values.setdefault("name", "Spring")
    if "message" not in values:
        values["message"] = EmlMessageFactory.create(owner=owner)
    return MailingOut.objects.create_for(
        Contact.objects.filter(pk__in=[*chosen, 0]), owner=owner, **values
    )


def now_is(mailing_out: MailingOut) -> tuple[str, int]:
    """The state by the database, and how many rows are pending."""
    found = MailingOut.objects.get(pk=mailing_out.pk)
    return found.state_at(database_now()).value, found.pending_count
