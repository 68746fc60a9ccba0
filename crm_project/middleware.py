"""What every response carries beyond Django's own security headers."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

PUBLIC_PICTURES = "/pictures/"  # see `massmail.views.picture_files.linked_picture`


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Give every response the strict policy, unless its view has set one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        return response

    return middleware


def pictures_without_cookies(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer for a public picture as if there were neither session nor language.

    So every cache on the way may keep the one answer, and none keeps anybody's cookie.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PUBLIC_PICTURES):
            return get_response(request)
        request.META.pop("HTTP_COOKIE", None)
        response = get_response(request)
        for name in ("Vary", "Content-Language"):
            response.headers.pop(name, None)
        return response

    return middleware
