"""The first page, the list and the page of a campaign: on a phone, in the dark, without errors."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from massmail.models import MailingOut
from tests.massmail.cast import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, cast: Cast, client: Client) -> Iterator[Page]:
    """A page of a superuser; it must stay free of errors."""
    client.force_login(cast.superuser)
    context = browser.new_context(base_url=live_server.url, color_scheme="dark")
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert faults == []


def campaign(cast: Cast) -> MailingOut:
    """A mailing out that has sent two mails of three."""
    mailing_out = cast.started(number=3)
    rows = list(mailing_out.deliveries.values_list("pk", flat=True))[:2]
    mailing_out.deliveries.filter(pk__in=rows).update(status="sent", sent_at=timezone.now())
    MailingOut.objects.update(sent_count=2, pending_count=1, attempts_count=2)
    return mailing_out


def test_pages_fit_on_a_phone(page: Page, cast: Cast) -> None:
    running = campaign(cast)
    draft = cast.draft(number=2)
    page.set_viewport_size({"width": 390, "height": 844})
    for address in (
        "/admin/",
        "/admin/massmail/mailingout/",
        f"/admin/massmail/mailingout/{running.pk}/change/",
        f"/admin/massmail/mailingout/{draft.pk}/change/",
        "/admin/massmail/massmailsettings/1/change/",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address


def test_chart_is_drawn_and_has_a_table(page: Page, cast: Cast) -> None:
    mailing_out = campaign(cast)
    page.goto(f"/admin/massmail/mailingout/{mailing_out.pk}/change/")

    page.wait_for_function("() => window.Chart && Object.keys(window.Chart.instances).length === 1")
    page.get_by_role("link", name="as a table").click()

    expect(page.get_by_role("heading", name="Mails over time")).to_be_visible()
    expect(page.locator(".totals tbody tr")).to_have_count(1)


def test_all_sending_is_paused_from_the_first_page(page: Page, cast: Cast) -> None:
    page.goto("/admin/")
    page.locator("summary", has_text="Pause all sending…").click()
    page.get_by_role("button", name="Pause all sending").click()
    expect(page.locator(".note.warning")).to_contain_text("All sending is paused")
    page.get_by_role("button", name="Go on with all sending").click()
    expect(page.locator(".note.warning")).to_have_count(0)
