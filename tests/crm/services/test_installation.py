import pytest
from django.contrib.auth.models import Group, User

from common.models import Department
from crm.models import ClientType, Country, Industry, LeadSource
from crm.services import installation
from massmail.models import MassmailSettings

pytestmark = pytest.mark.django_db


def codenames(group: str) -> set[str]:
    permissions = Group.objects.get(name=group).permissions
    return set(permissions.values_list("codename", flat=True))


def test_install_fills_every_list():
    installation.install()

    assert Country.objects.count() == 249
    assert Industry.objects.count() == 12
    assert ClientType.objects.count() == 5
    assert LeadSource.objects.count() == 5
    assert set(Department.objects.values_list("name", flat=True)) == {
        "Global sales",
        "Local sales",
        "Bookkeeping",
    }
    assert MassmailSettings.objects.count() == 1


def test_install_again_adds_nothing_and_keeps_what_was_changed():
    installation.install()
    MassmailSettings.objects.update(emails_per_day=7)
    Group.objects.get(name="chiefs").permissions.clear()
    counts = [model.objects.count() for model in (Country, Industry, Department, Group)]

    installation.install()

    assert [model.objects.count() for model in (Country, Industry, Department, Group)] == counts
    assert MassmailSettings.load().emails_per_day == 7
    assert "view_mailingout" in codenames("chiefs")


def test_managers_may_mail_and_chiefs_only_look():
    installation.install()

    assert codenames("managers") >= {
        "add_mailingout",
        "add_emlmessage",
        "add_signature",
        "add_emailaccount",
        "change_emailaccount",
    }
    assert {name.partition("_")[0] for name in codenames("chiefs")} == {"view"}


def test_operators_have_people_but_no_mass_mail():
    installation.install()

    assert "add_contact" in codenames("operators")
    assert not [name for name in codenames("operators") if "mailing" in name or "eml" in name]
    assert codenames("co-workers") == set()


def test_superuser_is_created_once():
    first = installation.install_superuser(username="root", password="one", email="r@example.com")
    second = installation.install_superuser(username="root", password="two", email="")

    root = User.objects.get(username="root")
    assert (first, second) == (True, False)
    assert root.is_superuser
    assert root.check_password("one")
