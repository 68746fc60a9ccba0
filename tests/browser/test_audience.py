"""Choosing people in a browser: the number follows every tick; without scripts a button counts."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from crm.models import Contact
from massmail.models import MailingOut
from tests.factories import CountryFactory, IndustryFactory
from tests.massmail.cast import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast() -> Cast:
    """Return the people, and six contacts in two countries, one of them unsubscribed."""
    cast = make_cast()
    cast.account()
    germany, france = CountryFactory.create(name="Germany"), CountryFactory.create(name="France")
    cast.contacts(4, country=germany)
    cast.contacts(2, country=france)
    Contact.objects.filter(pk=Contact.objects.earliest("pk").pk).update(massmail=False)
    Contact.objects.earliest("pk").company.industry.add(IndustryFactory.create(name="Printing"))
    return cast


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def page(
    browser: Browser,
    live_server: LiveServer,
    cast: Cast,
    client: Client,
    request: pytest.FixtureRequest,
) -> Iterator[Page]:
    client.force_login(cast.owner)
    context = browser.new_context(
        base_url=live_server.url,
        viewport={"width": 390, "height": 844},
        java_script_enabled=request.param,
    )
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


def test_people_are_chosen_added_and_left_out(
    page: Page, request: pytest.FixtureRequest, cast: Cast
) -> None:
    has_scripts = request.node.callspec.params["page"]
    page.goto("/admin/massmail/mailingout/add/")
    page.get_by_label("Contacts").check()
    page.get_by_role("button", name="Choose people").click()
    expect(page.locator("[data-count-headline]")).to_have_text("6 people")

    page.get_by_label("Germany").check()
    counted(page, "4 people", has_scripts=has_scripts)
    expect(page.locator("[data-count-parts]")).to_contain_text("1 left out: unsubscribed")
    page.get_by_label("Name of the mailing out").fill("Spring offer")
    page.get_by_role("button", name="Create the draft").click()
    expect(page.locator("#audience")).to_contain_text("4 chosen = 3 to send + 1 left out")

    page.get_by_role("link", name="Add", exact=True).click()
    counted(page, "2 people", has_scripts=has_scripts)
    page.get_by_role("button", name="Add these people").click()
    expect(page.locator("#audience")).to_contain_text("6 chosen = 5 to send + 1 left out")

    page.get_by_role("link", name="Leave out", exact=True).click()
    page.get_by_label("France").check()
    counted(page, "2 people", has_scripts=has_scripts)
    page.get_by_role("button", name="Leave these people out").click()
    expect(page.locator("#audience")).to_contain_text("6 chosen = 3 to send + 3 left out")
    expect(page.locator("#audience")).to_contain_text("2 left out by hand")
    assert MailingOut.objects.get().name == "Spring offer"


def counted(page: Page, text: str, *, has_scripts: bool) -> None:
    if not has_scripts:
        page.get_by_role("button", name="Count").click()
    expect(page.locator("[data-count-headline]")).to_have_text(text)


@pytest.mark.parametrize("page", [True], ids=["scripts"], indirect=True)
def test_choice_made_before_the_script_is_there_is_counted(page: Page) -> None:
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route("**/audience*.js", hold)
    page.goto("/massmail/contact/make-massmail/", wait_until="commit")

    page.get_by_label("Germany").check()
    expect(page.locator("[data-count-headline]")).to_have_text("6 people")
    assert len(late) == 1
    late[0].continue_()

    expect(page.locator("[data-count-headline]")).to_have_text("4 people")


def test_page_is_no_wider_than_a_phone(page: Page, cast: Cast) -> None:
    for path in ("select-recipient-type/", "contact/make-massmail/"):
        page.goto(f"/massmail/{path}")
        width = page.locator("html").evaluate("html => html.scrollWidth")
        assert (path, width) == (path, 390)
