"""What a user prefers: language and time zone."""

import zoneinfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.languages import language_choices


def validate_time_zone(name: str) -> None:
    """Refuse a name that the time zone database does not have."""
    if name not in zoneinfo.available_timezones():
        text = _("“%(name)s” is not a time zone. Write it like Europe/Berlin.")
        raise ValidationError(text % {"name": name})


class UserProfile(models.Model):
    """Language and time zone in which a user reads pages and notices; blank: the site's own."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="profile"
    )
    language_code = models.CharField(
        _("language"), max_length=7, blank=True, choices=language_choices
    )
    time_zone = models.CharField(
        _("time zone"), max_length=64, blank=True, validators=[validate_time_zone]
    )

    class Meta:
        verbose_name = _("user profile")
        verbose_name_plural = _("user profiles")

    def __str__(self) -> str:
        return str(self.user)
