"""A first campaign as its owner sees it: from a list of people to the last mail, in a browser."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from massmail.models import EmailAccount, MailingOut
from massmail.utils import sendmassmail
from tests.massmail.cast import Cast, make_cast
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PEOPLE = 4


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, cast: Cast) -> Iterator[Page]:
    """A page of the owner, who has typed name and password; it must stay free of errors."""
    cast.owner.set_password("a good password")
    cast.owner.save()
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: _note(faults, line.type, line.text))
    page.goto("/admin/")
    page.get_by_label("Username").fill("owner")
    page.get_by_label("Password").fill("a good password")
    page.get_by_role("button", name="Log in").click()
    yield page
    context.close()
    assert faults == []


def _note(faults: list[str], kind: str, text: str) -> None:
    if kind == "error" and "favicon" not in text and "404" not in text:
        faults.append(text)


def test_campaign_from_people_to_the_last_mail(page: Page, cast: Cast, server: SmtpServer) -> None:
    cast.account(email_port=server.port)
    cast.message(subject="The spring offer")
    cast.contacts(PEOPLE)

    choose_people(page)
    choose_message(page)
    start(page)
    sendmassmail.run_until_idle()

    # The script brings the numbers: nothing is loaded again by hand.
    expect(page.locator("#progress")).to_contain_text(f"{PEOPLE} of {PEOPLE} people")
    expect(page.locator("[data-progress=percent]")).to_have_text("100", timeout=15_000)
    expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=15_000)
    assert len(server.mails) == PEOPLE
    open_a_delivery(page)


def choose_people(page: Page) -> None:
    page.goto("/admin/crm/contact/")
    page.locator("#action-toggle").check()
    page.get_by_label("Action:").select_option(label="Create a mailing out")
    page.get_by_role("button", name="Go").click()
    expect(page.locator("#audience")).to_contain_text(f"{PEOPLE} chosen = {PEOPLE} to send")
    expect(page.locator("#start")).to_contain_text("No message is chosen.")


def choose_message(page: Page) -> None:
    page.get_by_label("Choose a message:").select_option(label="The spring offer")
    page.get_by_role("button", name="Choose", exact=True).click()
    expect(page.locator(".subject")).to_have_text("The spring offer")
    mail = page.frame_locator("iframe.preview-html")
    expect(mail.locator("body")).to_contain_text("here are our news.")
    expect(page.locator("#start")).to_contain_text("Everything is ready.")


def start(page: Page) -> None:
    page.locator("summary", has_text="Start…").click()
    expect(page.locator("#start")).to_contain_text(f"{PEOPLE} people get a mail:")
    page.get_by_role("button", name=f"Start: {PEOPLE} people").click()
    expect(page.locator("#progress")).to_contain_text(f"0 of {PEOPLE} people")


def open_a_delivery(page: Page) -> None:
    page.get_by_role("link", name=f"{PEOPLE} sent").click()
    page.locator(".people-table tbody a").first.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("Taken by the server")
    page.locator("label", has_text="headers").click()
    heads = page.frame_locator("iframe.preview-heads")
    expect(heads.locator("body")).to_contain_text("Subject: The spring offer")


def test_pause_and_resume_without_scripts(
    browser: Browser, live_server: LiveServer, cast: Cast, client: Client
) -> None:
    cast.account()
    mailing_out = cast.started(number=2)
    client.force_login(cast.owner)
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"/admin/massmail/mailingout/{mailing_out.pk}/change/")

    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".mark").first).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".mark").first).to_have_text("Running")

    context.close()
    mailing_out.refresh_from_db()
    assert mailing_out.status == MailingOut.Status.ACTIVE
    assert EmailAccount.objects.filter(massmail=True).exists()
