"""The table of identity providers."""

import pytest

from crm_project.identity_providers import by_smtp_host
from crm_project.settings import configuration
from massmail.services.identity_providers import IdentityProvider, provider_of

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


def test_every_entry_of_the_product_is_complete():
    table = by_smtp_host(configuration)
    assert list(table) == ["smtp.gmail.com", "smtp.office365.com", "smtp-mail.outlook.com"]
    for host in table:
        provider = provider_of(host)
        assert provider is not None
        endpoints = (
            provider.authorization_url,
            provider.token_url,
            provider.revocation_url or "https://",
        )
        assert [url[:8] for url in endpoints] == ["https://"] * 3
        assert provider.mail_scope in provider.scopes
        assert not provider.is_set_up  # the tests have no client


@pytest.mark.parametrize("host", ["smtp.gmail.com", " SMTP.Gmail.COM. "])
def test_host_is_found_however_it_is_written(host):
    provider = provider_of(host)
    assert provider is not None
    assert provider.name == "Google"


@pytest.mark.parametrize("host", ["", "gmail.com", "smtp.gmail.com.evil.test", "mail.example.org"])
def test_other_hosts_have_no_provider(host):
    assert provider_of(host) is None


def provider(host: str) -> IdentityProvider:
    found = provider_of(host)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("host", "issuer", "expected"),
    [
        ("smtp.gmail.com", "https://accounts.google.com", True),
        ("smtp.gmail.com", "https://accounts.google.com.evil.test", False),
        ("smtp.gmail.com", "https://accountsXgoogle.com", False),
        ("smtp.office365.com", f"https://login.microsoftonline.com/{TENANT}/v2.0", True),
        ("smtp.office365.com", "https://login.microsoftonline.com/evil/v2.0", False),
        ("smtp.office365.com", "https://login.microsoftonline.com/{tenantid}/v2.0", False),
        ("smtp.office365.com", "", False),
    ],
)
def test_issuer(host, issuer, expected):
    assert provider(host).is_issuer(issuer) is expected


@pytest.mark.parametrize(
    ("host", "scopes", "expected"),
    [
        ("smtp.gmail.com", ["openid", "https://mail.google.com/"], True),
        ("smtp.gmail.com", ["openid", "https://www.googleapis.com/auth/userinfo.email"], False),
        ("smtp.office365.com", ["https://outlook.office.com/SMTP.Send"], True),
        ("smtp.office365.com", ["smtp.send"], True),
        ("smtp.office365.com", ["User.Read", ""], False),
    ],
)
def test_permission_to_send(host, scopes, expected):
    assert provider(host).grants_mail(scopes) is expected
