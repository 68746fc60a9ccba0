"""The shipped table of identity providers fits the other settings."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings

from crm_project.identity_providers import by_smtp_host
from crm_project.settings import configuration

TABLE = by_smtp_host(configuration)


def test_settings_hold_the_table():
    assert settings.MASSMAIL_IDENTITY_PROVIDERS == TABLE


@pytest.mark.parametrize("host", TABLE)
@pytest.mark.parametrize("policy", ["CONTENT_SECURITY_POLICY", "CONTENT_SECURITY_POLICY_EDITOR"])
def test_browsers_may_be_sent_to_the_provider_by_a_form(host, policy):
    url = urlsplit(TABLE[host]["authorization_url"])
    directives = {
        name: values for name, *values in map(str.split, getattr(settings, policy).split(";"))
    }
    assert f"{url.scheme}://{url.netloc}" in directives["form-action"]
