"""Accounts that sign in at the test provider, and the whole way to connect one."""

from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from django.urls import reverse

from massmail.models import EmailAccount
from tests.identity_provider import IdentityProvider

LOGIN = "ann@example.org"
VALUES: dict[str, Any] = {
    "email_host": "localhost",
    "email_host_user": LOGIN,
    "email_use_ssl": True,
}


def begin(client: Client, account: EmailAccount) -> str:
    """Press "Connect"; return the provider's address to which the browser is sent."""
    response = client.post(reverse("request_authorization_code", args=[account.pk]))
    assert response.status_code == 302
    return str(response["Location"])


def come_back(client: Client, location: str) -> Any:
    """Follow the provider's redirect back to the site."""
    url = urlsplit(location)
    assert f"{url.scheme}://{url.netloc}" == "https://mail.example.com"
    return client.get(f"{url.path}?{url.query}", follow=True)


def connect(client: Client, account: EmailAccount, provider: IdentityProvider) -> Any:
    """Go the whole way; return the page where it ends."""
    return come_back(client, provider.consent(begin(client, account)))


def sentences(response: Any) -> list[str]:
    """Return what the page says in messages."""
    return [str(message) for message in response.context["messages"]]


def tokens_of(account: EmailAccount) -> tuple[str, str, Any]:
    """Return what is stored now: refresh token, access token, until when."""
    row = EmailAccount.objects.get(pk=account.pk)
    return row.refresh_token, row.access_token, row.access_token_expires_at
