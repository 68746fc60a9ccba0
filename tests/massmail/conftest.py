"""What the tests of mass mailing share."""

from collections.abc import Iterator

import pytest

from tests.identity_provider import IdentityProvider
from tests.smtp_certificates import client_context
from tests.smtp_server import SmtpServer


@pytest.fixture
def identity_provider(settings, monkeypatch) -> Iterator[IdentityProvider]:
    """The provider that signs in accounts on the SMTP server `localhost`."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # this one speaks plain HTTP
    with IdentityProvider() as provider:
        settings.MASSMAIL_IDENTITY_PROVIDERS = {"localhost": provider.entry()}
        yield provider


@pytest.fixture
def token_server(identity_provider, monkeypatch) -> Iterator[SmtpServer]:
    """An SMTP server with TLS that lets in who has an access token of the provider."""
    monkeypatch.setattr("massmail.backends.smtp_opening.default_ssl_context", client_context)
    with SmtpServer(tls="implicit", accepts_token=identity_provider.accepts) as server:
        yield server
