"""What each role finds on the first page and in the menu: enough to work, no locked door."""

from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page

from crm.services import installation
from tests.browser.conftest import PageOf
from tests.factories import SuperuserFactory, UserFactory
from tests.massmail.cast import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PEOPLE = {"company", "contact", "lead", "city", "country", "clienttype", "industry", "leadsource"}
PEOPLE |= {"tag"}
MAIL = {"emailaccount", "emlmessage", "mailingout", "picture", "signature"}


@dataclass(frozen=True)
class Sight:
    """What is seen: the models of the menu, whether one begins to mail, and other parts."""

    models: frozenset[str]
    mails: bool = False
    checklist: bool = False
    colleagues: bool = False
    machinery: bool = False


SIGHTS = {
    "managers": Sight(frozenset(PEOPLE | MAIL), mails=True, checklist=True, colleagues=True),
    "operators": Sight(frozenset(PEOPLE)),
    "superoperators": Sight(frozenset(PEOPLE)),
    "chiefs": Sight(frozenset(PEOPLE | {"emlmessage", "mailingout"}), colleagues=True),
    "co-workers": Sight(frozenset()),
}


@pytest.fixture
def cast() -> Cast:
    """Return the people; the owner's campaign runs."""
    cast = make_cast()
    installation.install()
    cast.started(number=1, name="Spring offer")
    return cast


def sight_of(page: Page) -> Sight:
    """Look at the first page, and at every page of its menu; guests are of the tests alone."""
    page.goto("/admin/")
    rows = page.locator("#content-main tr[class*=model-] th a")
    addresses = [str(each.get_attribute("href")) for each in rows.all()]
    sight = Sight(
        frozenset(address.split("/")[-2] for address in addresses) - {"guest"},
        mails=page.locator(".home-acts a").count() == 1,
        checklist=page.locator(".checklist").count() == 1,
        colleagues=page.locator("#running-title, #needing-title").count() == 1,
        machinery=page.locator("#operators-title").count() == 1,
    )
    locked = [each for each in addresses if page.request.get(each).status != 200]
    assert locked == []
    return sight


@pytest.mark.parametrize("role", SIGHTS)
def test_role_sees_its_own_work(page_of: PageOf, cast: Cast, role: str) -> None:
    group = Group.objects.get(name=role)
    user = UserFactory.create(departments=[cast.department, group])

    assert sight_of(page_of(user)) == SIGHTS[role]


def test_superuser_sees_everything(page_of: PageOf, cast: Cast) -> None:
    sight = sight_of(page_of(SuperuserFactory.create()))

    assert sight.models >= PEOPLE | MAIL | {"massmailsettings", "user", "group"}
    assert (sight.mails, sight.colleagues, sight.machinery) == (True, True, True)


def test_door_is_closed_to_who_is_no_staff(page_of: PageOf, cast: Cast) -> None:
    page = page_of(User.objects.create_user("somebody"))
    page.goto("/admin/")
    assert "/login/" in page.url
