"""A campaign through a provider's HTTP API, by the adapter for Django's email backends."""

import pytest
from django.urls import reverse

from massmail.models import Delivery, EmailAccount, FailReason, MailingOut, Suppression
from tests.mail_provider import MailProvider
from tests.massmail.campaigns import Clock, campaign_on, counts, refreshed, rows, run
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=25)  # nothing is sent over SMTP
PENDING, SENT = Delivery.Status.PENDING, Delivery.Status.SENT


@pytest.fixture
def provider(settings):
    with MailProvider() as provider:
        settings.MASSMAIL_DJANGO_BACKENDS = {"postmark": provider.entry}
        settings.MASSMAIL_TRANSPORTS = settings.MASSMAIL_TRANSPORTS | {
            "postmark": "massmail.backends.django_backend.DjangoTransport"
        }
        yield provider


@pytest.fixture
def campaign(provider, admin_user):
    return campaign_on(NO_SERVER, owner=admin_user, transport="postmark", email_host="postmark")


def test_mails_leave_with_the_providers_id(campaign, provider, admin_client):
    run()
    run()

    assert refreshed(campaign).status == MailingOut.Status.DONE
    first, *_rest = rows(campaign)
    assert sorted(row.provider_id for row in rows(campaign)) == ["pm-1", "pm-2", "pm-3"]
    assert {row.reply for row in rows(campaign)} == {"250 sent"}
    assert sorted(provider.accepted()) == sorted(row.address for row in rows(campaign))
    headers = {header["Name"]: header["Value"] for header in provider.mails[0]["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    page = admin_client.get(reverse("delivery", args=[first.pk])).content.decode()
    assert first.provider_id in page
    assert "250 sent" in page


def test_recipient_whom_the_provider_refuses_fails_alone(campaign, provider):
    address = rows(campaign)[1].address_key or ""
    provider.refused.add(address)
    run()
    assert counts(campaign) == {SENT: 2, Delivery.Status.FAILED: 1}
    failed = campaign.deliveries.get(status=Delivery.Status.FAILED)
    assert (failed.reason, failed.reply, failed.provider_id) == (
        FailReason.ADDRESS,
        "550 rejected",
        "",
    )
    assert Suppression.objects.count() == 0


def test_provider_in_trouble_costs_nobody(campaign, provider):
    clock = Clock()
    provider.answers = [(429, {"Message": "Slow down"})]
    run(clock)
    account = EmailAccount.objects.get()
    assert (account.massmail, account.cooling_reason) == (True, "throttled")
    assert {row.attempts for row in rows(campaign)} == {0}
    clock.forward(minutes=2)
    run(clock)
    clock.forward(minutes=2)
    run(clock)
    assert refreshed(campaign).sent_count == 3


def test_wrong_key_switches_the_account_off(campaign, provider):
    provider.answers = [(401, {"ErrorCode": 10, "Message": "Bad server token"})]
    run()
    account = EmailAccount.objects.get()
    assert (account.massmail, account.off_reason) == (False, "credentials")
    assert counts(campaign) == {PENDING: 3}


def test_answer_that_never_came_is_uncertain(campaign, provider):
    provider.answers = [(500, "")]
    run()
    assert counts(campaign)[Delivery.Status.UNCERTAIN] == 1
    run()
    assert counts(campaign) == {SENT: 2, Delivery.Status.UNCERTAIN: 1}
    assert provider.requests == 3


def test_backend_that_is_not_installed_lets_the_account_rest(campaign, settings):
    settings.MASSMAIL_DJANGO_BACKENDS = {"postmark": {"BACKEND": "no.such.EmailBackend"}}
    run()
    account = EmailAccount.objects.get()
    assert (account.massmail, account.cooling_reason) == (True, "configuration")
    assert counts(campaign) == {PENDING: 3}
