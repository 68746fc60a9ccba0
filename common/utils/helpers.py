"""Words and times for one user: in their language, in their time zone."""

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from common.models import UserProfile


def preferences_of(user: User) -> UserProfile:
    """Return what the user prefers; all blank, and not stored, before they chose anything."""
    profile = getattr(user, "profile", None)
    return profile if isinstance(profile, UserProfile) else UserProfile(user=user)


def language_of(user: User) -> str:
    """Return the code of the language that the user reads."""
    return preferences_of(user).language_code or settings.LANGUAGE_CODE


def time_zone_of(user: User) -> zoneinfo.ZoneInfo:
    """Return the time zone that the user lives in."""
    return zoneinfo.ZoneInfo(preferences_of(user).time_zone or settings.TIME_ZONE)


@contextmanager
def in_language_of(user: User) -> Iterator[None]:
    """Translate into the user's language in this block, whatever was active before."""
    with translation.override(language_of(user)):
        yield


@contextmanager
def in_time_zone_of(user: User) -> Iterator[None]:
    """Write times in the user's time zone in this block."""
    with timezone.override(time_zone_of(user)):
        yield


def local_datetime_text(instant: datetime, user: User) -> str:
    """Write a moment for the user, with the name of the zone: 'Dec. 29, 2026, 9 a.m. (UTC)'."""
    zone = time_zone_of(user)
    with in_language_of(user):
        when = date_format(timezone.localtime(instant, zone), "DATETIME_FORMAT")
        return _("%(when)s (%(zone)s)") % {"when": when, "zone": zone.key}
