import pytest
from django.contrib.auth.models import User

from crm.demo import first_campaign, showcase
from crm.demo.mailbox import GONE, LOST
from crm.models import Lead
from crm.services import installation
from massmail.clock import database_now
from massmail.models import EmailAccount, MailingOut, Picture
from massmail.services import checking

pytestmark = pytest.mark.django_db


@pytest.fixture
def first() -> MailingOut:
    installation.install()
    mailing_out = first_campaign.create(password="a secret", mailbox_port=4025)
    first_campaign.show_more(mailing_out, password="a secret", mailbox_port=4025)
    return mailing_out


def test_it_comes_after_the_first_campaign(first: MailingOut) -> None:
    assert first_campaign.find() == first
    names = list(MailingOut.objects.order_by("pk").values_list("name", flat=True))
    assert names == ["Spring news", "First contact", "Invitations to the fair", "Autumn lights"]


def test_everybody_logs_in(first: MailingOut) -> None:
    users = User.objects.all()
    assert {user.username for user in users} == {*first_campaign.USERS, *showcase.ROLES}
    assert [user.check_password("a secret") for user in users] == [True] * 6


def test_draft_has_something_to_mend(first: MailingOut) -> None:
    draft = MailingOut.objects.get(name="Autumn lights")
    found = checking.findings_of(checking.check(draft, now=database_now()))
    missing = [(each.name, each.number) for each in found if each.code == checking.MISSING]
    assert missing[0][0] == "first_name"
    assert missing[0][1] > 0


def test_accounts_are_of_each_kind(first: MailingOut) -> None:
    accounts = EmailAccount.objects.order_by("pk").values_list("kind", "main", "massmail")
    assert list(accounts) == [
        ("relay", False, True),
        ("relay", False, True),
        ("relay", True, True),
        ("relay", False, False),
        ("mailbox", True, True),
    ]
    assert Picture.objects.count() == 2


def test_some_addresses_make_the_mailbox_refuse(first: MailingOut) -> None:
    addresses = Lead.objects.values_list("email", flat=True)
    assert sum(each.startswith(GONE) for each in addresses) == 4
    assert sum(each.startswith(LOST) for each in addresses) == 1
