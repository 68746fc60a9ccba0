"""A mailing out: one message to a chosen audience, owned by one user."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from common.models import Base1, OwnedQuerySet
from massmail.models.email_message import EmlMessage
from massmail.models.message_version import MessageVersion
from massmail.models.recipient import Recipient

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from massmail.services.blockers import Blocker


EMBEDDED_UP_TO_PEOPLE = 1000  # pictures travel in the mail, if nothing else was chosen


class MailingOutQuerySet(OwnedQuerySet["MailingOut"]):
    def create_for(
        self,
        queryset: models.QuerySet[Any],
        *,
        owner: "User",
        message: EmlMessage | None,
        name: str,
    ) -> "MailingOut":
        """Create a draft to everybody in a queryset of one recipient type.

        See `massmail.services.audience.create_for`.
        """
        from massmail.services import audience  # models are below services

        return audience.create_for(queryset, owner=owner, message=message, name=name)

    def started(self) -> Self:
        """Return those that were started, whatever became of them."""
        return self.exclude(started_at=None)

    def active(self) -> Self:
        """Return those whose owner wants them sent: running or scheduled."""
        return self.filter(status__in=MailingOut.ACTIVE)

    def running(self, now: datetime) -> Self:
        """Return those whose mails may leave now, as far as the mailing out itself decides."""
        return (
            self.active()
            .filter(preparing="", start_at__lte=now)
            .filter(Q(not_after=None) | Q(not_after__gt=now))
        )

    def finished(self) -> Self:
        """Return the active ones that have no row left to send."""
        return self.active().filter(preparing="", pending_count=0, in_flight_count=0)


class MailingOut(Base1):
    """A campaign. Its deliveries, one row a recipient, are the ledger; the counters count them."""

    class Status(models.TextChoices):
        """What is stored; what a user reads is `MailingOut.State`."""

        ACTIVE = "A", _("active")
        ERRORS = "E", _("active, with errors")
        PAUSED = "P", _("paused")
        INTERRUPTED = "I", _("cancelled")
        DONE = "D", _("done")

    class State(models.TextChoices):
        """The words for the user."""

        PREPARING = "preparing", _("Preparing")
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        RUNNING = "running", _("Running")
        RUNNING_WITH_ERRORS = "running-with-errors", _("Running with errors")
        PAUSED = "paused", _("Paused")
        CANCELLED = "cancelled", _("Cancelled")
        DONE = "done", _("Done")

    class PauseReason(models.TextChoices):
        BY_HAND = "by_hand", _("by hand")
        POLICY = "policy", _("the servers refuse this message or its sender")
        OWNER_DEACTIVATED = "owner_deactivated", _("its owner is deactivated")
        TROUBLE = "trouble", _("the message cannot be built")

    class Preparing(models.TextChoices):
        AUDIENCE = "audience", _("the audience is being written")
        START = "start", _("the start is being made")

    class Pictures(models.TextChoices):
        AUTOMATIC = "", _("in the mail up to 1,000 people, else linked")
        EMBEDDED = "embedded", _("in the mail")
        LINKED = "linked", _("linked: the mail is small, the pictures load from our site")

    ACTIVE: ClassVar = (Status.ACTIVE, Status.ERRORS)

    name = models.CharField(_("name"), max_length=100)
    message = models.ForeignKey(
        EmlMessage,
        on_delete=models.PROTECT,
        null=True,
        related_name="mailing_outs",
        verbose_name=_("message"),
    )
    message_version = models.ForeignKey(
        MessageVersion,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="mailing_outs",
    )
    # What it sent before the message was first exchanged; null: it never was.
    first_version = models.ForeignKey(
        MessageVersion,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    content_type = models.ForeignKey(
        ContentType, on_delete=models.PROTECT, editable=False, verbose_name=_("recipient type")
    )
    status = models.CharField(
        _("status"), max_length=1, choices=Status, default=Status.PAUSED, editable=False
    )
    preparing = models.CharField(
        max_length=8, choices=Preparing, blank=True, default="", editable=False
    )
    start_at = models.DateTimeField(_("start"), null=True, blank=True, editable=False)
    not_after = models.DateTimeField(
        _("not after"), null=True, blank=True, help_text=_("What is not sent by then expires.")
    )
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    pause_reason = models.CharField(
        max_length=20, choices=PauseReason, blank=True, default="", editable=False
    )
    exclude_already_received = models.BooleanField(
        _("leave out who already got this message"), default=True
    )
    pictures = models.CharField(
        _("pictures"), max_length=8, choices=Pictures, blank=True, default=Pictures.AUTOMATIC
    )
    report = models.TextField(_("report"), blank=True, editable=False)

    # How many mails the next window may have; 1 after a process died, doubled by each window.
    window_limit = models.PositiveSmallIntegerField(default=50, editable=False)
    # Attempts so far, and of how many the last policy refusals were: see ledger.py.
    attempts_count = models.PositiveBigIntegerField(default=0, editable=False)

    # Mails sent on one calendar date of the settings' time zone, the last on which one was.
    today_date = models.DateField(null=True, editable=False)
    today_count = models.PositiveIntegerField(_("sent today"), default=0, editable=False)

    # Rows in each state. They change only together with the rows, in the same transaction.
    recipients_number = models.PositiveIntegerField(_("people"), default=0, editable=False)
    pending_count = models.PositiveIntegerField(_("waiting"), default=0, editable=False)
    in_flight_count = models.PositiveIntegerField(_("in flight"), default=0, editable=False)
    sent_count = models.PositiveIntegerField(_("sent"), default=0, editable=False)
    failed_count = models.PositiveIntegerField(_("failed"), default=0, editable=False)
    skipped_count = models.PositiveIntegerField(_("left out"), default=0, editable=False)
    uncertain_count = models.PositiveIntegerField(_("uncertain"), default=0, editable=False)

    objects = MailingOutQuerySet.as_manager()

    class Meta:
        verbose_name = _("mailing out")
        verbose_name_plural = _("mailing outs")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["start_at"], condition=Q(status__in=["A", "E"]), name="mailing_out_active"
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(start_at=None) | Q(not_after=None) | Q(start_at__lt=F("not_after")),
                name="start_before_not_after",
                violation_error_message=_("“Not after” must be later than the start."),
            ),
            models.CheckConstraint(
                condition=Q(
                    recipients_number=F("pending_count")
                    + F("in_flight_count")
                    + F("sent_count")
                    + F("failed_count")
                    + F("skipped_count")
                    + F("uncertain_count")
                ),
                name="states_add_up",
            ),
            models.CheckConstraint(
                condition=Q(window_limit__gte=1, window_limit__lte=50), name="window_limit_range"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def recipient_model(self) -> type[Recipient]:
        """The type of its recipients."""
        model = ContentType.objects.get_for_id(self.content_type_id).model_class()
        if model is None or not issubclass(model, Recipient):
            raise TypeError(f"{self.content_type} is no recipient type")
        return model

    @property
    def is_active(self) -> bool:
        """Whether its owner wants it sent: running or scheduled."""
        return self.status in self.ACTIVE

    def sent_on(self, today: date) -> int:
        """Return how many mails were sent on this day, if it is the last on which one was."""
        return self.today_count if self.today_date == today else 0

    def state_at(self, now: datetime) -> State:
        """Return the word that describes it at this moment."""
        if self.preparing:
            return self.State.PREPARING
        if self.is_active:
            if self.start_at is not None and self.start_at > now:
                return self.State.SCHEDULED
            errors = self.status == self.Status.ERRORS
            return self.State.RUNNING_WITH_ERRORS if errors else self.State.RUNNING
        if self.status == self.Status.PAUSED:
            return self.State.DRAFT if self.started_at is None else self.State.PAUSED
        return self.State.DONE if self.status == self.Status.DONE else self.State.CANCELLED

    @property
    def links_pictures(self) -> bool:
        """Whether its mails link their pictures, or would, were it frozen now: linked stays so."""
        if self.message_version is not None and self.message_version.links_pictures:
            return True
        if self.pictures == self.Pictures.AUTOMATIC:
            return self.pending_count > EMBEDDED_UP_TO_PEOPLE
        return self.pictures == self.Pictures.LINKED

    # The life of a campaign. Services are above models: each method imports its one service.

    def start(self, at: datetime | None = None) -> None:
        """Start now, or at a later moment. See `massmail.services.campaign.start`."""
        from massmail.services import campaign

        campaign.start(self, at=at)

    def pause(self) -> None:
        """Pause. See `massmail.services.campaign.pause`."""
        from massmail.services import campaign

        campaign.pause(self)

    def cancel(self) -> None:
        """Cancel what has not left. See `massmail.services.campaign.cancel`."""
        from massmail.services import campaign

        campaign.cancel(self)

    def blockers(self) -> "list[Blocker]":
        """Say why no mail leaves now, the deciding reason first. See `services.blockers`."""
        from massmail.services import blockers

        return blockers.blockers(self)

    def get_recipient_ids(self) -> list[int]:
        """Return the ids of the recipients still to send to."""
        return self._recipient_ids("pending", "in_flight")

    def get_successful_ids(self) -> list[int]:
        """Return the ids of the recipients whose mail was sent."""
        return self._recipient_ids("sent")

    def get_failed_ids(self) -> list[int]:
        """Return the ids of the recipients whose mail failed."""
        return self._recipient_ids("failed")

    def _recipient_ids(self, *statuses: str) -> list[int]:
        rows = self.deliveries.filter(status__in=statuses).order_by("recipient_id")
        return list(rows.values_list("recipient_id", flat=True))
