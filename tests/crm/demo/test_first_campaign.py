import pytest
from django.contrib.auth.models import User

from crm.demo import first_campaign
from crm.models import Contact, Lead
from crm.services import installation
from massmail.models import Delivery, EmailAccount, MailingOut, MassContact
from tests.factories import EmailAccountFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing_out():
    installation.install()
    return first_campaign.create(password="a secret", mailbox_port=4025)


def test_campaign_is_started_and_shows_why_people_are_left_out(mailing_out):
    reasons = set(
        Delivery.objects.filter(status=Delivery.Status.SKIPPED).values_list("reason", flat=True)
    )

    assert mailing_out.status == MailingOut.Status.ACTIVE
    assert mailing_out.recipients_number == 300
    assert mailing_out.pending_count == 300 - mailing_out.skipped_count
    assert reasons == {"no_address", "duplicate", "unsubscribed", "disqualified", "suppressed"}


def test_there_are_two_owners_three_accounts_and_people_of_each_kind(mailing_out):
    assert set(User.objects.values_list("username", flat=True)) == set(first_campaign.USERS)
    assert EmailAccount.objects.filter(main=True, owner=mailing_out.owner).count() == 1
    assert EmailAccount.objects.filter(shared=True).exclude(owner=mailing_out.owner).count() == 1
    assert EmailAccount.objects.count() == 3
    assert Contact.objects.count() == 420
    assert Lead.objects.count() == 60


def test_vips_wait_for_the_main_account(mailing_out):
    vips = MassContact.objects.filter(email_account__main=True)

    assert vips.count() == 3
    assert Delivery.objects.filter(email_account__main=True, status="pending").count() == 3


def test_all_log_in_with_the_password(mailing_out):
    assert [user.check_password("a secret") for user in User.objects.all()] == [True] * 3


def test_it_is_found_again(mailing_out):
    assert first_campaign.find() == mailing_out
    assert first_campaign.stored_mailbox_port() == 4025


def test_without_it_there_is_nothing_to_find():
    assert first_campaign.find() is None
    assert first_campaign.stored_mailbox_port() is None


def test_accounts_follow_the_mailbox_and_others_do_not(mailing_out):
    other = EmailAccountFactory.create(email_port=465)

    first_campaign.move_accounts(mailbox_port=4026)

    ports = EmailAccount.objects.exclude(pk=other.pk).values_list("email_port", flat=True)
    assert set(ports) == {4026}
    other.refresh_from_db()
    assert other.email_port == 465


def test_new_password_is_for_the_demos_users_alone(mailing_out):
    other = EmailAccountFactory.create().owner

    first_campaign.set_passwords("another")

    other.refresh_from_db()
    assert not other.check_password("another")
    assert mailing_out.owner.__class__.objects.get(pk=mailing_out.owner.pk).check_password(
        "another"
    )
