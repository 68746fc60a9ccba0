"""What the tests of the engine share."""

from collections.abc import Iterator

import pytest

from tests.factories import EmailAccountFactory, UserFactory
from tests.massmail.drafts import draft
from tests.smtp_server import SmtpServer


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """A real SMTP server that takes everything, and the login "u" with the password "right"."""
    with SmtpServer(users={"u": "right"}) as server:
        yield server


@pytest.fixture
def owner():
    return UserFactory.create(username="olga")


@pytest.fixture
def account(owner):
    return EmailAccountFactory.create(owner=owner)


@pytest.fixture
def running(owner, account):
    mailing_out = draft(owner)
    mailing_out.start()
    return mailing_out
