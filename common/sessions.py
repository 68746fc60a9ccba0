"""Sessions that end in time: Django ends those that are idle, this those that last too long."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

SIGNED_IN_AT = "signed_in_at"  # seconds since the epoch, in the session

GetResponse = Callable[[HttpRequest], HttpResponse]


def session_end(get_response: GetResponse) -> GetResponse:
    """Sign out whoever signed in SESSION_LONGEST_S ago or earlier, busy or not."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and _is_over(request):
            logout(request)
        return get_response(request)

    return middleware


def _is_over(request: HttpRequest) -> bool:
    """Tell whether the session is too old; one that does not know its age is."""
    signed_in_at: float = request.session.get(SIGNED_IN_AT, 0.0)
    return timezone.now().timestamp() - signed_in_at >= settings.SESSION_LONGEST_S


@receiver(user_logged_in)
def note_login(request: HttpRequest, **_: Any) -> None:  # Any: what Django's signal sends
    """Note in the session when it began."""
    request.session[SIGNED_IN_AT] = timezone.now().timestamp()
