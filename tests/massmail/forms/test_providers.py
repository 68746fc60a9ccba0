"""The table of providers."""

import re

from massmail.backends.hosts import ALLOWED_PORTS
from massmail.forms.providers import PROVIDERS, suggestions


def test_every_domain_is_named_once_and_reached_safely():
    domains = [domain for provider in PROVIDERS for domain in provider.domains]

    assert len(domains) == len(set(domains)) == len(suggestions())
    assert all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) for domain in domains)
    assert {provider.port for provider in PROVIDERS} <= ALLOWED_PORTS
    assert {(provider.port, provider.starttls) for provider in PROVIDERS} == {
        (465, False),
        (587, True),
    }


def test_suggestion_is_plain_data():
    assert suggestions()["gmail.com"] == {
        "name": "Gmail",
        "domains": ("gmail.com", "googlemail.com"),
        "host": "smtp.gmail.com",
        "port": 465,
        "starttls": False,
        "advice": "It wants an app password, made in the settings of your account there.",
    }
