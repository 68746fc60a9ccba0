"""Where a request comes from: what the proxy says, never what the client says."""

import pytest
from django.test import RequestFactory

from common.client_address import client_address


def address(remote: str, forwarded: str = "") -> str:
    request = RequestFactory().get("/", REMOTE_ADDR=remote)
    if forwarded:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return client_address(request)


def test_behind_the_proxy_its_last_word_counts():
    assert address("127.0.0.1", "203.0.113.9, 198.51.100.7") == "198.51.100.7"


def test_without_a_proxy_the_header_is_ignored(settings):
    settings.SECURE_PROXY_SSL_HEADER = None
    assert address("198.51.100.7", "203.0.113.9") == "198.51.100.7"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_an_address_is_brought_to_one_form(given, kept):
    assert address(given) == kept
