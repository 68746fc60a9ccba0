"""Links that act never reach a log."""

import logging

import pytest

from common.logs import MaskedLinks


@pytest.mark.parametrize(
    ("message", "arguments", "logged"),
    [
        ("Forbidden: %s", ("/unsubscribe/7b0c-1/",), "Forbidden: /unsubscribe/…/"),
        (
            '"GET /unsubscribe_test/a:b:c/ HTTP/1.1" 404',
            (),
            '"GET /unsubscribe_test/…/ HTTP/1.1" 404',
        ),
        ('"GET /admin/reset/Mg/c9x-5f/ HTTP/1.1" 302', (), '"GET /admin/reset/Mg/…/ HTTP/1.1" 302'),
        ("account %d: off", (3,), "account 3: off"),
    ],
)
def test_links_are_masked(message, arguments, logged):
    record = logging.LogRecord("x", logging.INFO, "", 0, message, arguments, None)

    assert MaskedLinks().filter(record)
    assert record.getMessage() == logged
