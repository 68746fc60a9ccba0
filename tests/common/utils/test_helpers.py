"""Words and times for one user."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone, translation

from common.models import UserProfile
from common.utils import helpers
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 12, 29, 23, 30, tzinfo=UTC)


def user_with(**preferences: str):
    user = UserFactory.create()
    UserProfile.objects.create(user=user, **preferences)
    return user


def test_language_and_zone_are_the_users_in_the_block_alone():
    user = user_with(language_code="ar", time_zone="Asia/Tokyo")

    with translation.override("en"), timezone.override("UTC"):
        with helpers.in_language_of(user), helpers.in_time_zone_of(user):
            inside = translation.get_language(), timezone.get_current_timezone_name()
        after = translation.get_language(), timezone.get_current_timezone_name()

    assert (inside, after) == (("ar", "Asia/Tokyo"), ("en", "UTC"))


@pytest.mark.parametrize("has_profile", [True, False])
def test_blank_preferences_are_those_of_the_site(settings, has_profile):
    settings.TIME_ZONE, settings.LANGUAGE_CODE = "Europe/Kyiv", "de"
    user = user_with() if has_profile else UserFactory.create()

    assert helpers.language_of(user) == "de"
    assert helpers.time_zone_of(user).key == "Europe/Kyiv"


def test_preferences_before_any_choice_are_not_stored():
    user = UserFactory.create()

    assert helpers.preferences_of(user).user == user
    assert not UserProfile.objects.exists()


def test_a_moment_is_written_for_its_reader():
    german = user_with(language_code="de", time_zone="Europe/Berlin")
    english = user_with(language_code="en", time_zone="America/New_York")

    assert helpers.local_datetime_text(MOMENT, german) == "30. Dezember 2026 00:30 (Europe/Berlin)"
    expected = "Dec. 29, 2026, 6:30 p.m. (America/New_York)"
    assert helpers.local_datetime_text(MOMENT, english) == expected
