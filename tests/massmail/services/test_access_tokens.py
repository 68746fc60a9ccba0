"""Access tokens: kept, renewed by one at a time, and what a provider in trouble means."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from common.fields import SecretUnreadable
from massmail.backends.base import Fault, Stage, TransportError
from massmail.models import EmailAccount
from massmail.services import access_tokens
from massmail.services.access_tokens import MARGIN, access_token, open_connection
from tests.factories import EmailAccountFactory
from tests.massmail.oauth2 import LOGIN, VALUES, tokens_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(identity_provider):
    """An account that was connected long ago."""
    identity_provider.refresh_tokens["refresh"] = LOGIN
    return EmailAccountFactory.create(**VALUES, refresh_token="refresh")


def give(account, token, **life):
    at = timezone.now() + timedelta(**life)
    EmailAccount.objects.update(access_token=token, access_token_expires_at=at)
    account.refresh_from_db()


def test_token_is_asked_for_once_and_kept(account, identity_provider):
    first = access_token(account)
    assert access_token(account) == first
    assert tokens_of(account)[:2] == ("refresh", first)
    (asked,) = identity_provider.asked("/token")
    assert asked == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh",
        "client_id": "massmail-client",
        "client_secret": "massmail-secret",
        "scope": "https://mail.example.com/send",
    }


def test_token_is_renewed_shortly_before_its_end(account, identity_provider):
    give(account, "kept", seconds=MARGIN.total_seconds() + 5)
    assert access_token(account) == "kept"
    give(account, "kept", seconds=MARGIN.total_seconds() - 1)
    assert access_token(account) != "kept"


def test_refused_token_is_renewed_though_it_could_live(account, identity_provider):
    give(account, "refused", hours=1)
    assert access_token(account, refused="refused") in identity_provider.access_tokens


def test_token_that_another_run_renewed_is_used(account, identity_provider):
    """This run's own copy of the account is old: the row counts."""
    stale = EmailAccount.objects.get()
    give(account, "from another run", hours=1)
    assert access_token(stale, refused="old") == "from another run"
    assert identity_provider.requests == []


def test_rotated_refresh_token_is_kept(account, identity_provider):
    identity_provider.rotates = True
    access_token(account)
    refresh, first, _ = tokens_of(account)
    assert identity_provider.refresh_tokens == {refresh: LOGIN}
    assert access_token(account, refused=first) != first


def test_only_the_tokens_are_written(account):
    EmailAccount.objects.update(name="renamed meanwhile", massmail=False)
    access_token(account)
    row = EmailAccount.objects.get()
    assert (row.name, row.massmail) == ("renamed meanwhile", False)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (400, {"error": "invalid_grant", "error_description": "revoked"}, Fault.REVOKED),
        (400, {"error": "invalid_grant", "error_subtype": "invalid_rapt"}, Fault.REVOKED),
        (400, {"error": "interaction_required"}, Fault.REVOKED),
        (401, {"error": "invalid_client"}, Fault.CONFIGURATION),
        (400, {"error": "unauthorized_client"}, Fault.CONFIGURATION),
        (400, {"error": "invalid_request"}, Fault.SIGN_IN),
        (400, {"error": ["odd"]}, Fault.SIGN_IN),
        (400, ["odd"], Fault.SIGN_IN),
        (400, "", Fault.SIGN_IN),
        (403, "<h1>Forbidden</h1>", Fault.SIGN_IN),
        (429, "", Fault.SIGN_IN),
        (500, {"error": "invalid_grant"}, Fault.SIGN_IN),
        (503, "", Fault.SIGN_IN),
        (302, "", Fault.SIGN_IN),
        (200, "no JSON", Fault.SIGN_IN),
        (200, [], Fault.SIGN_IN),
        (200, {}, Fault.SIGN_IN),
        (200, {"access_token": ""}, Fault.SIGN_IN),
        (200, {"access_token": ["a"]}, Fault.SIGN_IN),
        (200, {"access_token": "a", "expires_in": "soon"}, Fault.SIGN_IN),
        (200, {"access_token": "a", "expires_in": 10**30}, Fault.SIGN_IN),
        (200, {"access_token": "a", "refresh_token": None}, Fault.SIGN_IN),
        (200, b"\xff\xfe", Fault.SIGN_IN),
    ],
)
def test_answer_without_a_token(account, identity_provider, status, body, fault):
    location = {"Location": f"{identity_provider.url}/elsewhere"} if status == 302 else {}
    identity_provider.answer("/token", status, body, **location)
    before = tokens_of(account)
    with pytest.raises(TransportError) as caught:
        access_token(account)
    assert (caught.value.stage, caught.value.fault) == (Stage.AUTH, fault)
    assert tokens_of(account) == before
    assert len(identity_provider.requests) == 1


def test_provider_that_is_gone(account, identity_provider):
    identity_provider.close()
    with pytest.raises(TransportError) as caught:
        access_token(account)
    assert caught.value.fault is Fault.SIGN_IN


def test_provider_that_does_not_answer(account, identity_provider, monkeypatch):
    monkeypatch.setattr(access_tokens, "HTTP_TIMEOUT_S", 0.05)
    let_go = threading.Event()
    identity_provider.while_asked = lambda: let_go.wait(5)
    with pytest.raises(TransportError) as caught:
        access_token(account)
    let_go.set()
    assert caught.value.fault is Fault.SIGN_IN


def test_short_life_of_a_token_is_believed(account, identity_provider):
    identity_provider.expires_in_s = 60
    access_token(account)
    access_token(account)
    assert len(identity_provider.asked("/token")) == 2


def test_life_that_is_not_told_is_short(account, identity_provider):
    identity_provider.expires_in_s = None
    access_token(account)
    assert tokens_of(account)[2] <= timezone.now() + timedelta(minutes=10)


def test_host_without_provider(account, settings):
    settings.MASSMAIL_IDENTITY_PROVIDERS = {}
    with pytest.raises(TransportError) as caught:
        access_token(account)
    assert caught.value.fault is Fault.REVOKED


def test_installation_without_client(account, identity_provider, settings):
    settings.MASSMAIL_IDENTITY_PROVIDERS = {"localhost": identity_provider.entry(client_secret="")}
    with pytest.raises(TransportError) as caught:
        access_token(account)
    assert caught.value.fault is Fault.CONFIGURATION


def test_account_that_was_disconnected_meanwhile(account, identity_provider):
    EmailAccount.objects.update(refresh_token="")
    with pytest.raises(TransportError) as caught:
        access_token(account)
    assert (caught.value.fault, identity_provider.requests) == (Fault.SIGN_IN, [])


def test_wrong_key_is_trouble_of_the_installation(account, settings):
    settings.FIELD_ENCRYPTION_KEYS = ["YW5vdGhlciBrZXksIGFsc28gb2YgMzIgYnl0ZXMhISE="]
    with pytest.raises(SecretUnreadable):
        access_token(EmailAccount.objects.get())


def test_log_names_no_token(account, identity_provider, caplog):
    caplog.set_level("DEBUG")
    token = access_token(account)
    identity_provider.answer("/token", 400, {"error": "invalid_grant"})
    with pytest.raises(TransportError):
        access_token(account, refused=token)
    lines = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("massmail")
    )
    assert "refresh-" not in lines
    assert token not in lines


# --- connections


def test_connected_account_logs_in_with_its_token(account, token_server):
    EmailAccount.objects.update(email_port=token_server.port, email_host_password="not used")
    open_connection(EmailAccount.objects.get()).close()
    assert [line.split()[1] for line in token_server.commands if line.startswith("AUTH")] == [
        "XOAUTH2"
    ]


def test_token_that_the_mail_server_refuses_is_renewed(account, identity_provider, token_server):
    give(account, "refused by the server", hours=1)
    EmailAccount.objects.update(email_port=token_server.port)
    open_connection(EmailAccount.objects.get()).close()
    assert len(identity_provider.asked("/token")) == 1


def test_other_accounts_are_opened_as_ever(identity_provider, token_server):
    token_server.users, token_server.accepts_token = {LOGIN: "secret"}, None
    values = VALUES | {"email_port": token_server.port, "email_host_password": "secret"}
    open_connection(EmailAccountFactory.create(**values)).close()
    assert identity_provider.requests == []


# --- several at once


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer anyway")
def test_two_runs_renew_once(account, identity_provider):
    """The second one waits for the first, and finds its token: rotation loses nothing."""
    identity_provider.rotates = True
    both = threading.Barrier(2)
    found: list[str] = []

    def run() -> None:
        try:
            both.wait(5)
            found.append(access_token(account))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(identity_provider.asked("/token")) == 1
    assert found[0] == found[1]
