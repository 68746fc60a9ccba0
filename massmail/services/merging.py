"""Uniting mailing outs: one draft to whoever none of them has written to yet.

The history is never touched: drafts, which have none, are deleted; of what was started the waiting
rows are cancelled, and everything else stays as it is.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from massmail.clock import database_now
from massmail.errors import MassmailError
from massmail.models import Delivery, MailingOut
from massmail.models.delivery import DeliveryQuerySet
from massmail.services import campaign, drafts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

AT_MOST = 100  # mailing outs at once
_SERVED = (Delivery.Status.SENT, Delivery.Status.UNCERTAIN, Delivery.Status.IN_FLIGHT)


class MergeRefused(MassmailError):
    """These mailing outs cannot be united; the text says which rule stands against it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What uniting would do."""

    name: str  # of the new draft
    people: int  # in the new draft
    served: int  # who stay out: they got the message, or may have
    deleted: tuple[MailingOut, ...]  # drafts
    ended: tuple[MailingOut, ...]  # paused ones, whose waiting people move
    kept: tuple[MailingOut, ...]  # done or cancelled


def outlook(mailing_outs: Sequence[MailingOut], *, by: "User") -> Outlook:
    """Say what `unite` would do now. Raises MergeRefused."""
    in_order = sorted(mailing_outs, key=lambda each: each.pk)
    _require_alike(in_order, by=by)
    served = _rows(in_order).filter(status__in=_SERVED).values("recipient_id").distinct()
    started = [each for each in in_order if each.started_at is not None]
    paused = MailingOut.Status.PAUSED
    return Outlook(
        name=_united_name(in_order[0].name),
        people=drafts.people_of(in_order[0], _not_served(in_order)).count(),
        served=served.count(),
        deleted=tuple(each for each in in_order if each.started_at is None),
        ended=tuple(each for each in started if each.status == paused),
        kept=tuple(each for each in started if each.status != paused),
    )


def unite(mailing_outs: Sequence[MailingOut], *, by: "User") -> MailingOut:
    """Make one draft of several mailing outs, in one transaction.

    Raises MergeRefused, and NobodyToWriteTo when everybody got the message already.
    """
    with transaction.atomic():
        ids = [each.pk for each in mailing_outs]
        locked = MailingOut.objects.select_for_update(of=("self",)).select_related(
            "owner", "message"
        )
        in_order = list(locked.filter(pk__in=ids).order_by("pk"))
        _require_alike(in_order, by=by)
        first = in_order[0]
        draft = drafts.create(
            drafts.people_of(first, _not_served(in_order)),
            owner=first.owner,
            message=first.message,
            name=_united_name(first.name),
            like=first,
        )
        draft.department, draft.modified_by = first.department, by
        draft.save(update_fields=["department", "modified_by"])
        for each in in_order:
            _retire(each, draft)
    logger.info("mailing out %d: united from %s", draft.pk, ids)
    return draft


def _rows(mailing_outs: Sequence[MailingOut]) -> DeliveryQuerySet:
    return Delivery.objects.filter(mailing_out__in=[each.pk for each in mailing_outs])


def _not_served(mailing_outs: Sequence[MailingOut]) -> DeliveryQuerySet:
    """Return the rows of people to whom, and to whose address, none of these wrote."""
    served = _rows(mailing_outs).filter(status__in=_SERVED)
    keys = served.filter(address_key__isnull=False).values("address_key")
    rows = _rows(mailing_outs).exclude(recipient_id__in=served.values("recipient_id"))
    return drafts.wanted(rows.exclude(address_key__in=keys))


def _retire(mailing_out: MailingOut, draft: MailingOut) -> None:
    """Delete a draft; of what was started end what waits, and note where it went."""
    if mailing_out.started_at is None:
        campaign.delete_draft(mailing_out)
        return
    waiting = mailing_out.pending_count
    if mailing_out.status == MailingOut.Status.PAUSED:
        campaign.cancel(mailing_out)
    text = ngettext(
        "United into “%(name)s”: %(number)s person who waited moved there.",
        "United into “%(name)s”: %(number)s people who waited moved there.",
        waiting,
    )
    line = text % {"name": draft.name, "number": waiting}
    MailingOut.objects.filter(pk=mailing_out.pk).update(report=f"{line}\n{mailing_out.report}")


def _require_alike(mailing_outs: Sequence[MailingOut], *, by: "User") -> None:
    if len(mailing_outs) < 2:
        raise MergeRefused(_("Choose at least two mailing outs to unite."))
    if len(mailing_outs) > AT_MOST:
        text = _("Choose at most %(number)s mailing outs at once.")
        raise MergeRefused(text % {"number": AT_MOST})
    ids = [each.pk for each in mailing_outs]
    own = set(MailingOut.objects.changeable_by(by).filter(pk__in=ids).values_list("pk", flat=True))
    for each in mailing_outs:
        if each.pk not in own:
            text = _("“%(name)s” is not yours: only its owner can unite it.")
            raise MergeRefused(text % {"name": each.name})
        _require_rest(each)
    if len({each.owner_id for each in mailing_outs}) > 1:
        raise MergeRefused(_("They have different owners. Unite those of one owner."))
    if len({each.content_type_id for each in mailing_outs}) > 1:
        raise MergeRefused(_("They go to different types of recipients. Unite those of one type."))
    if len({each.message_id for each in mailing_outs}) > 1:
        raise MergeRefused(_("They have different messages. Unite those of one message."))


def _require_rest(mailing_out: MailingOut) -> None:
    """Refuse what may send at this moment."""
    state = mailing_out.state_at(database_now())
    if mailing_out.is_active and not mailing_out.preparing:
        text = _("“%(name)s” is %(state)s: pause it first.")
        facts = {"name": mailing_out.name, "state": str(state.label)}
        raise MergeRefused(text % facts)
    if mailing_out.preparing or mailing_out.in_flight_count:
        text = _("“%(name)s” is at work at this moment. Try again in a minute.")
        raise MergeRefused(text % {"name": mailing_out.name})


def _united_name(name: str) -> str:
    """Return the name of the draft: cut so that its end stays readable."""
    suffix = _(" (united)")
    return name[: drafts.NAME_MAX - len(suffix)] + suffix
