"""Pictures in a browser: uploaded, copied, inserted, linked; and no upload ever runs a script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect
from pytest_django.live_server_helper import LiveServer

from massmail.models import Picture, VersionFile
from massmail.services import pictures, versions
from tests.browser.conftest import PageOf
from tests.browser.editing import save, wait_for_editor
from tests.massmail.cast import Cast, make_cast
from tests.massmail.content import uploads

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
GALLERY = "/massmail/show-uploaded-images/"
LATER = "button => { setTimeout(() => button.click()); }"  # the click closes the window
CHOSEN = "CKEDITOR.dialog.getCurrent().getValueOf('info', 'txtUrl')"  # in the editor's dialog


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def context(
    browser: Browser, live_server: LiveServer, cast: Cast, client: Client
) -> Iterator[BrowserContext]:
    """The owner's browser."""
    client.force_login(cast.owner)
    session = client.cookies["sessionid"].value
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def test_picture_is_uploaded_named_copied_and_deleted(
    page: Page, context: BrowserContext, tmp_path: Path
) -> None:
    file = tmp_path / "logo.webp"
    file.write_bytes(uploads.picture("WEBP", (640, 360)))
    context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.goto(GALLERY)
    page.get_by_role("link", name="Upload the first").click()
    page.get_by_label("Drag a picture here").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()
    picture = Picture.objects.get()
    expect(page.locator(".gallery")).to_contain_text("640 × 360 px")
    thumbnail = page.locator(".picture img")
    expect(thumbnail).to_have_js_property("complete", value=True)
    expect(thumbnail).to_have_js_property("naturalWidth", 320)

    page.get_by_role("button", name="Copy the tag").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == picture.tag

    page.get_by_text("More", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Our logo")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".messagelist")).to_contain_text("It is called “Our logo” now.")

    page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Delete the picture").click()
    expect(page.locator(".messagelist")).to_contain_text("“Our logo” is deleted.")
    expect(page.locator(".empty")).to_contain_text("You have no pictures yet.")


def test_file_is_dropped(page: Page) -> None:
    page.goto("/massmail/pic-upload/")
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["no picture"], "notes.png"));
            const zone = document.querySelector("[data-drop-zone]");
            zone.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true}));
        }"""
    )
    page.get_by_role("button", name="Upload", exact=True).click()

    expect(page.locator(".errornote")).to_contain_text("This is no picture that mail programs show")


def test_editor_gets_the_chosen_picture(page: Page, cast: Cast) -> None:
    picture = pictures.add(owner=cast.owner, name="logo", data=uploads.picture("PNG"))
    page.goto("/massmail/pic-upload/")
    page.evaluate(
        """() => {
            window.CKEDITOR = {tools: {callFunction: (...given) => { window.given = given; }}};
        }"""
    )

    with page.expect_popup() as opened:
        page.evaluate(f"() => {{ window.open('{GALLERY}?CKEditorFuncNum=3'); }}")
    with opened.value.expect_event("close"):
        opened.value.get_by_role("button", name="Insert").evaluate(LATER)

    assert page.evaluate("() => window.given") == [3, f"/media/{picture.file.name}"]


def test_editor_uploads_and_browses(page_of: PageOf, cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "logo.png"
    file.write_bytes(uploads.picture("PNG", (64, 32)))
    other = pictures.add(owner=cast.owner, name="other", data=uploads.picture("PNG"))
    message = cast.message()
    page = page_of(cast.owner)
    page.goto(f"/admin/massmail/emlmessage/{message.pk}/change/")
    wait_for_editor(page)

    page.locator(".cke_button__image").click()
    page.get_by_role("tab", name="Upload").click()
    page.frame_locator("iframe.cke_dialog_ui_input_file").locator("input").set_input_files(file)
    page.get_by_role("button", name="Send it to the Server").click()
    page.wait_for_function(f"() => {CHOSEN}.startsWith('/media/pics/')")
    uploaded = Picture.objects.get(name="logo.png")
    assert page.evaluate(f"() => {CHOSEN}") == f"/media/{uploaded.file.name}"
    page.evaluate("() => CKEDITOR.dialog.getCurrent().selectPage('info')")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Browse Server").and_(page.locator(":visible")).click()
    with opened.value.expect_event("close"):
        opened.value.locator(f"#picture-{other.pk}").get_by_role("button", name="Insert").evaluate(
            LATER
        )
    page.wait_for_function(f"() => {CHOSEN} === '/media/{other.file.name}'")
    page.locator(".cke_dialog_ui_button_ok").click()
    save(page)

    message.refresh_from_db()
    assert f'src="/media/{other.file.name}"' in message.content
    assert [len(pictures.images_of(message)), uploaded.owner] == [1, cast.owner]


def test_gallery_works_without_scripts(
    browser: Browser, live_server: LiveServer, cast: Cast, client: Client
) -> None:
    picture = pictures.add(owner=cast.owner, name="logo", data=uploads.picture("PNG"))
    client.force_login(cast.owner)
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(GALLERY)

    page.get_by_text("More", exact=True).click()

    expect(page.locator(".picture-tag")).to_have_text(picture.tag)
    expect(page.get_by_role("button", name="Copy the tag")).to_be_hidden()
    context.close()


def test_no_upload_runs_a_script(page: Page, cast: Cast) -> None:
    """Every polyglot is opened as a document of its own, from the gallery and as a linked one."""
    taken = [
        pictures.add(owner=cast.owner, name=name, data=make())
        for name, make in uploads.POLYGLOTS.items()
    ]
    message = cast.message(content="".join(f'<img src="{each.tag}">' for each in taken))
    versions.freeze(message, links_pictures=True)
    linked = [
        f"/pictures/{file.public_id}.{pictures.public_extension(file.content_type)}"
        for file in VersionFile.objects.all()
    ]
    asked: list[str] = []
    ran: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def note(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    addresses = [f"/media/{each.file.name}" for each in taken] + linked

    kinds = set()
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None
        kinds.add(answer.headers["content-type"])
        ran += ["ran"] if page.evaluate("() => window.ran === 1") else []

    assert (len(uploads.POLYGLOTS), len(linked), ran) == (25, len(set(linked)), [])
    assert len({each.pk for each in taken}) == len(linked)
    assert kinds <= {"image/png", "image/jpeg", "image/gif"}
    assert [url for url in asked if url.endswith("/ran")] == []
