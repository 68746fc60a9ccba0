"""The first page, the list and the page of a campaign: on a phone, in the dark, without errors."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from massmail.models import MailingOut
from tests.browser.conftest import PageOf
from tests.massmail.cast import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def page(page_of: PageOf, cast: Cast) -> Page:
    """A page of a superuser."""
    return page_of(cast.superuser, color_scheme="dark")


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
