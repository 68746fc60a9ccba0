"""Suppression: an address that is not written to, and what an opt-out changed."""

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from massmail.models.mass_contact import MassContact


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def active(self, now: datetime) -> Self:
        """Return those in force: for ever, or until a later moment."""
        return self.filter(Q(until=None) | Q(until__gt=now))


class Suppression(models.Model):
    """One reason why one address is not written to."""

    class Kind(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        COMPLAINED = "complained", _("complained")
        BOUNCED = "bounced", _("bounced")
        MANUAL = "manual", _("by hand")

    BY_THE_PERSON: ClassVar = (Kind.UNSUBSCRIBED, Kind.COMPLAINED)  # who alone lifts them

    address_key = models.CharField(_("address"), max_length=254)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    created_at = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(_("until"), null=True, blank=True)  # null: for ever
    source = models.CharField(_("from where"), max_length=500, blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["address_key", "kind"], name="one_suppression_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.address_key} ({self.get_kind_display()})"


class OptOut(models.Model):
    """One act of unsubscribing, and which rows it changed: undoing it restores exactly those."""

    mass_contact = models.ForeignKey(
        MassContact, on_delete=models.PROTECT, related_name="opt_outs", verbose_name=_("person")
    )
    created_at = models.DateTimeField(_("at"), default=timezone.now)
    undone_at = models.DateTimeField(null=True)
    suppressions = models.ManyToManyField(Suppression, related_name="+")
    mass_contacts = models.ManyToManyField(MassContact, related_name="+")

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")

    def __str__(self) -> str:
        return str(self.mass_contact)


class OptOutRecipient(models.Model):
    """A recipient whose subscription one opt-out switched off."""

    opt_out = models.ForeignKey(OptOut, on_delete=models.CASCADE, related_name="recipients")
    content_type = models.ForeignKey("contenttypes.ContentType", on_delete=models.PROTECT)
    object_id = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = _("recipient of an opt-out")
        verbose_name_plural = _("recipients of an opt-out")

    def __str__(self) -> str:
        return f"{self.content_type_id}:{self.object_id}"
