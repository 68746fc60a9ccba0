"""The transports, and the registry that finds the one of an account."""

from collections.abc import Callable
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from massmail.backends.base import (
    AccessTokens,
    Fault,
    Stage,
    Step,
    Transport,
    TransportError,
    Watch,
    WatchedOpening,
)


class _Account(Protocol):
    @property
    def transport(self) -> str: ...


class _TransportClass(Protocol):
    def from_account(
        self, account: object, *, allow_private_hosts: bool, **credentials: AccessTokens
    ) -> Transport: ...


def open_transport(account: _Account, *, access_tokens: AccessTokens | None = None) -> Transport:
    """Return an open transport of the kind that the account names; network.

    Raises TransportError, also for a name that is not in the registry.
    """
    transport = make_transport(account, access_tokens=access_tokens)
    transport.open()
    return transport


def open_watched(transport: Transport, watch: Watch, done: Callable[[Step], None]) -> None:
    """Open a transport while somebody waits for it; network. Raises TransportError.

    ``done`` is told each step that is done. A transport that cannot tell opens in one step.
    """
    if isinstance(transport, WatchedOpening):
        transport.open_watched(watch, done)
    else:
        transport.open()
        done(Step.LOGIN)


def make_transport(account: _Account, *, access_tokens: AccessTokens | None = None) -> Transport:
    """Return a transport of the kind that the account names, not yet open.

    ``settings.MASSMAIL_TRANSPORTS`` maps names to dotted paths of classes with
    ``from_account(account, *, allow_private_hosts)``; one that can log in with OAuth2 takes
    ``access_tokens`` too, and gets them if there are any. Raises TransportError for a name that
    is not in the registry.
    """
    path = settings.MASSMAIL_TRANSPORTS.get(account.transport)
    if path is None:
        raise TransportError(
            Stage.CONNECT, None, Fault.CAPABILITY, f"no transport {account.transport!r}"
        )
    transport_class = cast("_TransportClass", import_string(path))
    return transport_class.from_account(
        account,
        allow_private_hosts=settings.MASSMAIL_ALLOW_PRIVATE_HOSTS,
        **({"access_tokens": access_tokens} if access_tokens else {}),
    )
