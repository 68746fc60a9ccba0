"""Giving things to another owner: chosen ones, or everything that a person has.

The department follows the new owner. People are not tied any more to accounts with which the new
owner may not send: the next start ties them to one of the new owner's. Nothing is deleted.
"""

import logging
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import Case, F, Value, When

from common.models import Base1, Department
from massmail.clock import database_now
from massmail.models import EmailAccount, MailingOut, MassContact, Recipient, Signature
from massmail.services import words

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)


def give(objects: models.QuerySet[Any], *, to: "User", by: "User") -> int:
    """Give objects of one model to a user; return how many. One transaction.

    People related to them by `GIVEN_ALONG` (a company's contacts) follow. What was started stays
    with those whose accounts it uses.
    """
    model = objects.model
    with transaction.atomic():
        ids = objects.order_by().values("pk")
        rows = givable(model._default_manager.filter(pk__in=ids))
        if issubclass(model, Recipient):
            _give_along(rows, to=to, by=by)
            _untie(rows, to=to)
        values: dict[str, Any] = {"default": False} if issubclass(model, Signature) else {}
        number = rows.update(owner=to, modified_by=by, department=_department_of(to), **values)
    logger.info("%s: %d given to user %d", model._meta.label, number, to.pk)
    return int(number)


def givable(objects: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Return what can change hands: of mailing outs only drafts."""
    if issubclass(objects.model, MailingOut):
        return objects.filter(started_at=None, preparing="")
    return objects


def count_along(objects: models.QuerySet[Any]) -> int:
    """Return how many people would follow objects to a new owner."""
    relations = getattr(objects.model, "GIVEN_ALONG", ())
    return sum(_along(objects, name).count() for name in relations)


def transfer(user: "User", *, to: "User", by: "User") -> dict[type[models.Model], int]:
    """Give everything that a user owns to another one; return how much of each model.

    One transaction. The accounts come along, so mailing outs that run go on. A second main
    account becomes an ordinary one, switched off, and its VIPs are the new owner's.
    """
    with transaction.atomic():
        _settle_main_account(user, to=to)
        if Signature.objects.filter(owner=to, default=True).exists():
            Signature.objects.filter(owner=user, default=True).update(default=False)
        EmailAccount.objects.filter(co_owner=user, owner=to).update(co_owner=None)
        EmailAccount.objects.filter(co_owner=user).update(co_owner=to)
        given = {model: _give_all(model, user, to=to, by=by) for model in owned_models()}
        EmailAccount.objects.filter(owner=to, co_owner=to).update(co_owner=None)
    logger.info("user %d: everything given to user %d", user.pk, to.pk)
    return {model: number for model, number in given.items() if number}


def owned_models() -> list[type[Base1]]:
    """Return every installed model whose objects have an owner and a department, by label."""
    found = [model for model in apps.get_models() if issubclass(model, Base1)]
    return sorted(found, key=lambda model: model._meta.label_lower)


def owned_by(user: "User") -> dict[type[models.Model], int]:
    """Return how much of each model a user owns."""
    numbers = {model: model._default_manager.filter(owner=user).count() for model in owned_models()}
    return {model: number for model, number in numbers.items() if number}


def _give_all(model: type[Base1], user: "User", *, to: "User", by: "User") -> int:
    values = {"owner": to, "modified_by": by, "department": _department_of(to)}
    return int(model._default_manager.filter(owner=user).update(**values))


def _along(objects: models.QuerySet[Any], relation: str) -> models.QuerySet[Any]:
    """Return the objects of a relation to the given ones."""
    field = objects.model._meta.get_field(relation)
    back = field.remote_field.name
    ids = objects.order_by().values("pk")
    return field.related_model._default_manager.filter(**{f"{back}__in": ids})  # type: ignore[no-any-return]  # a related manager's


def _give_along(rows: models.QuerySet[Any], *, to: "User", by: "User") -> None:
    for relation in rows.model.GIVEN_ALONG:
        give(_along(rows, relation), to=to, by=by)


def _untie(people: models.QuerySet[Any], *, to: "User") -> None:
    """Free mass contacts of accounts with which the new owner may not send."""
    usable = EmailAccount.objects.usable_by(to)
    MassContact.objects.filter(
        content_type=ContentType.objects.get_for_model(people.model),
        object_id__in=people.values("pk"),
        email_account__isnull=False,
    ).exclude(email_account__in=usable.values("pk")).update(email_account=None)


def _department_of(user: "User") -> Case | None:
    """Return the department to write: the present one if it is theirs, else their first."""
    first = Department.objects.of(user).order_by("pk").values_list("pk", flat=True).first()
    if first is None:
        return None
    theirs = list(Department.objects.of(user).values_list("pk", flat=True))
    return Case(When(department__in=theirs, then=F("department")), default=Value(first))


def _settle_main_account(user: "User", *, to: "User") -> None:
    """Let the new owner's main account, if there is one, stay the only one."""
    main = EmailAccount.objects.filter(owner=to, main=True).first()
    if main is None:
        return
    second = EmailAccount.objects.filter(owner=user, main=True)
    MassContact.objects.filter(email_account__in=second).update(email_account=main)
    second.update(main=False, massmail=False, off_reason=words.BY_HAND, off_at=database_now())
