"""A campaign sent with access tokens, through a provider that has its moods; nobody is lost."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from crm.models import Contact
from massmail.models import Delivery, DeliveryAttempt, EmailAccount, MailingOut
from tests.factories import EmailAccountFactory, MainAccountFactory, MassContactFactory
from tests.massmail.campaigns import Clock, campaign_on, counts, refreshed, rows, run
from tests.massmail.oauth2 import LOGIN, VALUES, connect

pytestmark = pytest.mark.django_db

PENDING, SENT = Delivery.Status.PENDING, Delivery.Status.SENT


@pytest.fixture
def owner(admin_user):
    """A superuser, so that the test of the whole way needs no groups."""
    admin_user.email = "owner@example.com"
    admin_user.save()
    return admin_user


@pytest.fixture
def campaign(owner, token_server, identity_provider):
    """A running mailing out to three people from one account, which is connected."""
    identity_provider.refresh_tokens["refresh"] = LOGIN
    return campaign_on(
        token_server,
        owner=owner,
        kind=EmailAccount.Kind.RELAY,
        refresh_token="refresh",
        **VALUES,
    )


def account_of(mailing_out) -> EmailAccount:
    return EmailAccount.objects.get(owner=mailing_out.owner)


def let_send(mailing_out, clock, number, **account_values) -> None:
    """Let the account send so many mails more."""
    account = account_of(mailing_out)
    limit = account.today_count + number
    EmailAccount.objects.filter(pk=account.pk).update(daily_limit=limit, **account_values)
    run(clock)


def test_the_whole_way(owner, client, identity_provider, token_server):
    """Connected in the browser, sent, token ended, permission withdrawn, connected again."""
    clock = Clock()
    mailing_out = campaign_on(token_server, owner=owner, people=9, start=False, **VALUES)
    client.force_login(owner)
    connect(client, account_of(mailing_out), identity_provider)
    mailing_out.start()

    let_send(mailing_out, clock, 3)  # with the token of the connection
    identity_provider.access_tokens.clear()  # its life is over, on both sides
    let_send(mailing_out, clock, 3, access_token_expires_at=timezone.now())
    assert counts(mailing_out) == {SENT: 6, PENDING: 3}

    identity_provider.end(LOGIN)  # the owner withdraws the permission
    let_send(mailing_out, clock, 3, access_token_expires_at=timezone.now())
    assert account_of(mailing_out).off_reason == "reconnect"
    assert counts(mailing_out) == {SENT: 6, PENDING: 3}
    assert {row.attempts for row in rows(mailing_out) if row.status == PENDING} == {0}

    connect(client, account_of(mailing_out), identity_provider)
    run(clock)
    run(clock)
    assert refreshed(mailing_out).status == MailingOut.Status.DONE
    assert len({sent.recipients for sent in token_server.mails}) == len(token_server.mails) == 9
    assert {(sent.user, sent.secure) for sent in token_server.mails} == {(LOGIN, True)}


def test_owner_is_told_once_that_the_permission_ended(
    campaign, identity_provider, django_capture_on_commit_callbacks
):
    identity_provider.end(LOGIN)
    with django_capture_on_commit_callbacks(execute=True):
        run()
        run()
    (notice,) = mail.outbox
    assert notice.to == ["owner@example.com"]
    assert "The permission to send with this account has ended. Connect it again." in notice.body


def test_kept_token_serves_the_next_run(campaign, identity_provider):
    clock = Clock()
    let_send(campaign, clock, 1)
    let_send(campaign, clock, 2)
    assert refreshed(campaign).sent_count == 3
    assert len(identity_provider.asked("/token")) == 1


def test_token_that_ended_early_is_renewed_by_the_next_login(campaign, identity_provider):
    """Withdrawn before its time: the mail server's 535 tells, and nothing waits."""
    clock = Clock()
    let_send(campaign, clock, 1)
    identity_provider.access_tokens.clear()
    let_send(campaign, clock, 2)
    assert refreshed(campaign).sent_count == 3
    assert len(identity_provider.asked("/token")) == 2
    assert {row.attempts for row in rows(campaign)} == {1}


@pytest.mark.parametrize(
    "trouble",
    [
        lambda provider: provider.answer("/token", 503),
        lambda provider: provider.answer("/token", 200, "<h1>Maintenance</h1>"),
        lambda provider: provider.close(),
    ],
)
def test_provider_in_trouble_lets_the_account_rest(campaign, identity_provider, trouble):
    clock = Clock()
    trouble(identity_provider)
    run(clock)
    account = EmailAccount.objects.get()
    assert (account.massmail, account.cooling_reason) == (True, "identity provider")
    assert account.cooling_until == clock() + timedelta(minutes=1)
    assert counts(campaign) == {PENDING: 3}
    assert {row.attempts for row in rows(campaign)} == {0}
    assert DeliveryAttempt.objects.count() == len(mail.outbox) == 0


def test_account_goes_on_when_its_provider_does(campaign, identity_provider):
    clock = Clock()
    identity_provider.answer("/token", 503, times=1)
    run(clock)
    clock.forward(minutes=2)
    run(clock)
    assert refreshed(campaign).sent_count == 3
    account = EmailAccount.objects.get()
    assert (account.cooling_until, account.trouble_reply) == (None, "")


def test_wrong_client_of_the_installation_switches_no_account_off(campaign, identity_provider):
    identity_provider.answer("/token", 401, {"error": "invalid_client"})
    run()
    account = EmailAccount.objects.get()
    assert (account.massmail, account.cooling_reason) == (True, "configuration")


def test_mail_server_that_refuses_two_tokens_wants_another_connection(campaign, token_server):
    token_server.accepts_token = lambda *_: False
    run()
    account = EmailAccount.objects.get()
    assert (account.massmail, account.off_reason) == (False, "reconnect")
    assert account.trouble_reply == "535 5.7.8 Username and Password not accepted"
    assert counts(campaign) == {PENDING: 3}


def test_people_of_an_ended_permission_go_to_the_owners_other_account(
    owner, campaign, identity_provider, token_server
):
    identity_provider.end(LOGIN)
    identity_provider.refresh_tokens["other"] = "bob@example.org"
    EmailAccountFactory.create(
        owner=owner,
        email_port=token_server.port,
        refresh_token="other",
        **VALUES | {"email_host_user": "bob@example.org"},
    )
    run()
    run()
    assert refreshed(campaign).sent_count == 3
    assert {sent.user for sent in token_server.mails} == {"bob@example.org"}


def test_vips_of_an_ended_permission_wait(owner, token_server, identity_provider):
    mailing_out = campaign_on(token_server, owner=owner, start=False, **VALUES)
    main = MainAccountFactory.create(
        owner=owner, email_port=token_server.port, refresh_token="ended", **VALUES
    )
    for contact in Contact.objects.all():
        MassContactFactory.create(content_object=contact, email_account=main)
    mailing_out.start()
    run()
    run()
    main.refresh_from_db()
    assert main.off_reason == "reconnect"
    assert {row.email_account_id for row in rows(mailing_out)} == {main.pk}
    assert counts(mailing_out) == {PENDING: 3}
