"""The public pages behind the links in mails: unsubscribe, and subscribe again.

GET and HEAD show, POST acts: from the page with a CSRF token, or as one click of a mail client
(RFC 8058) without one. What happens then is `massmail.services.unsubscribe`.
"""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from common.client_address import client_address
from massmail.clock import database_now
from massmail.models import MassContact, MassmailSettings
from massmail.services import unsubscribe as service
from massmail.services.render import TEST_SALT

WRONG_LINKS_A_MINUTE = 20  # of one client address
SUBSCRIBE_AGAIN = "subscribe-again"  # the value of the page's second button

View = Callable[..., HttpResponse]


def _public(view: View) -> View:
    """Let the answers of a public page be kept and found by nobody."""

    @wraps(view)
    def answering(request: HttpRequest, **arguments: object) -> HttpResponse:
        response = view(request, **arguments)
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return answering


@csrf_exempt  # for one click; `_act_from_page` asks for the token
@_public
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Show or change the subscription of whoever holds this link."""
    related = ("content_type", "merged_into__content_type")
    linked = MassContact.objects.select_related(*related).filter(uuid=uuid).first()
    if linked is None:
        return _wrong_link(request)
    mass_contact = linked.standing
    standing = service.standing(mass_contact, now=database_now())
    with translation.override(standing.language or translation.get_language()):
        if _is_one_click(request):
            service.unsubscribe(mass_contact, source="one-click", now=database_now())
            return _plain(_("You are unsubscribed."))
        if request.method != "POST":
            return _page(
                request, "unsubscribe" if not standing.is_unsubscribed else "done", standing
            )
        response = _act_from_page(request, mass_contact)
        return response if response.status_code != 403 else _page(request, "stale", standing, 403)


@csrf_exempt
@_public
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_test(request: HttpRequest, signed: str) -> HttpResponse:
    """Answer the link of a preview or a test mail: nothing changes, and the page says so."""
    try:
        signing.loads(signed, salt=TEST_SALT)
    except signing.BadSignature:
        return _wrong_link(request)
    if _is_one_click(request):
        return _plain(_("This was a test: nothing changed."))
    return _page(request, "test")


@csrf_protect
def _act_from_page(request: HttpRequest, mass_contact: MassContact) -> HttpResponse:
    now = database_now()
    if request.POST.get("action") == SUBSCRIBE_AGAIN:
        service.subscribe_again(mass_contact, now=now)
    else:
        service.unsubscribe(mass_contact, source="unsubscribe page", now=now)
    mass_contact.refresh_from_db()
    standing = service.standing(mass_contact, now=now)
    return _page(request, "done" if standing.is_unsubscribed else "subscribed", standing)


def _is_one_click(request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click"


def _page(
    request: HttpRequest,
    name: str,
    standing: service.Standing | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"standing": standing, "subscribe_again": SUBSCRIBE_AGAIN}
    if name == "done":
        # Not load(): that may write, and a GET must not.
        context["onward_url"] = MassmailSettings.objects.values_list(
            "unsubscribe_url", flat=True
        ).first()
    return render(request, f"massmail/unsubscribe/{name}.html", context, status=status)


def _plain(text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8")


def _wrong_link(request: HttpRequest) -> HttpResponse:
    """Answer every wrong link alike; too many of one client in a minute are refused."""
    if not _is_guessing(client_address(request)):
        return _page(request, "wrong_link", status=404)
    response = _page(request, "too_many", status=429)
    response["Retry-After"] = "60"
    return response


def _is_guessing(address: str) -> bool:
    """Count a wrong link; tell whether this client has followed too many within a minute.

    Django's cache counts: with the default, in memory, each web process for itself. So the limit
    is one of load; what protects the links is that they cannot be guessed.
    """
    key = f"massmail.wrong-links.{address}"
    cache.add(key, 0, timeout=60)
    try:
        return cache.incr(key) > WRONG_LINKS_A_MINUTE
    except ValueError:  # the minute ended in between
        return False
