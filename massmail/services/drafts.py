"""Drafts to people of other mailing outs: a copy of one, or a new one to some of its people.

Whoever is chosen comes in as a row, and is asked anew whether they can be written to. Started
mailing outs are only read.
"""

from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from common.models import OwnedQuerySet
from massmail.errors import MassmailError
from massmail.models import EmlMessage, MailingOut, SkipReason
from massmail.models.delivery import DeliveryQuerySet
from massmail.services import audience

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NAME_MAX = 100  # characters


class NobodyToWriteTo(MassmailError):
    """None of the chosen exists any more, or may be seen by who makes the draft."""


def copy(mailing_out: MailingOut, *, by: "User") -> MailingOut:
    """Make a draft with the same message to the same people, whatever became of them before.

    It belongs to the user, and has those of the people whom they may see, but for those who were
    left out by hand. Raises NobodyToWriteTo.
    """
    people = people_of(mailing_out, wanted(mailing_out.deliveries.all()), seen_by=by)
    name = _("Copy of %(name)s") % {"name": mailing_out.name}
    message = visible_message(mailing_out, by)
    return create(people, owner=by, message=message, name=name, like=mailing_out)


def to_these(
    mailing_out: MailingOut,
    rows: DeliveryQuerySet,
    *,
    by: "User",
    name: str,
    keeps_message: bool,
) -> MailingOut:
    """Make a draft of the user's to the people of some rows. Raises NobodyToWriteTo."""
    people = people_of(mailing_out, rows, seen_by=by)
    message = visible_message(mailing_out, by) if keeps_message else None
    return create(people, owner=by, message=message, name=name)


def wanted(rows: DeliveryQuerySet) -> DeliveryQuerySet:
    """Return the rows but those left out by hand, and those that have the address of such."""
    return rows.exclude(left_out=True).exclude(reason=SkipReason.LEFT_OUT)


def people_of(
    mailing_out: MailingOut, rows: DeliveryQuerySet, *, seen_by: "User | None" = None
) -> models.QuerySet[Any]:
    """Return the people behind some rows who still exist, and whom the user may see."""
    people = mailing_out.recipient_model._default_manager.get_queryset()
    if seen_by is not None and isinstance(people, OwnedQuerySet):
        people = people.visible_to(seen_by)
    return people.filter(pk__in=rows.order_by().values("recipient_id"))


def visible_message(mailing_out: MailingOut, user: "User") -> EmlMessage | None:
    """Return the message of a mailing out if the user may read it."""
    messages = EmlMessage.objects.visible_to(user)
    return messages.filter(mailing_outs=mailing_out).first()


def create(
    people: models.QuerySet[Any],
    *,
    owner: "User",
    message: EmlMessage | None,
    name: str,
    like: MailingOut | None = None,
) -> MailingOut:
    """Write a draft to these people, with the options of another; a task writes a large one.

    Its `preparing` tells which it was. Raises NobodyToWriteTo.
    """
    number = people.count()
    if not number:
        raise NobodyToWriteTo(_("Nobody is left here to write to: choose other people."))
    is_large = number > audience.PREPARE_IN_TASK_ABOVE
    make = audience.choose_for_later if is_large else audience.create_for
    with transaction.atomic():
        draft = make(people, owner=owner, message=message, name=name[:NAME_MAX])
        if like is not None:
            _take_over_options(draft, like)
    return draft


def _take_over_options(draft: MailingOut, like: MailingOut) -> None:
    draft.pictures = like.pictures
    draft.exclude_already_received = like.exclude_already_received
    draft.save(update_fields=["pictures", "exclude_already_received"])
    if not draft.exclude_already_received:
        audience.refresh(draft)  # it was written with the option on
        draft.refresh_from_db()
