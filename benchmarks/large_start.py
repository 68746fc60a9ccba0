"""S4: a million people chosen and started, beside a plain INSERT … SELECT of the same rows.

Each round goes: the plain statements for people never written to, rolled back; the same by a
draft and its start; then both again with the mass contacts that the first start left.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from benchmarks.campaigns import message_of, tidy
from benchmarks.figures import Figure, middle
from benchmarks.people import add_owner, add_people, add_relay
from benchmarks.stopwatch import process_memory_mb, spent
from crm.models import Contact
from massmail.models import EmailAccount, MailingOut

NO_SERVER = 2  # a port: nothing is sent
MILLION = 1_000_000
MEMORY_MB = 200
RATIO = 1.6


@dataclass(frozen=True, slots=True)
class Size:
    """How many people, how often."""

    people: int
    rounds: int


QUICK = Size(people=200_000, rounds=3)
FULL = Size(people=MILLION, rounds=3)

_MASS_CONTACTS = """
INSERT INTO massmail_masscontact (content_type_id, object_id, email_account_id, massmail, uuid)
SELECT %s, id, %s, TRUE, gen_random_uuid() FROM crm_contact WHERE owner_id = %s ORDER BY id
"""
_DELIVERIES = """
INSERT INTO massmail_delivery (mailing_out_id, recipient_id, uuid, address_key, email_account_id,
    status, reason)
SELECT %s, id, gen_random_uuid(), address_key, %s, 'pending', '' FROM crm_contact
WHERE owner_id = %s ORDER BY id
"""


def create_and_start(*, full: bool) -> Iterator[Figure]:
    """S4: first without mass contacts, then with them, each beside the plain statements."""
    size = FULL if full else QUICK
    owner = add_owner()
    add_relay(owner, port=NO_SERVER)
    add_relay(owner, port=NO_SERVER, number=2)
    add_people(size.people, owner)
    plain: dict[bool, list[float]] = {False: [], True: []}
    ours: dict[bool, list[float]] = {False: [], True: []}
    memory_mb = 0.0
    for _round in range(size.rounds):
        for known in (False, True):
            plain[known].append(_plainly(owner, known=known))
            ours[known].append(_started(owner))
            memory_mb = max(memory_mb, process_memory_mb(os.getpid()))
        _empty()
    first, then = "first mailing out", "mass contacts exist"
    yield _figure(
        f"{size.people:,} people, {first}: s", ours[False], plain[False], size=size, limit_s=50
    )
    yield _figure(
        f"{size.people:,} people, {then}: s", ours[True], plain[True], size=size, limit_s=45
    )
    yield Figure(
        "S4",
        "memory of the process: MB",
        memory_mb,
        wanted=f"under {MEMORY_MB}",
        met=memory_mb < MEMORY_MB,
    )


def _figure(
    measured: str, ours: list[float], plain: list[float], *, size: Size, limit_s: int
) -> Figure:
    seconds, plain_s = middle(ours), middle(plain)
    in_time = size.people < MILLION or seconds <= limit_s
    return Figure(
        "S4",
        measured,
        seconds,
        "plain INSERT … SELECT",
        plain_s,
        wanted=f"at most {RATIO} times, {limit_s} s for a million",
        met=in_time and seconds <= RATIO * plain_s,
    )


def _started(owner: User) -> float:
    """Choose everybody and start; return how long both took together, in seconds."""
    message, people = message_of("A", owner), Contact.objects.filter(owner=owner)
    tidy()

    def work() -> None:
        draft = MailingOut.objects.create_for(people, owner=owner, message=message, name="bench")
        draft.start()

    return spent(work).wall_s


def _plainly(owner: User, *, known: bool) -> float:
    """Insert the same rows by plain statements, keys checked, and undo it; return the seconds."""
    account = EmailAccount.objects.filter(owner=owner).latest("pk")
    contact_type = ContentType.objects.get_for_model(Contact)
    mailing_out = MailingOut.objects.create(name="plain", owner=owner, content_type=contact_type)
    tidy()

    def work() -> None:
        with connection.cursor() as cursor:
            if not known:
                cursor.execute(_MASS_CONTACTS, [contact_type.pk, account.pk, owner.pk])
            cursor.execute(_DELIVERIES, [mailing_out.pk, account.pk, owner.pk])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as a commit would check them

    with transaction.atomic():
        seconds = spent(work).wall_s
        transaction.set_rollback(True)
    return seconds


def _empty() -> None:
    """Forget all mailing outs and mass contacts, for the next round."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE massmail_mailingout, massmail_masscontact CASCADE")
