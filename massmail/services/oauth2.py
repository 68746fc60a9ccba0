"""Connecting an account with its identity provider, and ending that (OAuth2, RFC 6749 and 7636).

`begin` says where to send the owner's browser, `finish` takes what it brings back. What lies
between the two is an `Attempt`, which the caller keeps in the session, for one use. How the
tokens are used is `access_tokens`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from massmail.errors import MassmailError
from massmail.models import EmailAccount
from massmail.services import account_health
from massmail.services.access_tokens import HTTP_TIMEOUT_S, UNUSABLE, values_of
from massmail.services.identity_providers import IdentityProvider, provider_of

logger = logging.getLogger(__name__)

ATTEMPT_LIFE = timedelta(minutes=10)
RECONNECT = "reconnect"  # why an account is off whose permission ended
# The troubles of an account that connecting it mends.
_MENDED = frozenset({RECONNECT, "credentials", "identity provider", "configuration"})
BINDING = frozenset({"email_host", "email_host_user"})  # what tokens are given for
_NO_TOKENS: dict[str, str | None] = {
    "refresh_token": "",
    "access_token": "",
    "access_token_expires_at": None,
}


class ConnectionRefused(MassmailError):
    """An account was not connected; the text says why and what to do. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that was begun: by whom, for which account as it was, and the PKCE verifier."""

    state: str
    account_id: int
    user_id: int
    host: str
    login: str
    verifier: str
    begun_at: datetime

    def stored(self) -> dict[str, Any]:
        """Return it as a session keeps it. Any: texts and numbers."""
        return {
            name: getattr(self, name)
            for name in ("state", "account_id", "user_id", "host", "login", "verifier")
        } | {"begun_at": self.begun_at.isoformat()}

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        """Return what `stored` made."""
        return cls(**{**stored, "begun_at": datetime.fromisoformat(stored["begun_at"])})

    def is_alive(self, now: datetime) -> bool:
        """Tell whether it may still be finished."""
        return self.begun_at <= now < self.begun_at + ATTEMPT_LIFE


def redirect_uri() -> str:
    """Return the one address to which providers send browsers back; registered with them."""
    return settings.SITE_URL.rstrip("/") + reverse("get_refresh_token")


def begin(account: EmailAccount, *, user_id: int) -> tuple[str, Attempt]:
    """Return the provider's page to go to, and what to remember until the answer comes.

    Raises ConnectionRefused.
    """
    provider = usable_provider(account)
    if not account.email_host_user:
        raise ConnectionRefused(_("Enter the login first, usually your address, and save."))
    flow = _flow(provider)
    url, state = flow.authorization_url(
        access_type="offline",
        prompt="consent",  # else a second connection brings no refresh token
        login_hint=account.email_host_user,
    )
    attempt = Attempt(
        state=state,
        account_id=account.pk,
        user_id=user_id,
        host=account.email_host,
        login=account.email_host_user,
        verifier=flow.code_verifier,
        begun_at=timezone.now(),
    )
    logger.info("account %d: connecting with %s", account.pk, provider.name)
    return url, attempt


def finish(account: EmailAccount, attempt: Attempt, answer: Mapping[str, str]) -> None:
    """Exchange the code of the provider's answer for tokens, and keep them (network, SQL).

    `answer` is the query of the redirect back. An account that was off for lack of its permission
    is on again. Raises ConnectionRefused, with nothing changed.
    """
    provider = usable_provider(account)
    if (account.email_host, account.email_host_user) != (attempt.host, attempt.login):
        raise ConnectionRefused(_("The server or the login was changed meanwhile. Connect again."))
    if "iss" in answer and not provider.is_issuer(answer["iss"]):
        raise ConnectionRefused(_("The answer did not come from the right provider. Try again."))
    if "code" not in answer:
        raise ConnectionRefused(_refusal(provider, answer.get("error", "")))
    token = _exchange(provider, answer["code"], attempt.verifier)
    _check(token, provider, attempt.login)
    values = values_of(
        access_token=token["access_token"],
        refresh_token=token["refresh_token"],
        expires_in_s=token.get("expires_in"),
    )
    kept = EmailAccount.objects.filter(
        pk=account.pk, email_host=attempt.host, email_host_user=attempt.login
    ).update(**values)
    if not kept:
        raise ConnectionRefused(_("The server or the login was changed meanwhile. Connect again."))
    if account.off_reason in _MENDED or account.cooling_reason in _MENDED:
        account_health.switch_on(account)
    logger.info("account %d: connected with %s", account.pk, provider.name)


def disconnect(account: EmailAccount) -> bool:
    """Forget the account's tokens, then tell the provider (network); whether it knows.

    The provider is not told as long as another account uses the same login: it would end that
    one's permission too.
    """
    provider, refresh_token = provider_of(account.email_host), account.refresh_token
    EmailAccount.objects.filter(pk=account.pk).update(**_NO_TOKENS)
    logger.info("account %d: disconnected", account.pk)
    others = EmailAccount.objects.filter(
        email_host__iexact=account.email_host, email_host_user__iexact=account.email_host_user
    )
    if provider is None or any(other.is_connected for other in others):
        return False
    return _revoke(provider, refresh_token)


def forget_tokens(account: EmailAccount) -> set[str]:
    """Take the tokens from an account in memory, one of whose `BINDING` fields was changed.

    They were given for the old server and login. Returns the names of the changed fields.
    """
    for name, value in _NO_TOKENS.items():
        setattr(account, name, value)
    return set(_NO_TOKENS)


def usable_provider(account: EmailAccount) -> IdentityProvider:
    """Return who signs the account in. Raises ConnectionRefused."""
    provider = provider_of(account.email_host)
    if provider is None or account.transport != "smtp":
        text = _("Nothing is known about signing in at %(host)s. Use a password.")
        raise ConnectionRefused(text % {"host": account.email_host})
    if not provider.is_set_up:
        text = _("Signing in with %(provider)s is not set up here. Ask an administrator.")
        raise ConnectionRefused(text % {"provider": provider.name})
    return provider


# --- the provider


def _flow(provider: IdentityProvider, **values: str) -> Any:
    """Return the library's flow. Any: it ships no types."""
    # slow to load (half a second), and no other part needs it
    from google_auth_oauthlib.flow import Flow

    flow = Flow.from_client_config(
        provider.client_config,
        # an exchange names no scopes: providers return them in other words, which is no error
        scopes=None if "code_verifier" in values else provider.scopes,
        redirect_uri=redirect_uri(),
        **values,
    )
    flow.oauth2session.max_redirects = 0  # the table's endpoints, and no others
    return flow


def _exchange(provider: IdentityProvider, code: str, verifier: str) -> Mapping[str, Any]:
    """Return the provider's tokens for a code (network). Raises ConnectionRefused.

    Any: what a provider answers; `_check` looks at it.
    """
    # slow to load, and no other part needs it
    from oauthlib.oauth2 import OAuth2Error
    from requests import RequestException

    flow = _flow(provider, code_verifier=verifier)
    try:
        with flow.oauth2session:
            token: Mapping[str, Any] = flow.fetch_token(code=code, timeout=HTTP_TIMEOUT_S)
    except (OAuth2Error, RequestException, *UNUSABLE) as error:
        logger.warning("%s gave no token: %s", provider.name, type(error).__name__)
        text = _("%(provider)s did not finish the sign-in. Try again in a minute.")
        raise ConnectionRefused(text % {"provider": provider.name}) from error
    return token


def _check(token: Mapping[str, Any], provider: IdentityProvider, login: str) -> None:
    """Refuse tokens with which we could not send, or not for long, or not as this login."""
    facts = {"provider": provider.name, "login": login}
    scopes = token.get("scope")
    scopes = scopes.split() if isinstance(scopes, str) else scopes
    if scopes and not provider.grants_mail(scopes):
        text = _("%(provider)s was not allowed to let us send mail. Connect again, and allow it.")
        raise ConnectionRefused(text % facts)
    texts = [token.get("access_token"), token.get("refresh_token")]
    if not all(isinstance(text, str) and text for text in texts):
        text = _(
            "%(provider)s gave no lasting permission. Remove this application from your account "
            "there, then connect again."
        )
        raise ConnectionRefused(text % facts)
    if token.get("id_token"):
        _check_identity(str(token["id_token"]), provider, login)


def _check_identity(id_token: str, provider: IdentityProvider, login: str) -> None:
    """Refuse the permission of somebody else than the account's login.

    The signature is not checked: the token came from the provider itself over TLS (OpenID Connect
    Core, section 3.1.3.7, point 6). A provider that tells nobody's name leaves it to the login.
    """
    # slow to load, and no other part needs it
    from google.auth import exceptions, jwt

    try:
        claims = jwt.decode(id_token, verify=False)
        audience = claims["aud"]
        meant = provider.client_id in (audience if isinstance(audience, list) else [audience])
        genuine = provider.is_issuer(claims["iss"]) and claims["exp"] > timezone.now().timestamp()
    except (exceptions.GoogleAuthError, *UNUSABLE):
        meant = genuine = False
        claims = {}
    if not (meant and genuine):
        raise ConnectionRefused(_("The answer did not come from the right provider. Try again."))
    names = [str(claims[name]) for name in provider.identity_claims if claims.get(name)]
    if names and login.casefold() not in {name.casefold() for name in names}:
        text = _(
            "You signed in as %(name)s, but this account logs in as %(login)s. Sign in as that, "
            "or change the login."
        )
        raise ConnectionRefused(text % {"name": names[0], "login": login})


def _refusal(provider: IdentityProvider, error: str) -> str:
    """Say why an answer brings no code; `error` is the provider's word for it."""
    if error == "access_denied":
        text = _("You did not allow it at %(provider)s, so nothing was changed.")
    elif error in {"server_error", "temporarily_unavailable"}:
        text = _("%(provider)s cannot sign anybody in just now. Try again later.")
    else:
        text = _("%(provider)s did not accept the request. Try again, or ask an administrator.")
    return text % {"provider": provider.name}


def _revoke(provider: IdentityProvider, token: str) -> bool:
    """End a permission at its provider (RFC 7009; network); whether it did."""
    # slow to load, and no other part needs it
    import requests

    if not provider.revocation_url:
        return False
    try:
        response = requests.post(
            provider.revocation_url,
            data={"token": token},
            timeout=HTTP_TIMEOUT_S,
            allow_redirects=False,
        )
    except requests.RequestException:
        return False
    return response.status_code == 200
