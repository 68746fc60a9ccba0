"""The audience of a mailing out, written as rows: whom it goes to, and who is left out and why.

Everything is set-based: a *plan* (a temporary table with what each chosen recipient's row should
be) is inserted when a draft is made, and its differences are applied when the draft starts. So a
million people cost a few statements, and no list of ids is ever held in memory.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Cast, Length, Lower, NullIf

from common.models import Department
from massmail.addresses import PLAIN_ADDRESS_MAX, PLAIN_ADDRESS_REGEX
from massmail.clock import database_now
from massmail.models import (
    ChosenRecipient,
    Delivery,
    EmailAccount,
    EmlAccountsQueue,
    EmlMessage,
    MailingOut,
    MassContact,
    Recipient,
    SkipReason,
    Suppression,
)
from massmail.models.recipient import key_of
from massmail.services import audience_sql
from massmail.services.write_rows import update_from_values

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

PREPARE_IN_TASK_ABOVE = 50_000  # people; from there on the page says "Preparing"
_KEYS_AT_ONCE = 1_000


def create_for(
    queryset: models.QuerySet[Any], *, owner: "User", message: EmlMessage | None, name: str
) -> MailingOut:
    """Create a draft to everybody in the queryset, one delivery a recipient.

    Those who cannot be written to get a row as well, `skipped` with the reason. A few statements,
    whatever the number. Raises TypeError if the queryset is not of a recipient type.
    """
    with transaction.atomic():
        mailing_out = _new_draft(queryset, owner=owner, message=message, name=name)
        _write(mailing_out, queryset)
    return mailing_out


def choose_for_later(
    queryset: models.QuerySet[Any], *, owner: "User", message: EmlMessage | None, name: str
) -> MailingOut:
    """Create a draft that only notes who was chosen; `write_chosen` in a task does the rest."""
    with transaction.atomic():
        mailing_out = _new_draft(queryset, owner=owner, message=message, name=name)
        mailing_out.preparing = MailingOut.Preparing.AUDIENCE
        mailing_out.save(update_fields=["preparing"])
        audience_sql.insert(
            ChosenRecipient,
            ["mailing_out_id", "recipient_id"],
            queryset.annotate(to=Value(mailing_out.pk)).values_list("to", "pk"),
        )
    return mailing_out


def write_chosen(mailing_out: MailingOut) -> None:
    """Write the audience of a draft made by `choose_for_later`; does nothing the second time."""
    with transaction.atomic():
        skip_locked = connection.features.has_select_for_update_skip_locked
        waiting = MailingOut.objects.select_for_update(skip_locked=skip_locked).filter(
            pk=mailing_out.pk, preparing=MailingOut.Preparing.AUDIENCE
        )
        locked = waiting.first()
        if locked is None:
            return  # written already, or being written
        chosen = locked.chosen.values("recipient_id")
        people = locked.recipient_model._default_manager.filter(pk__in=chosen)
        if locked.recipients_number:
            append(locked, people)
        else:
            _write(locked, people)
        locked.chosen.all().delete()
        MailingOut.objects.filter(pk=locked.pk).update(preparing="")


def append(mailing_out: MailingOut, people: models.QuerySet[Any]) -> None:
    """Add recipients to a draft; those who have a row keep it.

    Call it inside a transaction, with the draft locked.
    """
    fill_address_keys(people)
    rows = mailing_out.deliveries.values("recipient_id")
    audience_sql.insert_bare(mailing_out, people.exclude(pk__in=rows))
    _replan(mailing_out)


def bring_up_to_date(mailing_out: MailingOut, *, now: datetime) -> None:
    """Make the rows of a draft what they should be now: addresses, reasons, accounts.

    Writes the missing mass contacts. Call it inside the transaction of the start, with the
    mailing out locked.
    """
    chosen = _chosen(mailing_out)
    fill_address_keys(chosen)
    with _plan(mailing_out, chosen, now=now):
        new = audience_sql.count_without_mass_contact()
        rotation = EmlAccountsQueue.take(mailing_out.owner, new)
        audience_sql.apply_differences(mailing_out, rotation, needs_account=True)
        if new:
            audience_sql.insert_mass_contacts(mailing_out)
    _tie_mass_contacts(mailing_out)
    recount(mailing_out)
    if new > PREPARE_IN_TASK_ABOVE:
        audience_sql.tell_planner(MassContact)


def refresh(mailing_out: MailingOut) -> None:
    """Say anew who of a draft is left out, after its message or its choices changed.

    Above `PREPARE_IN_TASK_ABOVE` people only the start does this: it takes too long for a page.
    Does nothing for a mailing out that was started.
    """
    with transaction.atomic():
        drafts = MailingOut.objects.select_for_update().filter(
            pk=mailing_out.pk,
            started_at=None,
            preparing="",
            recipients_number__lte=PREPARE_IN_TASK_ABOVE,
        )
        draft = drafts.first()
        if draft is None:
            return
        _replan(draft)


def fill_address_keys(chosen: models.QuerySet[Any]) -> None:
    """Fill or correct the stored keys of recipients that were written without `save()`.

    Plain addresses in one statement, others some thousands at a time. Call it inside a
    transaction.
    """
    audience_sql.expect_many_rows()
    stale = _each_once(chosen).filter(Q(address_key=None) | ~Q(address_key=Lower("email")))
    plain = stale.annotate(email_length=Length("email")).filter(
        email_length__lte=PLAIN_ADDRESS_MAX, email__regex=PLAIN_ADDRESS_REGEX
    )
    plain.update(address_key=Lower("email"))
    read = stale.order_by().values_list("pk", "email", "address_key").iterator(_KEYS_AT_ONCE)
    corrected = ((pk, key) for pk, email, stored in read if (key := key_of(email)) != stored)
    while batch := list(islice(corrected, _KEYS_AT_ONCE)):
        update_from_values(chosen.model, ["address_key"], batch, constants={}, expected={})


def recount(mailing_out: MailingOut) -> None:
    """Count the rows of a draft into its counters, in the database and on the object."""
    rows = mailing_out.deliveries.order_by().values_list("status")
    counts = dict(rows.annotate(number=models.Count("pk")))
    values = {f"{status}_count": counts.get(status, 0) for status in Delivery.Status.values}
    values["recipients_number"] = sum(counts.values())
    MailingOut.objects.filter(pk=mailing_out.pk).update(**values)
    for field, value in values.items():
        setattr(mailing_out, field, value)


def left_out_reason(
    draft: MailingOut | None,
    *,
    now: datetime,
    unread: str = SkipReason.NO_ADDRESS,
    also: Iterable[When] = (),
) -> Case:
    """Return the reason for which a recipient is left out, "" for none, duplicates aside.

    `draft` is the mailing out they are chosen for, None for one that is not made yet. `unread` is
    the reason of those whose address was not read yet. What `also` names counts last.
    """
    suppressed = Suppression.objects.active(now)
    opted_out = suppressed.filter(kind__in=Suppression.BY_THE_PERSON)
    reasons = [
        When(address_key="", then=Value(SkipReason.NO_ADDRESS)),
        When(
            Q(massmail=False)
            | Q(mass_contacts__massmail=False)
            | Q(address_key__in=opted_out.values("address_key")),
            then=Value(SkipReason.UNSUBSCRIBED),
        ),
        When(address_key__in=suppressed.values("address_key"), then=Value(SkipReason.SUPPRESSED)),
        When(disqualified=True, then=Value(SkipReason.DISQUALIFIED)),
        *(_reasons_of(draft) if draft is not None else ()),
        When(address_key=None, then=Value(unread)),
        *also,
    ]
    return Case(*reasons, default=Value(""), output_field=models.CharField())


def _reasons_of(draft: MailingOut) -> Iterator[When]:
    """Return what leaves people out of this draft alone."""
    by_hand = draft.deliveries.filter(left_out=True)
    known = by_hand.filter(address_key__isnull=False)  # whoever else has the address, too
    yield When(
        Q(pk__in=by_hand.values("recipient_id")) | Q(address_key__in=known.values("address_key")),
        then=Value(SkipReason.LEFT_OUT),
    )
    if draft.exclude_already_received and draft.message_id:
        yield When(address_key__in=_received(draft), then=Value(SkipReason.ALREADY_RECEIVED))


def _replan(draft: MailingOut) -> None:
    """Make the rows of a draft what they should be now, each with a provisional account."""
    with _plan(draft, _chosen(draft), now=database_now()):
        rotation = EmlAccountsQueue.take(draft.owner, 0)
        audience_sql.apply_differences(draft, rotation)
    recount(draft)


def _chosen(mailing_out: MailingOut) -> models.QuerySet[Any]:
    """Return the recipients that have a row."""
    people = mailing_out.recipient_model._default_manager
    return people.filter(pk__in=mailing_out.deliveries.values("recipient_id"))


def _each_once(queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Return the recipients of a queryset without its joins, which may repeat them.

    A queryset over its own table alone stays as it is: joining a million people with themselves
    takes seconds.
    """
    query = queryset.query
    joins = len(query.alias_map) > 1 or query.distinct or query.combinator
    if joins or query.is_sliced or query.annotations or query.extra:
        everybody: models.QuerySet[Any] = queryset.model._default_manager.all()
        return everybody.filter(pk__in=queryset.values("pk"))
    return queryset


def _new_draft(
    queryset: models.QuerySet[Any], *, owner: "User", message: EmlMessage | None, name: str
) -> MailingOut:
    if not issubclass(queryset.model, Recipient):
        raise TypeError(f"{queryset.model.__name__} is no recipient type: derive it from Recipient")
    return MailingOut.objects.create(
        name=name[:100],
        owner=owner,
        modified_by=owner,
        department=Department.objects.first_of(owner),
        message=message,
        content_type=ContentType.objects.get_for_model(queryset.model),
    )


def _write(mailing_out: MailingOut, queryset: models.QuerySet[Any]) -> None:
    fill_address_keys(queryset)
    with _plan(mailing_out, _each_once(queryset), now=database_now()):
        rotation = EmlAccountsQueue.take(mailing_out.owner, 0)
        audience_sql.insert_planned(mailing_out, rotation)
    recount(mailing_out)
    if mailing_out.recipients_number > PREPARE_IN_TASK_ABOVE:
        audience_sql.tell_planner(Delivery)
    logger.info("mailing out %d: %d people", mailing_out.pk, mailing_out.recipients_number)


@contextmanager
def _plan(
    mailing_out: MailingOut, people: models.QuerySet[Any], *, now: datetime
) -> Iterator[None]:
    """Hold the plan of these recipients, each once, as a temporary table while the block runs."""
    audience_sql.expect_many_rows()
    usable = EmailAccount.objects.usable_by(mailing_out.owner).filter(massmail=True)
    ids = list(usable.values_list("pk", flat=True))
    planned = people.order_by().annotate(
        planned_key=NullIf("address_key", Value("")),
        planned_reason=left_out_reason(mailing_out, now=now),
        sticky_account=Cast(
            Case(
                When(
                    mass_contacts__email_account__in=ids, then=F("mass_contacts__email_account_id")
                ),
                default=None,
            ),
            models.BigIntegerField(),
        ),
        is_vip=Case(When(mass_contacts__email_account__main=True, then=Value(1)), default=Value(0)),
        mass_contact_id=F("mass_contacts__pk"),
    )
    columns = ("planned_key", "planned_reason", "sticky_account", "is_vip", "mass_contact_id")
    with audience_sql.plan_of(planned.values_list("pk", *columns)):
        yield


def _received(mailing_out: MailingOut) -> models.QuerySet[Any, Any]:
    """Return the keys to which this message was sent, or may have been, by any mailing out."""
    served = Delivery.objects.filter(
        mailing_out__message=mailing_out.message_id,
        status__in=[Delivery.Status.SENT, Delivery.Status.UNCERTAIN],
        address_key__isnull=False,
    ).exclude(mailing_out=mailing_out.pk)
    return served.values("address_key")


def _tie_mass_contacts(mailing_out: MailingOut) -> None:
    """Tie mass contacts without an account of use to the account that writes to them now."""
    replaceable = EmailAccount.objects.filter(
        owner=mailing_out.owner, main=False, massmail=False
    ).values_list("pk", flat=True)
    chosen = mailing_out.deliveries.filter(
        recipient_id=models.OuterRef("object_id"), status=Delivery.Status.PENDING
    )
    MassContact.objects.filter(
        Q(email_account=None) | Q(email_account__in=list(replaceable)),
        models.Exists(chosen),
        content_type=mailing_out.content_type,
    ).update(email_account=models.Subquery(chosen.values("email_account")[:1]))
