"""Whether people get mailings: asked for a list at once, told in words, and lifted with a note."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Case, Count, F, IntegerField, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from massmail.clock import database_now
from massmail.errors import MassmailError
from massmail.models import Delivery, MailingOut, Recipient, Suppression

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

NOTE_MISSING = gettext_lazy("Write why mail may go to this address again.")


class LiftRefused(MassmailError):
    """The suppression is not ours to lift, or nobody said why."""


def with_subscription(people: QuerySet[Any], *, now: datetime) -> QuerySet[Any]:
    """Add what `subscription_text` needs: the gravest suppression, and the mass contact's mark."""
    gravest = Case(When(kind__in=Suppression.BY_THE_PERSON, then=Value(0)), default=Value(1))
    found = (
        Suppression.objects.active(now)
        .filter(address_key=OuterRef("address_key"))
        .order_by(gravest, "-created_at")
    )
    annotated: QuerySet[Any] = people.annotate(
        suppression_kind=Subquery(found.values("kind")[:1]),
        suppressed_at=Subquery(found.values("created_at")[:1]),
        suppression_id=Subquery(found.values("pk")[:1]),
        is_subscribed=Coalesce(F("mass_contacts__massmail"), Value(True)),
    )
    return annotated


def with_received(people: QuerySet[Any]) -> QuerySet[Any]:
    """Add how many mailings each of these people was sent, as `received_number`."""
    started = MailingOut.objects.started().filter(
        content_type=ContentType.objects.get_for_model(people.model)
    )
    sent = (
        Delivery.objects.filter(
            recipient_id=OuterRef("pk"), mailing_out__in=started, status=Delivery.Status.SENT
        )
        .order_by()
        .values("recipient_id")
        .annotate(number=Count("pk"))
    )
    number = Subquery(sent.values("number"), output_field=IntegerField())
    annotated: QuerySet[Any] = people.annotate(received_number=Coalesce(number, Value(0)))
    return annotated


def subscription_text(person: Any) -> str:  # Any: a recipient `with_subscription`
    """Say whether a person gets mailings, and if not since when and why."""
    kind = person.suppression_kind
    if kind in Suppression.BY_THE_PERSON or (kind and person.massmail and person.is_subscribed):
        day = date_format(timezone.localtime(person.suppressed_at), "DATE_FORMAT")
        return _("%(kind)s on %(day)s") % {"kind": Suppression.Kind(kind).label, "day": day}
    if not (person.massmail and person.is_subscribed):
        return _("unsubscribed")
    return _("disqualified") if person.disqualified else _("subscribed")


def is_decided_by_person(recipient: Recipient) -> bool:
    """Tell whether the person unsubscribed or complained: then nobody else lifts it."""
    decided = Suppression.objects.active(database_now()).filter(
        kind__in=Suppression.BY_THE_PERSON, address_key=recipient.address_key or ""
    )
    return decided.exists() or recipient.mass_contacts.filter(massmail=False).exists()


def is_liftable(suppression: Suppression) -> bool:
    """Tell whether staff may lift it: bounces, and what staff stopped by hand."""
    return suppression.kind not in Suppression.BY_THE_PERSON


def lift(suppression: Suppression, *, by: "User", note: str) -> None:
    """Write to the address again. The note stands in the history of the admin for ever.

    Raises LiftRefused for what people decided themselves, and without a note.
    """
    if not is_liftable(suppression):
        raise LiftRefused(_("Only the person themselves can lift this."))
    if not note.strip():
        raise LiftRefused(str(NOTE_MISSING))
    with transaction.atomic():
        LogEntry.objects.log_actions(
            by.pk, [suppression], DELETION, change_message=note.strip(), single_object=True
        )
        Suppression.objects.filter(pk=suppression.pk).delete()
    logger.info("suppression %d: lifted", suppression.pk)
