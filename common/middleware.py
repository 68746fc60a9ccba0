"""Pages in the language and the time zone that a user prefers."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from common.models import UserProfile

GetResponse = Callable[[HttpRequest], HttpResponse]


def user_preferences(get_response: GetResponse) -> GetResponse:
    """Activate what a signed-in user's profile says; what it leaves blank stays as it was.

    No statement of its own: `UserBackend` reads the profile with the user.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        profile = getattr(request.user, "profile", None)
        if not isinstance(profile, UserProfile):
            return get_response(request)
        if profile.language_code:
            translation.activate(profile.language_code)
            request.LANGUAGE_CODE = profile.language_code
        zone = zoneinfo.ZoneInfo(profile.time_zone) if profile.time_zone else None
        with timezone.override(zone):
            return get_response(request)

    return middleware
