"""Merging duplicates: of several companies, contacts or leads that are one, one is kept."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils.translation import gettext as _

from common.models import TheFile
from crm.models.base_counterparty import BaseCounterparty
from massmail.errors import MassmailError
from massmail.services import duplicates

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

AT_MOST = 20  # at once
_NEVER_FILLED = {"id", "address_key", "owner", "department", "modified_by", "country", "city"}


class MergeRefused(MassmailError):
    """These cannot be merged; the text says why."""


def merge(kept: BaseCounterparty, others: Sequence[BaseCounterparty], *, by: "User") -> None:
    """Keep one of several of one type, and delete the others. One transaction.

    What the kept one lacks is filled in from the others; tags, files and whoever belongs to them
    come along; whoever opted out or is disqualified makes the kept one so. Links in mails to the
    others go on working. Raises MergeRefused.
    """
    model: Any = type(kept)  # Any: each of the three types has a manager of its own
    with transaction.atomic():
        wanted = {kept.pk, *(other.pk for other in others)}
        locked = model._default_manager.select_for_update().filter(pk__in=wanted).order_by("pk")
        found = {row.pk: row for row in locked}
        _require(found, wanted)
        survivor = found.pop(kept.pk)
        rest = list(found.values())
        survivor.massmail = duplicates.absorb(survivor, rest)
        survivor.disqualified = any(row.disqualified for row in (survivor, *rest))
        survivor.modified_by = by
        _fill(survivor, rest)
        _follow(survivor, rest)
        model._default_manager.filter(pk__in=[row.pk for row in rest]).delete()
        survivor.save()
    logger.info("%s %d: %d duplicates merged", model._meta.label, kept.pk, len(rest))


def require_mergeable(number: int, *, chosen: int) -> None:
    """Refuse a choice of which some are not the user's to change, or too few or many."""
    if number < min(chosen, AT_MOST):
        raise MergeRefused(_("Some of the chosen are not yours to change: choose only yours."))
    if number < 2:
        raise MergeRefused(_("Choose at least two that are one."))
    if number > AT_MOST:
        raise MergeRefused(_("Choose at most %(number)s at once.") % {"number": AT_MOST})


def _require(found: dict[int, Any], wanted: set[int]) -> None:
    require_mergeable(len(wanted), chosen=len(wanted))
    if set(found) != wanted:
        raise MergeRefused(_("One of them was deleted meanwhile. Choose anew."))


def _fill(survivor: Any, rest: Sequence[Any]) -> None:
    """Fill what is blank from the first who has it; not what a place or a constraint ties."""
    tied = {
        name
        for constraint in survivor._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
        for name in constraint.fields
    }
    for field in survivor._meta.concrete_fields:
        if field.name in _NEVER_FILLED | tied or getattr(survivor, field.attname) not in {None, ""}:
            continue
        values = (getattr(row, field.attname) for row in rest)
        filled = next((value for value in values if value not in {None, ""}), None)
        if filled is not None:
            setattr(survivor, field.attname, filled)


def _follow(survivor: Any, rest: Sequence[Any]) -> None:
    """Let tags, files, and whatever points to the others come along."""
    ids = [row.pk for row in rest]
    for field in survivor._meta.many_to_many:
        for row in rest:
            getattr(survivor, field.name).add(*getattr(row, field.name).all())
    for relation in survivor._meta.related_objects:
        if relation.one_to_many:
            name = relation.field.name
            rows = relation.related_model._base_manager.filter(**{f"{name}__in": ids})
            rows.update(**{name: survivor})
    files = TheFile.objects.filter(content_type=ContentType.objects.get_for_model(survivor))
    files.filter(object_id__in=ids).update(object_id=survivor.pk)
