"""A recipient's mailing identity: subscribed or not, who writes to them, the public uuid."""

import uuid

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from massmail.models.email_account import EmailAccount


class MassContact(models.Model):
    """Kept for ever, also when the recipient is deleted: its uuid stands in mails already sent."""

    content_type = models.ForeignKey(ContentType, on_delete=models.PROTECT, db_index=False)
    object_id = models.PositiveBigIntegerField()
    content_object = GenericForeignKey("content_type", "object_id")
    email_account = models.ForeignKey(
        EmailAccount,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("email account"),
        help_text=_("The account that always writes to this recipient."),
    )
    massmail = models.BooleanField(_("subscribed"), default=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    merged_into = models.ForeignKey(  # its recipient was a duplicate of that one's
        "self",
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        db_index=False,
        related_name="merged",
    )

    class Meta:
        verbose_name = _("mass contact")
        verbose_name_plural = _("mass contacts")
        constraints = [
            models.UniqueConstraint(
                fields=["content_type", "object_id"], name="one_mass_contact_per_recipient"
            )
        ]
        indexes = [  # a start may write a million rows: no index holds what nobody looks for
            models.Index(
                fields=["merged_into"],
                condition=Q(merged_into__isnull=False),
                name="mass_contact_merged",
            )
        ]

    def __str__(self) -> str:
        return str(self.content_object or self.uuid)

    @property
    def standing(self) -> "MassContact":
        """The one that holds for this person: another, if its recipient was a duplicate."""
        return self if self.merged_into is None else self.merged_into
