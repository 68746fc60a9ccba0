"""Changes of a draft's audience by its owner: people added, left out by hand, put back.

Who is left out by hand keeps a mark (`Delivery.left_out`), so that whatever makes the rows anew
(another message, the start) leaves them out again; so is everybody who has the same address.
Everything here is refused once the draft was started or is being prepared.
"""

import logging
from typing import Any

from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils.translation import gettext as _

from massmail.clock import database_now
from massmail.errors import MassmailError
from massmail.models import ChosenRecipient, Delivery, MailingOut, SkipReason
from massmail.models.delivery import DeliveryQuerySet
from massmail.services import audience, audience_sql, campaign
from massmail.services.tally import Tally

logger = logging.getLogger(__name__)

_STATUS = Delivery.Status


class NoMessage(MassmailError):
    """The draft has no message yet, so nobody can have got it."""


def add(mailing_out: MailingOut, *, people: models.QuerySet[Any]) -> int:
    """Add recipients to a draft; return how many are new. Raises IllegalTransition.

    Who has a row keeps it: who was left out by hand stays left out.
    """
    with transaction.atomic():
        draft = _locked(mailing_out)
        before = draft.recipients_number
        audience.append(draft, people)
    logger.info("mailing out %d: people added", draft.pk)
    return draft.recipients_number - before


def add_later(mailing_out: MailingOut, *, people: models.QuerySet[Any]) -> None:
    """Note who is to be added; `audience.write_chosen` in a task does it. Raises IllegalTransition.

    For more people than a page can wait for.
    """
    with transaction.atomic():
        draft = _locked(mailing_out)
        chosen = people.annotate(to=Value(draft.pk)).values_list("to", "pk")
        audience_sql.insert(ChosenRecipient, ["mailing_out_id", "recipient_id"], chosen)
        preparing = MailingOut.Preparing.AUDIENCE
        MailingOut.objects.filter(pk=draft.pk).update(preparing=preparing)


def leave_out(mailing_out: MailingOut, *, rows: DeliveryQuerySet) -> int:
    """Leave out the people of these rows, and whoever has their address.

    Returns how many mails fewer are to be sent. Raises IllegalTransition.
    """
    with transaction.atomic():
        draft = _locked(mailing_out)
        draft.deliveries.filter(pk__in=rows.order_by().values("pk")).update(left_out=True)
        keys = draft.deliveries.filter(left_out=True, address_key__isnull=False)
        moved = (
            draft.deliveries.filter(status=_STATUS.PENDING)
            .filter(Q(left_out=True) | Q(address_key__in=keys.values("address_key")))
            .update(status=_STATUS.SKIPPED, reason=SkipReason.LEFT_OUT)
        )
        _count(draft, moved, source=_STATUS.PENDING, target=_STATUS.SKIPPED)
    logger.info("mailing out %d: %d left out by hand", draft.pk, moved)
    return moved


def put_back(mailing_out: MailingOut, *, rows: DeliveryQuerySet) -> int:
    """Take back that the people of these rows, and whoever has their address, were left out.

    Returns how many rows were left out by hand before. Some may stay left out for another
    reason. Raises IllegalTransition.
    """
    with transaction.atomic():
        draft = _locked(mailing_out)
        chosen = draft.deliveries.filter(pk__in=rows.order_by().values("pk"))
        keys = chosen.filter(address_key__isnull=False).values("address_key")
        concerned = draft.deliveries.filter(Q(pk__in=chosen.values("pk")) | Q(address_key__in=keys))
        by_hand = Q(status=_STATUS.SKIPPED, reason=SkipReason.LEFT_OUT)
        moved = concerned.filter(by_hand).count()
        concerned.filter(by_hand | Q(left_out=True)).update(
            left_out=False,
            status=Case(When(by_hand, then=Value(_STATUS.PENDING)), default=F("status")),
            reason=Case(When(by_hand, then=Value("")), default=F("reason")),
        )
        _count(draft, moved, source=_STATUS.SKIPPED, target=_STATUS.PENDING)
        audience.refresh(draft)
    logger.info("mailing out %d: %d put back", draft.pk, moved)
    return moved


def leave_out_who_got_it(mailing_out: MailingOut) -> int:
    """Leave out whoever got the draft's message in another mailing out, of anybody.

    Returns how many people are left out for that. Raises IllegalTransition and NoMessage.
    """
    with transaction.atomic():
        draft = _locked(mailing_out)
        if draft.message_id is None:
            raise NoMessage(_("Choose a message first: it decides who got it already."))
        MailingOut.objects.filter(pk=draft.pk).update(exclude_already_received=True)
        audience.refresh(draft)
    return draft.deliveries.filter(reason=SkipReason.ALREADY_RECEIVED).count()


def is_large(mailing_out: MailingOut | None, number: int) -> bool:
    """Tell whether that many more people are too many for a page to wait for."""
    before = mailing_out.recipients_number if mailing_out is not None else 0
    return before + number > audience.PREPARE_IN_TASK_ABOVE


def _locked(mailing_out: MailingOut) -> MailingOut:
    """Lock a draft that can be changed. Raises IllegalTransition for any other."""
    locked = MailingOut.objects.select_for_update(of=("self",)).get(pk=mailing_out.pk)
    campaign.require_draft(locked, now=database_now())
    return locked


def _count(draft: MailingOut, number: int, *, source: str, target: str) -> None:
    tally = Tally()
    tally.move(draft.pk, number, source=source, target=target)
    tally.write()
