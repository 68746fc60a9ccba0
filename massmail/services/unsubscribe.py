"""Unsubscribing and taking it back: by person and by address, over all types of recipients.

The suppressions are what keeps mail from an address; the switched-off subscriptions show it to
staff. What the public page looks like is `massmail.views.unsubscribes`.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from massmail.addresses import address_key
from massmail.models import (
    Delivery,
    MassContact,
    OptOut,
    OptOutRecipient,
    Recipient,
    Suppression,
    recipient_models,
)
from massmail.models.delivery import DeliveryQuerySet
from massmail.services import audience

logger = logging.getLogger(__name__)

SUBSCRIBE_AGAIN_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the public page may tell about one link."""

    masked_address: str  # "" if no address is known
    sender_name: str  # "" if nothing was ever sent
    language: str  # "" if it is not known
    is_unsubscribed: bool
    may_subscribe_again: bool


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that an opt-out concerns."""

    suppressions: frozenset[int] = frozenset()
    mass_contacts: frozenset[int] = frozenset()
    recipients: frozenset[tuple[int, int]] = frozenset()  # content type, object

    def __bool__(self) -> bool:
        return bool(self.suppressions or self.mass_contacts or self.recipients)

    def __or__(self, other: "_Rows") -> "_Rows":
        return _Rows(
            self.suppressions | other.suppressions,
            self.mass_contacts | other.mass_contacts,
            self.recipients | other.recipients,
        )

    def __and__(self, other: "_Rows") -> "_Rows":
        return _Rows(
            self.suppressions & other.suppressions,
            self.mass_contacts & other.mass_contacts,
            self.recipients & other.recipients,
        )

    def __sub__(self, other: "_Rows") -> "_Rows":
        return _Rows(
            self.suppressions - other.suppressions,
            self.mass_contacts - other.mass_contacts,
            self.recipients - other.recipients,
        )


def unsubscribe(mass_contact: MassContact, *, source: str, now: datetime) -> OptOut | None:
    """Unsubscribe the person behind a link, everywhere their addresses are known.

    Returns what is remembered of it; None if nothing was left to change. A row that is off
    because of another person's opt-out is remembered too: it comes back only when both have
    subscribed again. One transaction, which locks by the same order as `subscribe_again`.
    """
    addresses = addresses_of(mass_contact)
    keys = sorted({key for address in addresses if (key := address_key(address))})
    _read_unread_keys(addresses, keys)
    with transaction.atomic():
        suppressions, suppressed = _suppress(keys, source=source, now=now)
        recipients = _recipients_with(keys) | _recipient_of(mass_contact)
        mass_contacts = _mass_contacts_of(recipients) | {mass_contact.pk}
        concerned = _Rows(suppressions, mass_contacts, recipients)
        changed = _Rows(
            suppressed,
            _set_mass_contacts(mass_contacts, to=False),
            _set_recipients(recipients, to=False),
        )
        if not changed and mass_contact.opt_outs.filter(undone_at=None).exists():
            return None
        remembered = changed | (concerned & _held_by_others(concerned, mass_contact))
        opt_out = _remember(mass_contact, remembered, now=now) if remembered else None
    logger.info("mass contact %d: unsubscribed", mass_contact.pk)
    return opt_out


def subscribe_again(mass_contact: MassContact, *, now: datetime) -> bool:
    """Undo the person's last opt-out if it is at most 24 hours old; tell whether there was one.

    Restores exactly the rows that it changed, but those which another person's opt-out wants off.
    """
    with transaction.atomic():
        opt_out = _last_undoable(mass_contact, now=now).first()
        if opt_out is None:
            return False
        rows = _rows_of([opt_out.pk])
        _lock_suppressions(Suppression.objects.filter(pk__in=rows.suppressions))
        if not OptOut.objects.filter(pk=opt_out.pk, undone_at=None).update(undone_at=now):
            return False
        _restore(rows - _held_by_others(rows, mass_contact))
    logger.info("mass contact %d: subscribed again", mass_contact.pk)
    return True


def standing(mass_contact: MassContact, *, now: datetime) -> Standing:
    """Return what the page shows; writes nothing (about six statements)."""
    recipient = _recipient(mass_contact)
    addresses = addresses_of(mass_contact)
    return Standing(
        masked_address=masked(addresses[0]) if addresses else "",
        sender_name=_sender_name(mass_contact),
        language=recipient.language if recipient is not None else "",
        is_unsubscribed=_is_unsubscribed(mass_contact, addresses, now=now),
        may_subscribe_again=_last_undoable(mass_contact, now=now).exists(),
    )


def addresses_of(mass_contact: MassContact) -> list[str]:
    """Return the recipient's present address, if any, and those mailed under the uuid, each once.

    As they were written, the present one first, then the newest first.
    """
    recipient = _recipient(mass_contact)
    present = recipient.address if recipient is not None else None
    mailed = _mailed(mass_contact).exclude(address="").order_by("-pk")
    found = [present or "", *mailed.values_list("address", flat=True)]
    return [address for address in dict.fromkeys(found) if address]


def masked(address: str) -> str:
    """Return an address that its owner knows again and nobody else can use: z…@example.com."""
    local_part, _at, domain = address.rpartition("@")
    return f"{local_part[:1]}…@{domain}"


# --- who stands behind a link


def _recipient(mass_contact: MassContact) -> Recipient | None:
    """Return the recipient as they are now; None if deleted, or their app is gone."""
    model = mass_contact.content_type.model_class()
    if model is None or not issubclass(model, Recipient):
        return None
    return model._base_manager.filter(pk=mass_contact.object_id).first()


def _recipient_of(mass_contact: MassContact) -> frozenset[tuple[int, int]]:
    if _recipient(mass_contact) is None:
        return frozenset()
    return frozenset({(mass_contact.content_type_id, mass_contact.object_id)})


def _mailed(mass_contact: MassContact) -> DeliveryQuerySet:
    """Return the deliveries of the recipient, and their duplicates, whose mail left, or may have.

    A row that a person had sent again was uncertain before: its first mail may have arrived.
    """
    left = [Delivery.Status.SENT, Delivery.Status.UNCERTAIN, Delivery.Status.IN_FLIGHT]
    return Delivery.objects.filter(
        Q(status__in=left) | Q(travels_alone=True),
        Q(recipient_id=mass_contact.object_id)
        | Q(recipient_id__in=mass_contact.merged.values("object_id")),
        mailing_out__content_type=mass_contact.content_type_id,
    )


def _sender_name(mass_contact: MassContact) -> str:
    """Return by whose name the recipient knows the sender of the last mail."""
    related = ("mailing_out__department", "mailing_out__owner", "email_account")
    last = _mailed(mass_contact).select_related(*related).order_by("-pk").first()
    if last is None:
        return ""
    if last.mailing_out.department is not None:
        return last.mailing_out.department.name
    account = last.email_account
    name = parseaddr(account.from_email)[0] if account is not None else ""
    return name or last.mailing_out.owner.get_full_name()


def _is_unsubscribed(mass_contact: MassContact, addresses: list[str], *, now: datetime) -> bool:
    """Tell whether everything is off that an opt-out of this person would switch off for good."""
    if mass_contact.massmail:
        return False
    keys = {key for address in addresses if (key := address_key(address))}
    suppressed = Suppression.objects.active(now).filter(
        address_key__in=keys, kind__in=Suppression.BY_THE_PERSON
    )
    return keys == set(suppressed.values_list("address_key", flat=True))


def _last_undoable(mass_contact: MassContact, *, now: datetime) -> QuerySet[OptOut]:
    since = now - SUBSCRIBE_AGAIN_WITHIN
    return mass_contact.opt_outs.filter(undone_at=None, created_at__gte=since).order_by("-pk")


# --- switching off


def _read_unread_keys(addresses: Iterable[str], keys: Iterable[str]) -> None:
    """Fill the keys of people with these addresses who were written without `save()`.

    Only rows whose key was never read are looked at: an index finds them. Where `email` was
    changed behind `save()`, the suppression keeps mail away until the key is corrected.
    """
    written = {address.lower() for address in addresses} | set(keys)
    for model in recipient_models():
        people = model._base_manager
        unread = people.filter(address_key=None).annotate(lowered=Lower("email"))
        ids = list(unread.filter(lowered__in=written).values_list("pk", flat=True))
        if ids:
            audience.fill_address_keys(people.filter(pk__in=ids))


def _suppress(
    keys: Iterable[str], *, source: str, now: datetime
) -> tuple[frozenset[int], frozenset[int]]:
    """Suppress the addresses for ever; return the suppressions, and those new among them."""
    every, new = set(), set()
    for key in keys:
        row, is_new = Suppression.objects.select_for_update().get_or_create(
            address_key=key,
            kind=Suppression.Kind.UNSUBSCRIBED,
            defaults={"created_at": now, "source": source},
        )
        if row.until is not None:  # it would have ended
            Suppression.objects.filter(pk=row.pk).update(until=None, created_at=now, source=source)
        every.add(row.pk)
        if is_new or row.until is not None:
            new.add(row.pk)
    return frozenset(every), frozenset(new)


def _recipients_with(keys: Iterable[str]) -> frozenset[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for model in recipient_models():
        content_type = ContentType.objects.get_for_model(model).pk
        ids = model._base_manager.filter(address_key__in=keys).values_list("pk", flat=True)
        found.update((content_type, pk) for pk in ids)
    return frozenset(found)


def _mass_contacts_of(recipients: Iterable[tuple[int, int]]) -> frozenset[int]:
    found: set[int] = set()
    for content_type, ids in _by_type(recipients).items():
        rows = MassContact.objects.filter(content_type=content_type, object_id__in=ids)
        found.update(rows.values_list("pk", flat=True))
    return frozenset(found)


def _set_mass_contacts(ids: Iterable[int], *, to: bool) -> frozenset[int]:
    """Subscribe or unsubscribe mass contacts; return those that changed."""
    rows = MassContact.objects.filter(pk__in=ids, massmail=not to).order_by("pk")
    changed = frozenset(rows.select_for_update().values_list("pk", flat=True))
    MassContact.objects.filter(pk__in=changed).update(massmail=to)
    return changed


def _set_recipients(
    recipients: Iterable[tuple[int, int]], *, to: bool
) -> frozenset[tuple[int, int]]:
    """Subscribe or unsubscribe recipients of any type; return those that changed."""
    changed: set[tuple[int, int]] = set()
    for content_type, ids in sorted(_by_type(recipients).items()):
        model = ContentType.objects.get_for_id(content_type).model_class()
        if model is None or not issubclass(model, Recipient):
            continue  # its app is gone
        rows = model._base_manager.filter(pk__in=ids, massmail=not to).order_by("pk")
        locked = list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))
        model._base_manager.filter(pk__in=locked).update(massmail=to)
        changed.update((content_type, pk) for pk in locked)
    return frozenset(changed)


def _by_type(recipients: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for content_type, pk in recipients:
        found.setdefault(content_type, []).append(pk)
    return found


# --- what is remembered, and taken back


def _remember(mass_contact: MassContact, rows: _Rows, *, now: datetime) -> OptOut:
    opt_out = OptOut.objects.create(mass_contact=mass_contact, created_at=now)
    opt_out.suppressions.add(*rows.suppressions)
    opt_out.mass_contacts.add(*rows.mass_contacts)
    OptOutRecipient.objects.bulk_create(
        OptOutRecipient(opt_out=opt_out, content_type_id=content_type, object_id=pk)
        for content_type, pk in sorted(rows.recipients)
    )
    return opt_out


def _rows_of(opt_outs: Iterable[int]) -> _Rows:
    ids = list(opt_outs)
    suppressions = OptOut.suppressions.through.objects.filter(optout__in=ids)
    mass_contacts = OptOut.mass_contacts.through.objects.filter(optout__in=ids)
    recipients = OptOutRecipient.objects.filter(opt_out__in=ids)
    return _Rows(
        frozenset(suppressions.values_list("suppression", flat=True)),
        frozenset(mass_contacts.values_list("masscontact", flat=True)),
        frozenset(recipients.values_list("content_type", "object_id")),
    )


def _held_by_others(rows: _Rows, mass_contact: MassContact) -> _Rows:
    """Return what other people's opt-outs, not undone, want off among what touches these rows."""
    by_address = OptOut.suppressions.through.objects.filter(suppression__in=rows.suppressions)
    by_person = OptOut.mass_contacts.through.objects.filter(masscontact__in=rows.mass_contacts)
    touching = {
        *by_address.values_list("optout", flat=True),
        *by_person.values_list("optout", flat=True),
    }
    others = OptOut.objects.filter(pk__in=touching, undone_at=None).exclude(
        mass_contact=mass_contact
    )
    return _rows_of(others.values_list("pk", flat=True))


def _restore(rows: _Rows) -> None:
    _set_mass_contacts(rows.mass_contacts, to=True)
    _set_recipients(rows.recipients, to=True)
    Suppression.objects.filter(
        pk__in=rows.suppressions, kind=Suppression.Kind.UNSUBSCRIBED
    ).delete()


def _lock_suppressions(rows: QuerySet[Suppression]) -> None:
    """Let one act at a time decide about an address; in the order of `_suppress`."""
    list(rows.order_by("address_key").select_for_update().values_list("pk", flat=True))
