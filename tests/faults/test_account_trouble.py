"""F14, F15: accounts that may not log in any more, and connections that are not safe."""

import base64

import pytest
from django.core import mail
from django.utils import timezone

from massmail.models import EmailAccount, Suppression
from tests.factories import UserFactory
from tests.faults.chaos_rules import CLOSE, PLAIN
from tests.faults.laboratory import EXPERIMENT, IS_LONG
from tests.massmail.campaigns import account_on
from tests.massmail.oauth2 import LOGIN, VALUES
from tests.smtp_certificates import certificate_file

pytestmark = EXPERIMENT

PEOPLE = 2000 if IS_LONG else 60
PASSWORD = "a secret of 27 characters.."


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    """Do what waits for commits, such as notices, when the block ends."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.mark.parametrize(
    "reply", ["535 5.7.8 Username and Password not accepted", "534 5.7.14 Log in by browser first"]
)
def test_f14_a_refused_login_switches_off_and_others_take_over(laboratory, commits, reply):
    first, second = laboratory.server(users={"u": "right"}), laboratory.server()
    mailing_out = laboratory.campaign(
        first, people=PEOPLE, email_host_user="u", email_host_password="right", start=False
    )
    laboratory.account(second, owner=mailing_out.owner)
    mailing_out.start()
    first.on("auth", reply)
    begun_at = laboratory.time.now()

    with commits():
        laboratory.tick()

    account = EmailAccount.objects.get(email_port=first.port)
    assert (account.massmail, account.off_reason) == (False, "credentials")
    assert account.off_at is not None
    assert (account.off_at - begun_at).total_seconds() <= 10
    assert mailing_out.owner.email in {address for notice in mail.outbox for address in notice.to}
    laboratory.settle()
    assert laboratory.check() == {"sent": PEOPLE}
    assert len(second.accepted) == PEOPLE
    assert {row.attempts for row in laboratory.rows()} == {1}
    assert Suppression.objects.count() == 0


def test_f14_a_login_refused_in_the_middle_loses_nobody(laboratory):
    """The first account has sent a part of its share when its password is changed."""
    first, second = laboratory.server(users={"u": "right"}), laboratory.server()
    mailing_out = laboratory.campaign(
        first, people=PEOPLE, email_host_user="u", email_host_password="right", start=False
    )
    laboratory.account(second, owner=mailing_out.owner)
    mailing_out.start()
    first.on(
        "mail",
        lambda: "530 5.7.0 Authentication required" if len(first.log.entries) >= 12 else None,
    )

    laboratory.settle()

    assert laboratory.check() == {"sent": PEOPLE}
    assert len(first.accepted) == 12
    assert not EmailAccount.objects.get(email_port=first.port).massmail
    assert {row.attempts for row in laboratory.rows()} == {1}


def test_f14_a_revoked_permission_fails_nobody(
    laboratory, commits, identity_provider, token_server
):
    """The refresh token is withdrawn: the account is off, its people go to the other one."""
    identity_provider.refresh_tokens["refresh"] = LOGIN
    second, owner = laboratory.server(), UserFactory.create()
    account_on(
        token_server,
        owner=owner,
        refresh_token="refresh",
        access_token_expires_at=timezone.now(),
        **VALUES,
    )
    laboratory.campaign(second, owner=owner, people=PEOPLE)
    identity_provider.end(LOGIN)

    with commits():
        laboratory.tick()

    account = EmailAccount.objects.get(email_port=token_server.port)
    assert (account.massmail, account.off_reason) == (False, "reconnect")
    assert len(mail.outbox) >= 1
    laboratory.settle()
    assert laboratory.check() == {"sent": PEOPLE}
    assert token_server.mails == []


@pytest.mark.parametrize(
    ("server_values", "rule"),
    [
        ({}, None),  # STARTTLS is not announced: stripped on the way
        ({"tls": "starttls"}, ("starttls", "454 4.7.0 TLS not available")),
        ({"tls": "starttls"}, ("starttls", "502 5.5.1 Unknown command")),
        ({"tls": "starttls"}, ("starttls", "220 Go ahead", b"250 in clear\r\n")),
        ({"tls": "starttls"}, ("starttls", "220 Go ahead", PLAIN)),
        ({"tls": "starttls"}, ("tls", b"250-chaos.example\r\n250 AUTH PLAIN LOGIN\r\n", PLAIN)),
        ({"tls": "starttls"}, ("tls", CLOSE)),
        ({"tls": "starttls", "certificate": "wrong name"}, None),
        ({"tls": "starttls", "certificate": "expired"}, None),
        ({"tls": "starttls", "certificate": "untrusted"}, None),
        ({"tls": "implicit", "certificate": "wrong name"}, None),
        ({"tls": "implicit", "certificate": "expired"}, None),
        ({"tls": "implicit", "certificate": "untrusted"}, None),
        ({"tls": "none"}, "implicit"),  # clear text where TLS begins at once
    ],
)
def test_f15_a_password_never_leaves_in_clear(laboratory, server_values, rule):
    values = {"tls": "none"} | server_values
    certificate = certificate_file(values.pop("certificate", "good"))
    server = laboratory.server(certificate=certificate, users={"u": PASSWORD}, **values)
    implicit = values["tls"] == "implicit" or rule == "implicit"
    if isinstance(rule, tuple):
        server.on(*rule)
    laboratory.campaign(
        server,
        people=5,
        email_host="localhost",
        email_use_ssl=implicit,
        email_use_tls=not implicit,
        email_host_user="u",
        email_host_password=PASSWORD,
    )

    laboratory.settle(days=0.1)

    assert server.connections >= 1
    assert server.accepted == []
    assert not any(secret in bytes(server.clear_bytes) for secret in _spellings(PASSWORD))
    assert b"AUTH" not in bytes(server.clear_bytes).split()
    assert laboratory.check() == {"pending": 5}
    assert {row.attempts for row in laboratory.rows()} == {0}


def _spellings(password: str) -> list[bytes]:
    """A password as it is, and as the ways to log in encode it."""
    plain = base64.b64encode(f"\0u\0{password}".encode())
    return [password.encode(), base64.b64encode(password.encode()), plain, plain[4:20]]
