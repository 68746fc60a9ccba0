"""May this row still be written to? Asked for a whole window when it is claimed."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from massmail import addresses
from massmail.models import (
    Delivery,
    EmailAccount,
    MailingOut,
    MassContact,
    Recipient,
    SkipReason,
    Suppression,
)
from massmail.services import cooling_domains
from massmail.services.people_reader import with_subscription


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is asked of a row before it is sent; a `Delivery` has the same fields."""

    pk: int
    recipient_id: int
    uuid: uuid.UUID
    address_key: str | None
    message_id: str = ""
    attempts: int = 0
    first_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A candidate with all that its mail needs, or with the reason why it gets none."""

    delivery_id: int
    recipient: Recipient | None
    address: str
    message_id: str  # with angle brackets
    mass_contact_uuid: uuid.UUID | None
    attempts: int
    first_attempt_at: datetime | None
    skip: str = ""  # a SkipReason
    duplicate_of: int | None = None
    wait_until: datetime | None = None  # its domain rests until then


def verdicts(
    mailing_out: MailingOut,
    candidates: Sequence[Delivery],
    *,
    account: EmailAccount,
    now: datetime,
    cooling: Mapping[str, datetime] | None = None,
) -> list[Verdict]:
    """Judge candidates by their recipients as they are now (two statements, more for corrections).

    A corrected address is used; if another row of the mailing out has it, this one is skipped.
    `cooling` has the domains that rest for this account: mails to them wait.
    """
    ids = [row.recipient_id for row in candidates]
    people = with_subscription(mailing_out.recipient_model).in_bulk(ids)
    keys = {pk: _key(person) for pk, person in people.items()}
    suppressions = Suppression.objects.active(now).filter(
        address_key__in=[key for key in keys.values() if key]
    )
    found = suppressions.values_list("address_key", "kind")
    suppressed = dict(  # the gravest is last
        sorted(found, key=lambda row: row[1] in Suppression.BY_THE_PERSON)
    )
    domain = addresses_domain(account.from_email)
    judged = [
        _verdict(row, people.get(row.recipient_id), suppressed=suppressed, domain=domain)
        for row in candidates
    ]
    return _with_waits(judged, cooling, now) if cooling else judged


def _with_waits(
    judged: Sequence[Verdict], cooling: Mapping[str, datetime], now: datetime
) -> list[Verdict]:
    """Let those wait whose domain rests; who is skipped neither waits nor probes a domain."""
    domains = [
        "" if each.skip else cooling_domains.domain_of(addresses.address_key(each.address) or "")
        for each in judged
    ]
    waits = cooling_domains.waits(domains, cooling, now)
    return [
        replace(each, wait_until=until) if until else each
        for each, until in zip(judged, waits, strict=True)
    ]


def plain_verdicts(
    candidates: Sequence[Candidate], people: Mapping[int, Any], *, domain: str
) -> list[Verdict] | None:
    """Judge candidates none of whose addresses is suppressed; no statement.

    None if any of them is gone, has opted out, or has another address than when it was chosen.
    """
    judged = []
    for row in candidates:
        person = people.get(row.recipient_id)
        address = (person.address or "") if person is not None else ""
        if not address or not _is_key(row.address_key, address) or _opted_out(person, None):
            return None
        judged.append(_to_send(row, person, address, domain))
    return judged


def _key(person: Recipient) -> str | None:
    address = person.address
    return addresses.address_key(address) if address else None


def _is_key(key: str | None, address: str) -> bool:
    """Tell whether this is the address's key; most addresses are their own."""
    return key == address.lower() or key == addresses.address_key(address)


def addresses_domain(from_email: str) -> str:
    """Return the domain of a From, as A-label, for the right side of Message-IDs."""
    wire = addresses.wire_address(parseaddr(from_email)[1]) or ""
    return wire.rpartition("@")[2] or "localhost"


def _verdict(row: Delivery, person: Any, *, suppressed: dict[str, str], domain: str) -> Verdict:
    skip, duplicate_of = "", None
    address = (person.address or "") if person is not None else ""
    if person is None:
        skip = SkipReason.RECIPIENT_DELETED.value
    elif not address:
        skip = SkipReason.NO_ADDRESS.value
    else:
        key = addresses.address_key(address) or ""
        skip = _opted_out(person, suppressed.get(key))
        if not skip and key != row.address_key:
            duplicate_of = _correct(row, key)
            skip = SkipReason.DUPLICATE.value if duplicate_of else ""
    verdict = _to_send(row, person, address, domain)
    return replace(verdict, skip=skip, duplicate_of=duplicate_of) if skip else verdict


def _to_send(row: Delivery | Candidate, person: Any, address: str, domain: str) -> Verdict:
    return Verdict(
        delivery_id=row.pk,
        recipient=person,
        address=address,
        message_id=row.message_id or f"<{row.uuid}@{domain}>",
        mass_contact_uuid=getattr(person, "mass_contact_uuid", None),
        attempts=row.attempts,
        first_attempt_at=row.first_attempt_at,
    )


def _opted_out(person: Any, suppression: str | None) -> str:
    opted_out = suppression in Suppression.BY_THE_PERSON or person.mass_contact_massmail is False
    if opted_out or not person.massmail:
        return SkipReason.UNSUBSCRIBED.value
    if suppression is not None:
        return SkipReason.SUPPRESSED.value
    return SkipReason.DISQUALIFIED.value if person.disqualified else ""


def _correct(row: Delivery, key: str) -> int | None:
    """Give the row its corrected key; return the row that has it already, if one does."""
    others = Delivery.objects.filter(
        mailing_out=row.mailing_out_id, address_key=key, duplicate_of=None
    ).exclude(pk=row.pk)
    other = others.values_list("pk", flat=True).first()
    if other is None:
        Delivery.objects.filter(pk=row.pk).update(address_key=key)
        return None
    Delivery.objects.filter(pk=row.pk).update(address_key=None)
    return other


def mass_contact_of(mailing_out: MailingOut, recipient_id: int) -> MassContact:
    """Return the mass contact of a recipient, made if it lacks one."""
    found, _made = MassContact.objects.get_or_create(
        content_type=mailing_out.content_type, object_id=recipient_id
    )
    return found
