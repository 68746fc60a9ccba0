"""Encrypt every stored secret anew with the first of FIELD_ENCRYPTION_KEYS."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models
from django.db.models import F
from django.db.models.functions import Cast

from common.fields import EncryptedTextField, SecretUnreadable

BATCH_SIZE = 500  # rows read at once


class Command(BaseCommand):
    """Rotate, print what was done with each field, and fail if a secret could not be read."""

    help = "Encrypts stored secrets anew with the first of FIELD_ENCRYPTION_KEYS. May be repeated."

    def handle(self, *_args: Any, **_options: Any) -> None:  # Any: Django's own signature
        unreadable = 0
        for model, field in encrypted_fields(apps.get_models()):
            counts = rotate(model, field)
            unreadable += counts["unreadable"]
            self.stdout.write(
                f"{model._meta.label}.{field.name}: {counts['rotated']} re-encrypted, "
                f"{counts['current']} already current, {counts['unreadable']} unreadable"
            )
        if unreadable:
            raise CommandError(
                f"{unreadable} secrets cannot be read: add the key that encrypted them to "
                "FIELD_ENCRYPTION_KEYS, behind the first, and run this again."
            )


def encrypted_fields(
    candidates: list[type[models.Model]],
) -> Iterator[tuple[type[models.Model], EncryptedTextField]]:
    """Find the columns to rotate: each table once."""
    for model in candidates:
        if model._meta.proxy or not model._meta.managed:
            continue
        for field in model._meta.local_concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field


def rotate(model: type[models.Model], field: EncryptedTextField) -> Counter[str]:
    """Encrypt the column anew, row by row; return how many were rotated, current and unreadable.

    A row that somebody changes meanwhile is left as they wrote it: with the first key, by then.
    """
    counts: Counter[str] = Counter()
    rows = model._base_manager.order_by("pk")
    batch = list(rows.values_list("pk", field.name)[:BATCH_SIZE])
    while batch:
        for pk, sealed in batch:
            counts[_rotate_row(model, field, pk, sealed)] += 1
        batch = list(rows.filter(pk__gt=batch[-1][0]).values_list("pk", field.name)[:BATCH_SIZE])
    return counts


def _rotate_row(model: type[models.Model], field: EncryptedTextField, pk: Any, sealed: Any) -> str:
    # Any: a primary key of any type; stored text, sealed unless it is empty
    if not sealed:
        return "empty"
    try:
        renewed = sealed.renewed()
    except SecretUnreadable:
        return "unreadable"
    if renewed is None:
        return "current"
    # The field offers no lookups, so the stored text is compared as the plain text that it is.
    unchanged = model._base_manager.annotate(
        stored_text=Cast(F(field.name), models.TextField())
    ).filter(pk=pk, stored_text=str(sealed))
    return "rotated" if unchanged.update(**{field.name: renewed}) else "changed"
