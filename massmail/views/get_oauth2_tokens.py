"""Connecting an account with Google or Microsoft, and ending that.

The callback is the one GET that writes: the protocol wants it. It acts only with a `state` that
this session, this user and this account were given, once, within ten minutes.
"""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from massmail.models import EmailAccount
from massmail.services import oauth2
from massmail.services.identity_providers import provider_of
from massmail.services.oauth2 import Attempt, ConnectionRefused
from massmail.views.access import changeable_or_403, may_change, user_of

_KEY = "massmail_oauth2"  # of the attempts in a session, by their state
_AT_ONCE = 5  # attempts in a session; the oldest ones go


@dataclass(frozen=True, slots=True)
class Connection:
    """What an account's page says about signing in at its provider."""

    provider: str
    is_connected: bool
    is_set_up: bool
    has_ended: bool  # nothing but connecting again helps


def connection_of(account: EmailAccount) -> Connection | None:
    """Describe how an account is connected; None if no provider is known for its server."""
    provider = provider_of(account.email_host)
    if provider is None or account.transport != "smtp":
        return None
    has_ended = account.off_reason == oauth2.RECONNECT and account.is_connected
    return Connection(provider.name, account.is_connected, provider.is_set_up, has_ended)


@require_POST
def request_authorization_code(request: HttpRequest, account_id: int) -> HttpResponse:
    """Send the user to the provider, to let the account send."""
    account = changeable_or_403(request, EmailAccount, account_id)
    try:
        url, attempt = oauth2.begin(account, user_id=user_of(request).pk)
    except ConnectionRefused as error:
        messages.error(request, str(error))
        return _to_page(account)
    _remember(request.session, attempt)
    return redirect(url)


@never_cache
@require_GET
def get_refresh_token(request: HttpRequest) -> HttpResponse:
    """Take the provider's answer, and keep the tokens that its code is worth."""
    attempt = _taken(request.session, request.GET.get("state", ""))
    account = _account_of(request, attempt)
    if attempt is None or account is None:
        text = _("This sign-in is not known here, or was used. Connect the account again.")
        messages.error(request, text)
        return redirect("admin:massmail_emailaccount_changelist")
    if not attempt.is_alive(timezone.now()):
        messages.error(request, _("The sign-in took too long. Connect the account again."))
        return _to_page(account)
    try:
        oauth2.finish(account, attempt, request.GET.dict())
    except ConnectionRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The account %(name)s is connected.") % {"name": account.name})
    return _to_page(account)


@require_POST
def email_account_disconnect(request: HttpRequest, account_id: int) -> HttpResponse:
    """Forget an account's permission to send."""
    account = changeable_or_403(request, EmailAccount, account_id)
    if not account.is_connected:
        messages.info(request, _("The account is not connected."))
    elif oauth2.disconnect(account):
        messages.success(request, _("The account is disconnected, here and at the provider."))
    else:
        text = _(
            "The account is disconnected here. The provider may still list this application: "
            "remove it there too."
        )
        messages.success(request, text)
    return _to_page(account)


def _account_of(request: HttpRequest, attempt: Attempt | None) -> EmailAccount | None:
    """Return the account of an attempt, if it is this user's attempt and still theirs to change."""
    user = user_of(request)
    if attempt is None or attempt.user_id != user.pk:
        return None
    account = EmailAccount.objects.visible_to(user).filter(pk=attempt.account_id).first()
    return account if account is not None and may_change(user, account) else None


def _remember(session: SessionBase, attempt: Attempt) -> None:
    """Keep an attempt, and of the earlier ones those that may still be finished."""
    now = timezone.now()
    others = [
        stored
        for stored in session.get(_KEY, {}).values()
        if Attempt.restored(stored).is_alive(now)
    ]
    kept = [*others, attempt.stored()][-_AT_ONCE:]
    session[_KEY] = {stored["state"]: stored for stored in kept}


def _taken(session: SessionBase, state: str) -> Attempt | None:
    """Take an attempt out of the session, before anything else: it is good for one answer."""
    attempts = session.get(_KEY, {})
    if state not in attempts:
        return None
    stored = attempts.pop(state)
    session[_KEY] = attempts
    session.save()  # at once: whatever happens next, this answer cannot come a second time
    return Attempt.restored(stored)


def _to_page(account: EmailAccount) -> HttpResponse:
    return redirect("admin:massmail_emailaccount_change", account.pk)
