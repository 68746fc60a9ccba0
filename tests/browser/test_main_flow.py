"""From people to the last mail as a newcomer goes, also right to left and on a phone.

Things are found by their ids and addresses, so that the same steps work in any language.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from massmail.models import MailingOut
from massmail.utils import sendmassmail
from tests.browser.conftest import PageOf
from tests.browser.editing import wait_for_editor
from tests.factories import CountryFactory
from tests.massmail.cast import Cast, make_cast
from tests.massmail.content import uploads
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ACT = "form[action$='/{}/'] button[type=submit]"


@dataclass
class Flow:
    """The steps, each on the page where the one before it ended."""

    page: Page
    direction: str = "ltr"
    widths: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Note how wide the page is, and that it reads in its direction."""
        expect(self.page.locator("html")).to_have_attribute("dir", self.direction)
        self.widths.append(self.page.evaluate("document.documentElement.scrollWidth"))

    def choose_people(self) -> None:
        self.page.goto("/admin/")
        self.look()
        self.page.locator(".home-acts a").click()
        self.look()
        self.page.locator(".types input[value*=contact]").check()
        self.page.locator("form.card button[type=submit]").click()
        self.look()
        self.page.get_by_label("Germany").check()
        expect(self.page.locator("[data-count-headline]")).to_contain_text("3")
        self.page.locator("button[name=create]").click()
        self.page.wait_for_url("**/mailingout/*/change/**")
        self.look()

    def write(self, subject: str, content: str) -> None:
        self.page.locator("#message a[href*='emlmessage/add/']").click()
        wait_for_editor(self.page)
        self.look()
        self.page.locator("#id_subject").fill(subject)
        self.page.evaluate("text => CKEDITOR.instances.id_content.setData(text)", content)
        self.page.locator("input[name=_save]").first.click()
        self.page.wait_for_url("**/mailingout/*/change/**")
        self.look()

    def send_test(self) -> None:
        self.page.locator(".send-test summary").click()
        self.page.locator("#id_test_to").fill("me@example.com")
        self.page.locator(".send-test-form button[type=submit]").click()
        expect(self.page.locator(".messagelist .success")).to_be_visible()
        self.look()

    def start(self) -> None:
        self.page.locator("#start summary").click()
        self.page.locator(f"#start {ACT.format('start')}").click()
        expect(self.page.locator("#progress")).to_be_visible()
        self.look()


@pytest.fixture
def cast() -> Cast:
    """Return the people; the owner has three contacts in Germany and one elsewhere."""
    cast = make_cast()
    cast.owner.email = "owner@example.com"
    cast.owner.save()
    germany = CountryFactory.create(name="Germany")
    for name in ("Ann", "Bob", "Zoë"):
        address = f"{name[0].lower()}@example.com"
        cast.contacts(1, country=germany, first_name=name, email=address)
    cast.contacts(1)
    return cast


@pytest.fixture
def server(cast: Cast) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        cast.account(email_port=server.port)
        yield server


def upload(page: Page, file: Path) -> str:
    """Upload a picture; return how a message names it."""
    file.write_bytes(uploads.picture("PNG", (64, 32)))
    page.goto("/massmail/pic-upload/")
    page.locator("input[type=file]").set_input_files(file)
    page.locator("#content form button[type=submit]").click()
    page.locator(".picture details summary").click()
    return page.locator(".picture-tag").inner_text()


def test_newcomer_gets_to_the_result(
    page_of: PageOf, cast: Cast, server: SmtpServer, tmp_path: Path
) -> None:
    page = page_of(cast.owner)
    tag = upload(page, tmp_path / "logo.png")
    flow = Flow(page)

    flow.choose_people()
    flow.write("News for {{ first_name }}", f'<p>Dear {{{{ first_name }}}}</p><img src="{tag}">')
    mail = page.frame_locator("iframe.preview-html").locator("body")
    expect(mail).to_contain_text("Dear Ann")
    flow.send_test()
    flow.start()
    sendmassmail.run_until_idle()

    test, *mails = server.mails
    assert test.recipients == ("me@example.com",)
    assert b"Content-ID: <" in test.data
    assert {each.recipients[0][0] for each in mails} == {"a", "b", "z"}


def test_failed_are_tried_again_and_united(page_of: PageOf, cast: Cast, server: SmtpServer) -> None:
    server.on("rcpt", "550 5.2.1 The mailbox sleeps", times=1)
    mailing_out = cast.started(number=3)
    sendmassmail.run_until_idle()
    assert len(server.mails) == 2
    page = page_of(cast.owner)
    page.goto(f"/admin/massmail/mailingout/{mailing_out.pk}/change/")

    retry_what_failed(page)
    sendmassmail.run_until_idle()
    assert len({each.recipients for each in server.mails}) == 3
    merge_with_a_copy(page)
    done, united = MailingOut.objects.order_by("pk")
    assert (done.sent_count, done.failed_count, done.status) == (3, 0, MailingOut.Status.DONE)
    assert (united.recipients_number, united.pending_count, united.skipped_count) == (3, 0, 3)


def retry_what_failed(page: Page) -> None:
    page.locator("form[action*='/send-failed-recipients/'] button[type=submit]").click()
    expect(page.locator(".messagelist .success")).to_be_visible()


def merge_with_a_copy(page: Page) -> None:
    """Duplicate the mailing out, and unite both."""
    page.reload()
    page.locator(ACT.format("copy")).click()
    page.goto("/admin/massmail/mailingout/?owner=all")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("merge_mailing_outs")
    page.locator("button[name=index]").click()
    page.locator("#content form button[type=submit]").first.click()
    page.wait_for_url("**/mailingout/**")


def test_flow_reads_from_right_to_left(page_of: PageOf, cast: Cast, server: SmtpServer) -> None:
    flow = Flow(page_of(cast.owner, locale="ar"), direction="rtl")
    go_through(flow)
    assert set(flow.widths) == {1280}


def test_flow_fits_a_phone(page_of: PageOf, cast: Cast, server: SmtpServer) -> None:
    flow = Flow(page_of(cast.owner, viewport={"width": 390, "height": 844}))
    go_through(flow)
    assert set(flow.widths) == {390}


def go_through(flow: Flow) -> None:
    flow.choose_people()
    flow.write("News", "<p>Dear {{ first_name }}</p>")
    flow.send_test()
    flow.start()
