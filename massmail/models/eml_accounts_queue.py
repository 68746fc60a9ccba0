"""A user's rotation of accounts, which shares new recipients out fairly."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from massmail.models.email_account import EmailAccount

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class EmlAccountsQueue(models.Model):
    """A position in the computed list of the owner's accounts; the list itself is not stored."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="eml_accounts_queue"
    )
    position = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("accounts queue")
        verbose_name_plural = _("accounts queues")

    def __str__(self) -> str:
        return str(self.owner)

    @classmethod
    def take(cls, owner: "User", count: int) -> list[int]:
        """Return the ids in rotation, starting where the queue stands, and move it on by `count`.

        Call it inside a transaction: the row stays locked until that ends. The list is empty when
        the owner has no account for new recipients.
        """
        cls.objects.get_or_create(owner=owner)
        queue = cls.objects.select_for_update().get(owner=owner)
        ids = list(EmailAccount.objects.in_rotation_of(owner).values_list("pk", flat=True))
        if not ids:
            return []
        start = queue.position % len(ids)
        cls.objects.filter(pk=queue.pk).update(position=(start + count) % len(ids))
        return ids[start:] + ids[:start]
