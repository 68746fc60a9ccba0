"""The one row of settings: limits, sending hours, and the switch that pauses everything."""

import zoneinfo
from datetime import date, datetime, time
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from common.models.user_profile import validate_time_zone


def site_time_zone() -> str:
    """Return the time zone of the site."""
    return settings.TIME_ZONE


class MassmailSettings(models.Model):
    """Read with `load()`; there is one row, with primary key 1."""

    emails_per_day = models.PositiveIntegerField(
        _("mails a day of a mailbox"), default=94, validators=[MinValueValidator(1)]
    )
    gap_min_s = models.PositiveIntegerField(_("shortest gap of a mailbox, s"), default=15)
    gap_max_s = models.PositiveIntegerField(_("longest gap of a mailbox, s"), default=35)
    use_business_time = models.BooleanField(_("send only within the sending hours"), default=False)
    business_time_start = models.TimeField(_("from"), default=time(8, 30))
    business_time_end = models.TimeField(_("until"), default=time(17, 30))
    monday = models.BooleanField(_("Monday"), default=True)
    tuesday = models.BooleanField(_("Tuesday"), default=True)
    wednesday = models.BooleanField(_("Wednesday"), default=True)
    thursday = models.BooleanField(_("Thursday"), default=True)
    friday = models.BooleanField(_("Friday"), default=False)
    saturday = models.BooleanField(_("Saturday"), default=False)
    sunday = models.BooleanField(_("Sunday"), default=False)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default=site_time_zone, validators=[validate_time_zone]
    )
    unsubscribe_url = models.URLField(
        _("page after unsubscribing"),
        blank=True,
        help_text=_("Offered to people who have unsubscribed. Blank: they stay on our page."),
    )
    paused_at = models.DateTimeField(null=True, editable=False)
    pause_note = models.CharField(max_length=200, blank=True, editable=False)
    fingerprint = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        verbose_name = _("settings")
        verbose_name_plural = _("settings")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_settings_row"),
            models.CheckConstraint(
                condition=Q(gap_min_s__lte=F("gap_max_s")),
                name="settings_gap_range",
                violation_error_message=_("The shortest gap must not be above the longest."),
            ),
            models.CheckConstraint(
                condition=Q(use_business_time=False)
                | Q(monday=True)
                | Q(tuesday=True)
                | Q(wednesday=True)
                | Q(thursday=True)
                | Q(friday=True)
                | Q(saturday=True)
                | Q(sunday=True),
                name="sending_hours_have_a_day",
                violation_error_message=_(
                    "Choose at least one day, or switch the sending hours off."
                ),
            ),
            models.CheckConstraint(
                condition=Q(business_time_start__lt=F("business_time_end")),
                name="business_time_range",
                violation_error_message=_("The sending hours must start before they end."),
            ),
        ]

    def __str__(self) -> str:
        return str(_("Mass mailing settings"))

    @classmethod
    def load(cls) -> "MassmailSettings":
        """Return the row, made with its defaults if it is missing (one to three statements)."""
        return cls.objects.get_or_create(pk=1)[0]

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone of limits and sending hours."""
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def sending_days(self) -> tuple[bool, ...]:
        """Whether mail leaves on Monday, Tuesday … Sunday."""
        return (
            self.monday,
            self.tuesday,
            self.wednesday,
            self.thursday,
            self.friday,
            self.saturday,
            self.sunday,
        )

    def local_date(self, now: datetime) -> date:
        """Return the calendar date on which daily limits count at this moment."""
        return now.astimezone(self.zone).date()

    def save(self, *args: Any, **kwargs: Any) -> None:  # Django's signature
        """Save as the one row."""
        self.pk = 1
        super().save(*args, **kwargs)
