"""A guest of a hotel, to whom mailing outs go like to any contact."""

from typing import Any, ClassVar

from django.db import models

from common.models import Base1, OwnedQuerySet
from massmail.models import Recipient, RecipientFilter


class GuestQuerySet(OwnedQuerySet["Guest"]):
    pass


class Guest(Recipient, Base1):
    VARIABLES: ClassVar[dict[str, Any]] = {"guest_name": "name", "room": "room"}
    FILTERS: ClassVar[tuple[RecipientFilter, ...]] = (RecipientFilter("room", "room"),)

    SEARCH_FIELDS: ClassVar[tuple[str, ...]] = ("guest_name",)

    guest_name = models.CharField(max_length=100)
    room = models.CharField(max_length=10, blank=True)

    objects = GuestQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.guest_name

    def get_variables(self) -> dict[str, str]:
        return {"guest_name": self.guest_name, "room": self.room}
