"""An email account as its owner sets it up: the form's suggestions, the connection, a test mail."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from massmail.models import EmailAccount
from tests.browser.conftest import PageOf
from tests.massmail.cast import Cast, make_cast
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer(users={"u": "right"}) as server:
        yield server


@pytest.fixture
def page(page_of: PageOf, cast: Cast) -> Page:
    """A page of the owner, at the width of a phone."""
    return page_of(cast.owner, viewport={"width": 390, "height": 844})


def test_form_shows_what_applies_and_suggests_the_server(page: Page) -> None:
    page.goto("/admin/massmail/emailaccount/add/")

    expect(page.get_by_label("Mails a second")).to_be_hidden()
    expect(page.get_by_label("Spread over the day")).to_be_visible()
    expect(page.get_by_label("Mails a day")).to_have_attribute("placeholder", "94")
    page.get_by_label("a relay or provider").check()
    expect(page.get_by_label("Mails a second")).to_be_visible()
    expect(page.get_by_label("Spread over the day")).to_be_hidden()
    expect(page.get_by_label("Mails a day")).to_have_attribute("placeholder", "no limit")

    page.get_by_label("From", exact=False).first.fill("Olga <olga@icloud.com>")
    page.get_by_label("From", exact=False).first.blur()
    expect(page.get_by_label("SMTP host")).to_have_value("smtp.mail.me.com")
    expect(page.get_by_label("SMTP port")).to_have_value("587")
    expect(page.get_by_label("STARTTLS")).to_be_checked()
    expect(page.get_by_label("Login")).to_have_value("olga@icloud.com")
    expect(page.locator("[data-provider-advice]")).to_contain_text("iCloud")
    page.get_by_label("TLS from the start").check()
    expect(page.get_by_label("STARTTLS")).not_to_be_checked()
    expect(page.get_by_label("SMTP port")).to_have_value("465")


def test_connection_is_mended_step_by_step(page: Page, cast: Cast, server: SmtpServer) -> None:
    account = cast.account(
        email_port=server.port, email_host_user="u", email_host_password="wrong", name="sales@"
    )
    page.goto(f"/admin/massmail/emailaccount/{account.pk}/change/")

    page.get_by_role("button", name="Test connection").click()
    expect(page.locator(".connection-test")).to_contain_text("does not work yet")
    expect(page.locator(".step-failed")).to_contain_text("The server refused the login")
    page.get_by_label("Password:", exact=True).fill("right")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator(".connection-test")).to_contain_text("The connection works.")

    page.get_by_role("button", name="Switch off").click()
    expect(page.locator(".account-state")).to_contain_text("switched off by hand")
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator(".account-state")).to_have_text("Working")
    assert EmailAccount.objects.get().email_host_password == "right"


def test_test_mail_of_a_draft_arrives(page: Page, cast: Cast, server: SmtpServer) -> None:
    cast.account(email_port=server.port)
    draft = cast.draft(number=2)
    page.goto(f"/admin/massmail/mailingout/{draft.pk}/change/")

    page.locator("summary", has_text="Send a test").click()
    expect(page.get_by_label("To:")).to_have_value("owner@example.com")
    page.get_by_role("button", name="Send the test").click()

    expect(page.locator(".messagelist")).to_contain_text("The test is sent to owner@example.com")
    assert [mail.recipients for mail in server.mails] == [("owner@example.com",)]


def test_pages_fit_a_phone(page: Page, cast: Cast) -> None:
    account = cast.account(kind="mailbox", spread_over_day=True)
    account_page = f"/admin/massmail/emailaccount/{account.pk}"

    for address in (f"{account_page}/change/", f"{account_page}/delete/"):
        page.goto(address)
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, address
