"""Pages in the language and the time zone that a user prefers."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from common.models import UserProfile

GetResponse = Callable[[HttpRequest], HttpResponse]


def user_preferences(get_response: GetResponse) -> GetResponse:
    """Activate what a signed-in user's profile says; what it leaves blank stays as it was.

    One statement for each request of a signed-in user.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        profile = None
        if request.user.is_authenticated:
            profile = UserProfile.objects.filter(pk=request.user.pk).first()
        if profile is None:
            return get_response(request)
        if profile.language_code:
            translation.activate(profile.language_code)
            request.LANGUAGE_CODE = profile.language_code
        zone = zoneinfo.ZoneInfo(profile.time_zone) if profile.time_zone else None
        with timezone.override(zone):
            return get_response(request)

    return middleware
