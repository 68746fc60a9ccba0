"""Connections of accounts, and the access tokens with which those of OAuth2 log in.

An access token is kept until shortly before it ends, and then renewed with the account's refresh
token, by one process at a time. How an account gets its refresh token is `oauth2`.
"""

import functools
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from django.db import transaction
from django.utils import timezone

from massmail.backends import make_transport
from massmail.backends.base import Fault, Stage, Transport, TransportError
from massmail.models import EmailAccount
from massmail.services.identity_providers import IdentityProvider, provider_of

if TYPE_CHECKING:
    import google.auth.transport
    import google.oauth2.credentials

logger = logging.getLogger(__name__)

HTTP_TIMEOUT_S = (3, 7)  # to connect, to answer; longer would use up a run's lease
MARGIN = timedelta(minutes=5)  # a token is renewed so long before it ends; a run is shorter
UNKNOWN_LIFE_S = 600  # of a token whose provider does not say
LONGEST_LIFE_S = 24 * 60 * 60  # whatever the provider says
# What a provider answers when only the account's owner can help (RFC 6749 section 5.2, OpenID
# Connect Core section 3.1.2.6). Everything else is its own trouble, or the installation's.
_ENDED = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
# What the library makes of an organisation's rule to sign in anew from time to time.
_SIGN_IN_AGAIN = "Reauthentication is needed"
# What the libraries raise for an answer that is not what the protocol says.
UNUSABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)
_NOT_SET_UP = frozenset({"invalid_client", "unauthorized_client"})


def open_connection(account: EmailAccount) -> Transport:
    """Return an open transport of the account, logged in as it does (network, SQL).

    Raises TransportError: REVOKED when a person has to connect the account again, SIGN_IN when its
    provider cannot be asked just now.
    """
    transport = make_connection(account)
    transport.open()
    return transport


def make_connection(account: EmailAccount) -> Transport:
    """Return a transport of the account, not yet open; one of OAuth2 asks here for its tokens."""
    tokens = functools.partial(access_token, account) if account.is_connected else None
    return make_transport(account, access_tokens=tokens)


def access_token(account: EmailAccount, *, refused: str = "") -> str:
    """Return a token that lives for some minutes yet and is not the `refused` one.

    Network only if there is none. The account's row is locked meanwhile, for at most
    `HTTP_TIMEOUT_S`: who comes second finds the token of the first, and a refresh token that its
    provider exchanges for another is never used twice. Raises TransportError.
    """
    with transaction.atomic():
        row = EmailAccount.objects.select_for_update().get(pk=account.pk)
        if not row.is_connected:
            _fail(Fault.SIGN_IN, "disconnected meanwhile")
        expires_at = row.access_token_expires_at
        if expires_at is not None and expires_at > timezone.now() + MARGIN:
            kept = row.access_token
            if kept and kept != refused:
                return kept
        token = _renewed(row)
        EmailAccount.objects.filter(pk=row.pk).update(**token)
    logger.info("account %d: its access token is renewed", account.pk)
    return str(token["access_token"])


def values_of(
    *, access_token: str, refresh_token: str, expires_in_s: float | None
) -> dict[str, Any]:
    """Return the fields of an account that has been given these tokens just now.

    Any: texts and a moment.
    """
    life_s = UNKNOWN_LIFE_S if expires_in_s is None else max(0, min(expires_in_s, LONGEST_LIFE_S))
    return {
        "access_token": access_token,
        "access_token_expires_at": timezone.now() + timedelta(seconds=life_s),
        "refresh_token": refresh_token,
    }


def _renewed(account: EmailAccount) -> dict[str, Any]:
    """Ask the provider for another token (network); the new fields. Raises TransportError."""
    # slow to load, and no other part needs it
    from google.auth import exceptions

    provider = provider_of(account.email_host)
    if provider is None:
        _fail(Fault.REVOKED, "no identity provider for this host")
    if not provider.is_set_up:
        _fail(Fault.CONFIGURATION, "no client id for the identity provider")
    credentials = _credentials(account, provider)
    try:
        credentials.refresh(_BoundedRequest())
    except exceptions.RefreshError as error:
        _fail_refused(error)
    except (exceptions.GoogleAuthError, *UNUSABLE) as error:
        _fail(Fault.SIGN_IN, f"no usable answer: {type(error).__name__}")
    token, refresh = credentials.token, credentials.refresh_token
    if not (isinstance(token, str) and token and isinstance(refresh, str) and refresh):
        _fail(Fault.SIGN_IN, "no token in the answer")
    left_s = _seconds_left(credentials.expiry)
    return values_of(access_token=token, refresh_token=refresh, expires_in_s=left_s)


def _credentials(
    account: EmailAccount, provider: IdentityProvider
) -> "google.oauth2.credentials.Credentials":
    # slow to load, and no other part needs it
    from google.oauth2.credentials import Credentials

    return Credentials(
        None,
        refresh_token=account.refresh_token,
        token_uri=provider.token_url,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        scopes=[provider.mail_scope],
    )


class _BoundedRequest:
    """The HTTP of a refresh: within its time, without redirects, and asking only once.

    Left to itself the library would wait two minutes, and sleep between three attempts.
    """

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_options: object,
    ) -> "google.auth.transport.Response":
        # slow to load, and no other part needs it
        import requests
        from google.auth.exceptions import TransportError as NoAnswer
        from google.auth.transport import Response
        from google.auth.transport.requests import Request

        with requests.Session() as session:
            session.max_redirects = 0
            response: Response = Request(session)(
                url, method, body=body, headers=headers, timeout=HTTP_TIMEOUT_S
            )
        if response.status >= 500 or response.status in {408, 429}:
            raise NoAnswer(f"HTTP {response.status}")
        return response


def _seconds_left(expiry: datetime | None) -> float | None:
    """Return how long a token lives; the library's instants are naive, in UTC."""
    if expiry is None:
        return None
    return (expiry.replace(tzinfo=UTC) - timezone.now()).total_seconds()


def _fail_refused(error: Exception) -> NoReturn:
    """Raise what the provider's refusal means. It answers with a mapping, or with anything."""
    answer = error.args[1] if len(error.args) > 1 else None
    code = str(answer.get("error")) if isinstance(answer, Mapping) else ""
    if code in _ENDED or str(error).startswith(_SIGN_IN_AGAIN):
        _fail(Fault.REVOKED, code)
    if code in _NOT_SET_UP:
        _fail(Fault.CONFIGURATION, code)
    _fail(Fault.SIGN_IN, "the provider gave no token")


def _fail(fault: Fault, detail: str) -> NoReturn:
    raise TransportError(Stage.AUTH, None, fault, detail)
