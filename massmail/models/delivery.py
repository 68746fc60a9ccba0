"""A delivery: what happened to the one mail of one recipient of one mailing out.

Together these rows are the ledger. `massmail.services.ledger` alone moves them between states.
No index, and no condition of one, names a column that a plain success changes (status, claim,
attempts, sent_at, reply): on PostgreSQL such an update then stays within its page (HOT).
"""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from massmail.models.email_account import EmailAccount
from massmail.models.mailing_out import MailingOut
from massmail.models.message_version import MessageVersion


class SkipReason(models.TextChoices):
    """Why nothing is sent to a recipient."""

    NO_ADDRESS = "no_address", _("no valid address")
    DUPLICATE = "duplicate", _("same address twice")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
    SUPPRESSED = "suppressed", _("suppressed after bounces or by hand")
    DISQUALIFIED = "disqualified", _("disqualified")
    ALREADY_RECEIVED = "already_received", _("already got this message")
    NO_ACCOUNT = "no_account", _("no account that writes to them")
    LEFT_OUT = "left_out", _("left out by hand")
    CANCELLED = "cancelled", _("cancelled")
    RECIPIENT_DELETED = "deleted", _("deleted since")


class FailReason(models.TextChoices):
    """Why a mail did not go out."""

    ADDRESS = "address", _("address refused")
    TEMPORARY = "temporary", _("given up after temporary refusals")
    POLICY = "policy", _("refused by policy")
    CONTENT = "content", _("content refused")
    LOCAL = "local", _("the mail could not be built")
    POISON = "poison", _("sending it ended the process, twice")
    SMTPUTF8 = "smtputf8", _("the server cannot write to this address")
    EXPIRED = "expired", _("not sent in time")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def retry_due(self, now: datetime) -> Self:
        """Return the rows that wait for a moment that has come."""
        return self.filter(status=Delivery.Status.PENDING, due_at__lte=now)

    def fresh(self) -> Self:
        """Return the pending rows that wait for no particular moment."""
        return self.filter(status=Delivery.Status.PENDING, due_at=None)


class Delivery(models.Model):
    """One row per mailing out and recipient."""

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        IN_FLIGHT = "in_flight", _("in flight")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("left out")
        UNCERTAIN = "uncertain", _("uncertain")

    mailing_out = models.ForeignKey(
        MailingOut, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    recipient_id = models.PositiveBigIntegerField()  # of the mailing out's recipient type
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)  # the Message-ID's left side
    # null: no valid address; nulls do not clash
    address_key = models.CharField(max_length=254, null=True)
    duplicate_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="duplicates", db_index=False
    )
    email_account = models.ForeignKey(
        EmailAccount,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("account"),
    )
    status = models.CharField(
        _("state"), max_length=9, choices=Status, default=Status.PENDING, db_default="pending"
    )
    reason = models.CharField(
        _("reason"),
        max_length=16,
        choices=[*SkipReason.choices, *FailReason.choices],
        blank=True,
        default="",
        db_default="",
    )
    claim = models.UUIDField(null=True)  # of the window that took it last; null once decided
    travels_alone = models.BooleanField(default=False, db_default=False)  # sent again by a person
    left_out = models.BooleanField(default=False, db_default=False)  # of a draft, by a person
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    first_attempt_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(_("next try"), null=True)  # set by a retry or a return only
    sent_at = models.DateTimeField(_("sent"), null=True)
    address = models.CharField(  # as written at that time
        _("address"), max_length=254, blank=True, default="", db_default=""
    )
    message_id = models.CharField(max_length=320, blank=True, default="", db_default="")
    reply = models.CharField(_("reply"), max_length=500, blank=True, default="", db_default="")
    provider_id = models.CharField(  # what a provider calls the mail that it took
        _("the provider's id"), max_length=200, blank=True, default="", db_default=""
    )

    # Written by claims once the mailing out's message was exchanged; null: its first version.
    message_version = models.ForeignKey(
        MessageVersion, on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["mailing_out", "recipient_id"], name="one_delivery_per_recipient"
            ),
            models.UniqueConstraint(
                fields=["mailing_out", "address_key"],
                condition=Q(duplicate_of=None),
                name="one_delivery_per_address",
            ),
            models.CheckConstraint(
                condition=(Q(status__in=["failed", "skipped"]) & ~Q(reason=""))
                | (~Q(status__in=["failed", "skipped"]) & Q(reason="")),
                name="reason_of_failed_and_skipped",
            ),
        ]
        indexes = [
            models.Index(fields=["email_account", "mailing_out", "id"], name="delivery_walk"),
            models.Index(
                fields=["email_account", "mailing_out", "due_at"],
                condition=Q(due_at__isnull=False),
                name="delivery_due",
            ),
            models.Index(
                fields=["mailing_out", "reason"], condition=~Q(reason=""), name="delivery_reason"
            ),
            models.Index(
                fields=["duplicate_of"],
                condition=Q(duplicate_of__isnull=False),
                name="delivery_duplicates",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_out_id}/{self.recipient_id}: {self.status}"


class DeliveryAttempt(models.Model):
    """One try of a delivery that did not simply succeed."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts_made")
    mailing_out = models.ForeignKey(MailingOut, on_delete=models.CASCADE, db_index=False)
    at = models.DateTimeField(_("at"))
    email_account = models.ForeignKey(
        EmailAccount, on_delete=models.SET_NULL, null=True, verbose_name=_("account")
    )
    outcome = models.CharField(_("outcome"), max_length=10)  # a smtp_replies.Action
    stage = models.CharField(_("stage"), max_length=7, blank=True)
    code = models.PositiveSmallIntegerField(_("code"), null=True)
    enhanced = models.CharField(max_length=11, blank=True)
    reply = models.CharField(_("reply"), max_length=500, blank=True)
    why = models.CharField(max_length=40, blank=True)
    number = models.PositiveBigIntegerField()  # the mailing out's count of attempts at that time

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["mailing_out", "outcome", "number"], name="attempt_outcomes")
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.outcome} {self.code or ''}".strip()


class AccountShare(models.Model):
    """What one account has of one mailing out, and how far it has walked through it."""

    mailing_out = models.ForeignKey(MailingOut, on_delete=models.CASCADE, db_index=False)
    email_account = models.ForeignKey(
        EmailAccount, on_delete=models.CASCADE, related_name="shares", db_index=False
    )
    watermark = models.PositiveBigIntegerField(default=0)  # fresh rows have larger ids
    exhausted = models.BooleanField(default=False)  # no fresh row above the watermark
    served_at = models.DateTimeField(null=True)  # whose turn it is: the longest ago, or never
    handed_over = models.BooleanField(default=False)  # its rows went to others, the account is off

    class Meta:
        verbose_name = _("account's share")
        verbose_name_plural = _("accounts' shares")
        constraints = [
            models.UniqueConstraint(
                fields=["mailing_out", "email_account"], name="one_share_per_account"
            )
        ]
        indexes = [
            models.Index(fields=["email_account"], condition=Q(exhausted=False), name="share_open")
        ]

    def __str__(self) -> str:
        return f"{self.mailing_out_id}/{self.email_account_id}: {self.watermark}"


class ChosenRecipient(models.Model):
    """A recipient chosen for a large mailing out whose audience a task is about to write."""

    mailing_out = models.ForeignKey(MailingOut, on_delete=models.CASCADE, related_name="chosen")
    recipient_id = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = _("chosen recipient")
        verbose_name_plural = _("chosen recipients")

    def __str__(self) -> str:
        return f"{self.mailing_out_id}/{self.recipient_id}"
