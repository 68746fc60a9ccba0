"""What a provider's answer must look like to be worth tokens; otherwise nothing is changed."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.utils import timezone

from massmail.models import EmailAccount
from massmail.services import account_health, oauth2
from massmail.services.oauth2 import Attempt, ConnectionRefused
from tests.factories import EmailAccountFactory
from tests.massmail.oauth2 import LOGIN, VALUES, tokens_of

pytestmark = pytest.mark.django_db

OTHER_PROVIDER = "The answer did not come from the right provider. Try again."
CHANGED = "The server or the login was changed meanwhile. Connect again."
NOT_FINISHED = "Testid did not finish the sign-in. Try again in a minute."
TROUBLES = [
    (500, "<h1>Oops</h1>"),
    (503, ""),
    (200, "not JSON"),
    (200, []),
    (200, b"\xff\xfe"),
    (200, {"access_token": 7, "refresh_token": [], "expires_in": "soon"}),
    (400, {"error": "invalid_grant"}),
    (401, {"error": "invalid_client"}),
    (302, ""),
    (307, ""),
]


@pytest.fixture
def account(identity_provider) -> EmailAccount:
    return EmailAccountFactory.create(**VALUES, refresh_token="old", access_token="older")


def answer(account, provider) -> tuple[Attempt, dict[str, str]]:
    """Go to the provider and agree; return what was remembered, and what comes back."""
    url, attempt = oauth2.begin(account, user_id=1)
    return attempt, dict(parse_qsl(urlsplit(provider.consent(url)).query))


def connect(account, provider) -> None:
    oauth2.finish(account, *answer(account, provider))


def refused(account, attempt, query) -> str:
    """Finish, and be refused; return the sentence."""
    before = tokens_of(account)
    with pytest.raises(ConnectionRefused) as caught:
        oauth2.finish(EmailAccount.objects.get(), attempt, query)
    assert tokens_of(account) == before
    return str(caught.value)


def test_attempt_survives_the_session(account):
    _, attempt = oauth2.begin(account, user_id=7)
    assert Attempt.restored(attempt.stored()) == attempt
    assert (attempt.account_id, attempt.user_id) == (account.pk, 7)


@pytest.mark.parametrize(("seconds", "alive"), [(-1, False), (0, True), (599, True), (600, False)])
def test_attempt_lives_ten_minutes(account, seconds, alive):
    _, attempt = oauth2.begin(account, user_id=7)
    assert attempt.is_alive(attempt.begun_at + timedelta(seconds=seconds)) is alive


# --- what is good


def test_tokens_are_replaced(account, identity_provider):
    connect(account, identity_provider)
    refresh, access, _ = tokens_of(account)
    assert (identity_provider.refresh_tokens, identity_provider.access_tokens) == (
        {refresh: LOGIN},
        {access: LOGIN},
    )


@pytest.mark.parametrize("expires_in_s", [None, "3600", -5, 10**12])
def test_any_lifetime_is_fine(account, identity_provider, expires_in_s):
    identity_provider.expires_in_s = expires_in_s
    connect(account, identity_provider)
    assert tokens_of(account)[2] <= timezone.now() + timedelta(days=1)


def test_provider_that_tells_no_identity_leaves_it_to_the_login(account, identity_provider):
    identity_provider.tells_identity = identity_provider.names_itself = False
    identity_provider.scope = ""
    connect(account, identity_provider)
    assert tokens_of(account)[0] != "old"


def test_login_is_compared_without_case(account, identity_provider):
    identity_provider.signed_in_as = "Ann@Example.ORG"
    connect(account, identity_provider)
    assert tokens_of(account)[0] != "old"


@pytest.mark.parametrize("reason", ["reconnect", "credentials"])
def test_account_that_was_off_for_lack_of_permission_is_on_again(
    account, identity_provider, reason
):
    account_health.switch_off(account.pk, reason=reason, now=timezone.now())
    account.refresh_from_db()
    connect(account, identity_provider)
    account.refresh_from_db()
    assert (account.massmail, account.off_reason) == (True, "")


@pytest.mark.parametrize("reason", ["by hand", "sender refused"])
def test_account_that_is_off_for_other_reasons_stays_off(account, identity_provider, reason):
    account_health.switch_off(account.pk, reason=reason, now=timezone.now())
    account.refresh_from_db()
    connect(account, identity_provider)
    account.refresh_from_db()
    assert (account.massmail, account.off_reason) == (False, reason)


def test_account_that_rests_because_of_the_provider_goes_on(account, identity_provider):
    account_health.cool(account.pk, reason="identity provider", now=timezone.now())
    account.refresh_from_db()
    connect(account, identity_provider)
    account.refresh_from_db()
    assert (account.cooling_until, account.cooling_count) == (None, 0)


# --- what is refused


@pytest.mark.parametrize("change", [{"email_host_user": "eve@example.org"}, {"email_host": "x.y"}])
def test_account_that_was_changed_meanwhile(account, identity_provider, settings, change):
    settings.MASSMAIL_IDENTITY_PROVIDERS |= {"x.y": identity_provider.entry()}
    attempt, query = answer(account, identity_provider)
    EmailAccount.objects.update(**change)
    assert refused(account, attempt, query) == CHANGED
    assert identity_provider.asked("/token") == []


def test_account_that_is_changed_during_the_exchange(account, identity_provider, monkeypatch):
    attempt, query = answer(account, identity_provider)
    change = EmailAccount.objects.filter(pk=account.pk).update
    monkeypatch.setattr(oauth2, "_check", lambda *_: change(email_host_user="eve@example.org"))
    assert refused(account, attempt, query) == CHANGED


def test_issuer_of_another_provider(account, identity_provider):
    attempt, query = answer(account, identity_provider)
    query["iss"] = "https://evil.test"
    assert refused(account, attempt, query) == OTHER_PROVIDER
    assert identity_provider.asked("/token") == []


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://evil.test"}, {"aud": "another"}, {"aud": ["x"]}, {"exp": 1}, {"aud": None}],
)
def test_identity_of_another_provider_client_or_time(account, identity_provider, claims):
    identity_provider.claims = claims
    assert refused(account, *answer(account, identity_provider)) == OTHER_PROVIDER


def test_identity_that_cannot_be_read(account, identity_provider):
    tokens = {"access_token": "a", "refresh_token": "r", "expires_in": 9, "token_type": "Bearer"}
    identity_provider.answer("/token", 200, tokens | {"id_token": "x.y"})
    assert refused(account, *answer(account, identity_provider)) == OTHER_PROVIDER


def test_somebody_else_signed_in(account, identity_provider):
    identity_provider.signed_in_as = "eve@example.org"
    assert refused(account, *answer(account, identity_provider)) == (
        "You signed in as eve@example.org, but this account logs in as ann@example.org. "
        "Sign in as that, or change the login."
    )


def test_permission_to_send_was_not_given(account, identity_provider):
    identity_provider.scope = "openid email"
    assert refused(account, *answer(account, identity_provider)) == (
        "Testid was not allowed to let us send mail. Connect again, and allow it."
    )


def test_permission_without_a_refresh_token(account, identity_provider):
    identity_provider.gives_refresh_token = False
    assert refused(account, *answer(account, identity_provider)) == (
        "Testid gave no lasting permission. Remove this application from your account there, "
        "then connect again."
    )


@pytest.mark.parametrize(("status", "body"), TROUBLES)
def test_provider_in_trouble(account, identity_provider, status, body):
    to = {"Location": f"{identity_provider.url}/elsewhere"} if status < 400 else {}
    identity_provider.answer("/token", status, body, **to)
    assert refused(account, *answer(account, identity_provider)) == NOT_FINISHED
    assert identity_provider.asked("/elsewhere") == []  # no redirect is followed


def test_provider_that_is_gone(account, identity_provider):
    attempt, query = answer(account, identity_provider)
    identity_provider.close()
    assert refused(account, attempt, query) == NOT_FINISHED


def test_code_that_was_used(account, identity_provider):
    attempt, query = answer(account, identity_provider)
    oauth2.finish(account, attempt, query)
    assert refused(account, attempt, query) == NOT_FINISHED
