"""Connecting an account: the way out, the way back, and everything that must not come back."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from massmail.models import EmailAccount
from massmail.services import account_health
from tests.massmail.oauth2 import (
    LOGIN,
    VALUES,
    begin,
    come_back,
    connect,
    sentences,
    tokens_of,
)

UNKNOWN = "This sign-in is not known here, or was used. Connect the account again."
CALLBACK = "/OAuth-2/authorize/"


@pytest.fixture
def account(cast):
    return cast.account(**VALUES)


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def page_of(account: EmailAccount) -> str:
    return reverse("admin:massmail_emailaccount_change", args=[account.pk])


# --- the way out


def test_connect_sends_the_browser_to_the_provider(owner, account, identity_provider):
    url = urlsplit(begin(owner, account))

    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    state, challenge = asked.pop("state"), asked.pop("code_challenge")
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{identity_provider.url}/authorize"
    assert asked == {
        "response_type": "code",
        "client_id": "massmail-client",
        "redirect_uri": "https://mail.example.com/OAuth-2/authorize/",
        "scope": "openid https://mail.example.com/send",
        "access_type": "offline",
        "prompt": "consent",
        "login_hint": LOGIN,
        "code_challenge_method": "S256",
    }
    assert (len(challenge), len(state) >= 22) == (43, True)


def test_two_attempts_differ(owner, account, identity_provider):
    first, second = (parse_qs(urlsplit(begin(owner, account)).query) for _ in range(2))
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


def test_connect_is_a_post(owner, account, identity_provider):
    assert owner.get(reverse("request_authorization_code", args=[account.pk])).status_code == 405
    assert owner.get(reverse("email_account_disconnect", args=[account.pk])).status_code == 405


@pytest.mark.parametrize("name", ["request_authorization_code", "email_account_disconnect"])
def test_others_cannot_connect_or_disconnect(client, cast, account, identity_provider, name):
    EmailAccount.objects.filter(pk=account.pk).update(shared=True, refresh_token="kept")
    for user, status in ((cast.stranger, 404), (cast.colleague, 403)):
        client.force_login(user)
        assert client.post(reverse(name, args=[account.pk])).status_code == status
    assert tokens_of(account)[0] == "kept"
    assert identity_provider.requests == []


def test_co_owner_may_connect(client, cast, account, identity_provider):
    EmailAccount.objects.filter(pk=account.pk).update(co_owner=cast.stranger)
    client.force_login(cast.stranger)
    connect(client, account, identity_provider)
    assert tokens_of(account)[0]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"email_host": "mail.example.net"},
            "Nothing is known about signing in at mail.example.net. Use a password.",
        ),
        (
            {"email_host_user": ""},
            "Enter the login first, usually your address, and save.",
        ),
    ],
)
def test_account_that_cannot_be_connected(owner, account, identity_provider, values, sentence):
    EmailAccount.objects.filter(pk=account.pk).update(**values)
    response = owner.post(reverse("request_authorization_code", args=[account.pk]), follow=True)
    assert response.redirect_chain == [(page_of(account), 302)]
    assert sentences(response) == [sentence]


def test_installation_without_client_id(owner, account, identity_provider, settings):
    settings.MASSMAIL_IDENTITY_PROVIDERS = {"localhost": identity_provider.entry(client_id="")}
    response = owner.post(reverse("request_authorization_code", args=[account.pk]), follow=True)
    assert sentences(response) == [
        "Signing in with Testid is not set up here. Ask an administrator."
    ]


# --- the way back


def test_account_is_connected(owner, account, identity_provider):
    response = connect(owner, account, identity_provider)

    assert response.redirect_chain == [(page_of(account), 302)]
    assert sentences(response) == [f"The account {account.name} is connected."]
    refresh, access, expires_at = tokens_of(account)
    assert identity_provider.refresh_tokens == {refresh: LOGIN}
    assert identity_provider.access_tokens == {access: LOGIN}
    assert timedelta(minutes=59) < expires_at - timezone.now() <= timedelta(hours=1)
    assert EmailAccount.objects.get().is_connected


def test_tokens_are_stored_encrypted_and_never_shown(owner, account, identity_provider):
    response = connect(owner, account, identity_provider)
    stored = EmailAccount.objects.values_list("refresh_token", "access_token").get()
    refresh, access, _ = tokens_of(account)
    assert [text[:3] for text in stored] == ["f1:", "f1:"]
    assert [token for token in (refresh, access) if token in response.content.decode()] == []


def test_two_accounts_can_be_connected_side_by_side(owner, cast, account, identity_provider):
    other = cast.account(**VALUES)
    first, second = begin(owner, account), begin(owner, other)
    come_back(owner, identity_provider.consent(second))
    come_back(owner, identity_provider.consent(first))
    assert (bool(tokens_of(account)[0]), bool(tokens_of(other)[0])) == (True, True)
    assert tokens_of(account)[0] != tokens_of(other)[0]


def test_session_keeps_no_heap_of_attempts(owner, account, identity_provider):
    first = begin(owner, account)
    for _ in range(5):
        begin(owner, account)
    assert len(owner.session["massmail_oauth2"]) == 5
    assert sentences(come_back(owner, identity_provider.consent(first))) == [UNKNOWN]


# --- what must not come back


@pytest.fixture
def connected(owner, account, identity_provider):
    """The account with tokens, which no refused answer may change."""
    connect(owner, account, identity_provider)
    return account


def assert_refused(account, before, response, sentence, page=None):
    assert response.redirect_chain == [(page or page_of(account), 302)]
    assert sentences(response) == [sentence]
    assert tokens_of(account) == before


LIST = "/admin/massmail/emailaccount/"


def test_answer_that_comes_twice(owner, connected, identity_provider):
    location = identity_provider.consent(begin(owner, connected))
    come_back(owner, location)
    before = tokens_of(connected)
    assert_refused(connected, before, come_back(owner, location), UNKNOWN, LIST)
    assert len(identity_provider.asked("/token")) == 2


def test_answer_in_a_foreign_session(owner, cast, connected, identity_provider):
    location = identity_provider.consent(begin(owner, connected))
    before, victim = tokens_of(connected), Client()
    for user in (cast.owner, cast.superuser):
        victim.force_login(user)
        assert_refused(connected, before, come_back(victim, location), UNKNOWN, LIST)


def test_answer_for_another_user_of_the_same_session(owner, cast, connected, identity_provider):
    location = identity_provider.consent(begin(owner, connected))
    before, session = tokens_of(connected), owner.session
    attempts = session["massmail_oauth2"]
    owner.force_login(cast.superuser)
    session = owner.session
    session["massmail_oauth2"] = attempts
    session.save()
    assert_refused(connected, before, come_back(owner, location), UNKNOWN, LIST)


@pytest.mark.parametrize("query", [{}, {"state": ""}, {"state": "guessed"}, {"state": "\0"}])
def test_answer_without_a_state_that_we_gave(owner, connected, identity_provider, query):
    begin(owner, connected)
    before = tokens_of(connected)
    query = {"code": "c", "user": LOGIN, **query}
    response = owner.get(f"{CALLBACK}?{urlencode(query)}", follow=True)
    assert_refused(connected, before, response, UNKNOWN, LIST)
    assert len(identity_provider.asked("/token")) == 1


def test_answer_that_comes_too_late(owner, connected, identity_provider):
    before = tokens_of(connected)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        location = identity_provider.consent(begin(owner, connected))
        clock.shift(timedelta(minutes=10))
        response = come_back(owner, location)
    sentence = "The sign-in took too long. Connect the account again."
    assert_refused(connected, before, response, sentence)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("access_denied", "You did not allow it at Testid, so nothing was changed."),
        ("server_error", "Testid cannot sign anybody in just now. Try again later."),
        (
            "<script>alert(1)</script>",
            "Testid did not accept the request. Try again, or ask an administrator.",
        ),
    ],
)
def test_provider_says_no(owner, connected, identity_provider, error, sentence):
    identity_provider.denies = error
    before = tokens_of(connected)
    response = connect(owner, connected, identity_provider)
    assert_refused(connected, before, response, sentence)
    assert b"alert(1)" not in response.content


def test_account_that_is_no_longer_the_users(owner, cast, connected, identity_provider):
    location = identity_provider.consent(begin(owner, connected))
    EmailAccount.objects.update(owner=cast.stranger, department=None)
    before = tokens_of(connected)
    assert_refused(connected, before, come_back(owner, location), UNKNOWN, LIST)


def test_account_that_was_deleted(owner, account, identity_provider):
    location = identity_provider.consent(begin(owner, account))
    account.delete()
    assert sentences(come_back(owner, location)) == [UNKNOWN]


def test_code_of_another_attempt(owner, connected, identity_provider):
    """An attacker's code, slipped into this user's answer: PKCE knows whose it is."""
    foreign = identity_provider.consent(begin(owner, connected))
    own = identity_provider.consent(begin(owner, connected))
    code = parse_qs(urlsplit(foreign).query)["code"][0]
    state = parse_qs(urlsplit(own).query)["state"][0]
    before = tokens_of(connected)
    response = come_back(
        owner,
        f"https://mail.example.com{CALLBACK}?{urlencode({'code': code, 'state': state})}",
    )
    sentence = "Testid did not finish the sign-in. Try again in a minute."
    assert_refused(connected, before, response, sentence)


@pytest.mark.parametrize("method", ["post", "head", "put"])
def test_way_back_is_a_get(owner, account, identity_provider, method):
    location = identity_provider.consent(begin(owner, account))
    path = location.removeprefix("https://mail.example.com")
    assert getattr(owner, method)(path).status_code == 405
    assert not tokens_of(account)[0]


def test_way_back_asks_for_the_login(client, db):
    response = client.get(f"{CALLBACK}?code=c&state=s")
    assert response["Location"].startswith(reverse("admin:login"))


def test_way_back_is_not_kept_by_caches(owner, db):
    response = owner.get(CALLBACK)
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "same-origin"


# --- the end of it


def test_disconnect_forgets_the_tokens_and_tells_the_provider(owner, connected, identity_provider):
    refresh, _, _ = tokens_of(connected)
    response = owner.post(reverse("email_account_disconnect", args=[connected.pk]), follow=True)
    assert sentences(response) == ["The account is disconnected, here and at the provider."]
    assert tokens_of(connected) == ("", "", None)
    assert [fields["token"] for fields in identity_provider.asked("/revoke")] == [refresh]
    assert identity_provider.refresh_tokens == {}


def test_disconnect_leaves_the_permission_that_another_account_uses(
    owner, cast, connected, identity_provider
):
    other = cast.account(**VALUES)
    connect(owner, other, identity_provider)
    owner.post(reverse("email_account_disconnect", args=[connected.pk]))
    assert (tokens_of(connected)[0], bool(tokens_of(other)[0])) == ("", True)
    assert identity_provider.asked("/revoke") == []


@pytest.mark.parametrize("trouble", ["gone", "refuses", "has none"])
def test_disconnect_does_not_depend_on_the_provider(
    owner, connected, identity_provider, settings, trouble
):
    if trouble == "gone":
        identity_provider.close()
    elif trouble == "refuses":
        identity_provider.answer("/revoke", 500)
    else:
        entry = identity_provider.entry(revocation_url="")
        settings.MASSMAIL_IDENTITY_PROVIDERS = {"localhost": entry}
    response = owner.post(reverse("email_account_disconnect", args=[connected.pk]), follow=True)
    sentence = (
        "The account is disconnected here. The provider may still list this application: "
        "remove it there too."
    )
    assert sentences(response) == [sentence]
    assert tokens_of(connected) == ("", "", None)


def test_disconnect_of_what_is_not_connected(owner, account, identity_provider):
    response = owner.post(reverse("email_account_disconnect", args=[account.pk]), follow=True)
    assert sentences(response) == ["The account is not connected."]


# --- the account's page


def test_page_offers_what_is_possible(owner, account, identity_provider, settings):
    assert "Connect with Testid" in owner.get(page_of(account)).content.decode()

    connect(owner, account, identity_provider)
    page = owner.get(page_of(account)).content.decode()
    assert "Connected with Testid: no password is used." in page
    assert "Connect with Testid again" in page
    assert "Disconnect" in page

    settings.MASSMAIL_IDENTITY_PROVIDERS = {"localhost": identity_provider.entry(client_id="")}
    EmailAccount.objects.update(refresh_token="")
    page = owner.get(page_of(account)).content.decode()
    assert "Signing in with Testid is not set up here." in page
    assert "Connect with" not in page

    settings.MASSMAIL_IDENTITY_PROVIDERS = {}
    assert "Testid" not in owner.get(page_of(account)).content.decode()


def test_page_of_an_ended_permission_leads_to_another_connection(owner, connected):
    account_health.switch_off(connected.pk, reason="reconnect", now=timezone.now())
    page = owner.get(page_of(connected)).content.decode()
    assert "Testid lets us in no more" in page
    assert "Connect with Testid again" in page
    assert "Switch on" not in page

    owner.post(reverse("email_account_disconnect", args=[connected.pk]))  # a password, then
    assert "Switch on" in owner.get(page_of(connected)).content.decode()


def test_page_offers_nothing_to_a_reader(client, cast, account, identity_provider):
    EmailAccount.objects.update(shared=True)
    client.force_login(cast.colleague)
    page = client.get(page_of(account)).content.decode()
    assert "Connect with" not in page


@pytest.mark.parametrize("name", ["email_host", "email_host_user"])
def test_tokens_do_not_move_to_another_server_or_login(owner, connected, identity_provider, name):
    data = {
        "name": connected.name,
        "kind": connected.kind,
        "from_email": connected.from_email,
        "email_host": connected.email_host,
        "email_port": connected.email_port,
        "email_host_user": connected.email_host_user,
        "email_use_ssl": "on",
        "connections": connected.connections,
        "owner": connected.owner_id,
        "department": connected.department_id,
        "massmail": "on",
    }
    owner.post(page_of(connected), data)
    assert tokens_of(connected)[0]
    owner.post(page_of(connected), {**data, name: "mail.example.net"})
    assert tokens_of(connected) == ("", "", None)
