"""Pages follow the profile of whoever is signed in."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from common.middleware import user_preferences
from common.models import UserProfile
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_it_was():
    with translation.override("en"), timezone.override("UTC"):
        yield


def seen_by(user) -> tuple[str, str]:
    seen = []

    def page(request: HttpRequest) -> HttpResponse:
        seen.append((translation.get_language(), timezone.get_current_timezone_name()))
        return HttpResponse()

    request = HttpRequest()
    request.user = user
    user_preferences(page)(request)
    return seen[0]


def test_preferences_are_activated():
    user = UserFactory.create()
    UserProfile.objects.create(user=user, language_code="de", time_zone="Asia/Tokyo")

    assert seen_by(user) == ("de", "Asia/Tokyo")
    assert timezone.get_current_timezone_name() == "UTC"


def test_blank_preferences_change_nothing():
    user = UserFactory.create()
    UserProfile.objects.create(user=user)

    assert seen_by(user) == ("en", "UTC")


@pytest.mark.parametrize("known", [True, False])
def test_without_a_profile_nothing_changes(known):
    assert seen_by(UserFactory.create() if known else AnonymousUser()) == ("en", "UTC")
