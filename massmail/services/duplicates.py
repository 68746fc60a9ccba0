"""What becomes of the mailing identities when people turn out to be one: opt-outs and links win.

The people themselves are merged by their own app; `absorb` is called in its transaction.
"""

from collections.abc import Sequence

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q

from massmail.clock import database_now
from massmail.models import ChosenRecipient, Delivery, MassContact, Recipient, Suppression


def absorb(kept: Recipient, others: Sequence[Recipient]) -> bool:
    """Let the kept recipient stand for others of its type; return whether it is subscribed.

    It is not if one of them opted out. Links in mails to the others lead to the kept one from now
    on; no mass contact is deleted. Deliveries follow, but for mailing outs that have a row of the
    kept one already: there the other row stays as it is.
    """
    content_type = ContentType.objects.get_for_model(kept)
    ids = [other.pk for other in others]
    identities = MassContact.objects.filter(content_type=content_type)
    found = identities.select_for_update().filter(object_id__in=[kept.pk, *ids])
    rows = {row.object_id: row for row in found.order_by("pk")}
    is_subscribed = _is_subscribed([kept, *others], list(rows.values()))
    if rows:
        own = rows.get(kept.pk) or MassContact(content_type=content_type, object_id=kept.pk)
        own.massmail = is_subscribed
        own.email_account_id = own.email_account_id or next(
            (row.email_account_id for row in rows.values() if row.email_account_id), None
        )
        own.save()
        merged = Q(object_id__in=ids) | Q(merged_into__object_id__in=ids)
        identities.filter(merged).update(merged_into=own)
    for pk in ids:
        _move_deliveries(content_type, pk, kept.pk)
    chosen = ChosenRecipient.objects.filter(mailing_out__content_type=content_type)
    chosen.filter(recipient_id__in=ids).update(recipient_id=kept.pk)
    return is_subscribed


def _is_subscribed(people: Sequence[Recipient], identities: Sequence[MassContact]) -> bool:
    if not all(person.massmail for person in people):
        return False
    if not all(row.massmail for row in identities):
        return False
    keys = [person.address_key for person in people if person.address_key]
    opt_outs = Suppression.objects.active(database_now()).filter(kind__in=Suppression.BY_THE_PERSON)
    return not opt_outs.filter(address_key__in=keys).exists()


def _move_deliveries(content_type: ContentType, other_id: int, kept_id: int) -> None:
    """Give the rows of one recipient to another, mailing out by mailing out.

    Where the kept one is left out as a duplicate of the other, the two rows change places: the one
    that stands for the address must belong to somebody who still exists.
    """
    rows = Delivery.objects.filter(mailing_out__content_type=content_type)
    of_kept = rows.filter(recipient_id=kept_id)
    shadowed = of_kept.filter(duplicate_of__recipient_id=other_id)
    swapped = list(shadowed.values_list("mailing_out_id", flat=True))
    if swapped:
        within = Delivery.objects.filter(mailing_out__in=swapped)
        within.filter(recipient_id=kept_id).update(recipient_id=0)  # nobody's, for a moment
        within.filter(recipient_id=other_id).update(recipient_id=kept_id)
        within.filter(recipient_id=0).update(recipient_id=other_id)
    taken = list(of_kept.values_list("mailing_out_id", flat=True))
    rows.filter(recipient_id=other_id).exclude(mailing_out__in=taken).update(recipient_id=kept_id)
