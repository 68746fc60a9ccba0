"""The page of a message: preview while typing, variables, problems, leaving, a phone."""

import pytest
from playwright.sync_api import Dialog, Page, expect

from massmail.models import EmlMessage, Signature
from tests.browser.conftest import PageOf
from tests.browser.editing import data_of, save, set_mode, type_at_the_end, wait_for_editor
from tests.factories import SignatureFactory
from tests.massmail.cast import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def open_message(page: Page, message: EmlMessage) -> None:
    page.goto(f"/admin/massmail/emlmessage/{message.pk}/change/")
    wait_for_editor(page)


def insert_variable(page: Page, field: str, name: str, fallback: str = "") -> None:
    page.locator(f".field-{field} .variables-button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What stands here").select_option(name)
    if fallback:
        dialog.get_by_label("If nothing is known").fill(fallback)
    dialog.get_by_role("button", name="Insert").click()


def test_preview_follows_what_is_typed(page_of: PageOf, cast: Cast) -> None:
    cast.contacts(1, first_name="Zoë", last_name="O'Neil")
    signature = SignatureFactory.create(owner=cast.owner, name="mine", content="<p>Yours, Ann</p>")
    page = page_of(cast.owner)
    open_message(page, cast.message(content="<p>Dear {{ first_name }}</p>"))
    mail = page.frame_locator("iframe.preview-html").locator("body")
    expect(mail).to_contain_text("Dear Zoë")

    type_at_the_end(page, ", good morning")
    page.locator("#id_subject").fill("Spring for {{ first_name }}")
    page.locator("#id_signature").select_option(str(signature.pk))

    expect(mail).to_contain_text("Dear Zoë, good morning")
    expect(mail).to_contain_text("Yours, Ann")
    expect(page.locator(".preview-facts")).to_contain_text("To Zoë O'Neil · Spring for Zoë")
    page.get_by_text("source", exact=True).click()
    expect(page.locator(".preview-source")).to_contain_text("<p>Dear Zoë, good morning</p>")
    page.get_by_text("text", exact=True).click()
    expect(page.locator("pre.preview-plain")).to_contain_text("Dear Zoë, good morning")
    assert EmlMessage.objects.get().subject == "News for {{ full_name }}"


def test_preview_is_of_the_person_who_is_searched_for(page_of: PageOf, cast: Cast) -> None:
    cast.contacts(1, first_name="Ann", last_name="First")
    cast.contacts(1, first_name="Zoë", last_name="Second", email="zoe@example.com")
    page = page_of(cast.owner)
    open_message(page, cast.message(content="<p>Dear {{ first_name }}</p>"))
    mail = page.frame_locator("iframe.preview-html").locator("body")
    expect(mail).to_contain_text("Dear Ann")

    page.get_by_label("As:").fill("second")
    expect(page.locator("#preview-people option")).to_have_count(1)
    label = page.locator("#preview-people option").get_attribute("value")
    page.get_by_label("As:").fill(label or "")

    assert label == "Zoë Second · zoe@example.com · contact"
    expect(mail).to_contain_text("Dear Zoë")


def test_variables_are_inserted_at_the_cursor(page_of: PageOf, cast: Cast) -> None:
    page = page_of(cast.owner)
    open_message(page, cast.message(subject="News for you", content="<p>Dear</p>"))
    page.locator("#id_subject").evaluate("field => field.setSelectionRange(9, 12)")

    insert_variable(page, "subject", "first_name", fallback="there")
    type_at_the_end(page, " ")
    insert_variable(page, "content", "company", fallback="your house")
    set_mode(page, "source")
    insert_variable(page, "content", "salutation")
    save(page)

    message = EmlMessage.objects.get()
    assert message.subject == 'News for {{ first_name|default:"there" }}'
    assert '{{ company|default:"your house" }}' in message.content
    assert "{{ salutation }}" in message.content


def test_fallback_that_would_break_the_tag_is_refused_there(page_of: PageOf, cast: Cast) -> None:
    page = page_of(cast.owner)
    open_message(page, cast.message(subject="x"))

    insert_variable(page, "subject", "first_name", fallback='a"b')

    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    assert page.locator("#id_subject").input_value() == "x"


def test_problem_leads_to_its_line(page_of: PageOf, cast: Cast) -> None:
    page = page_of(cast.owner)
    open_message(page, cast.message(content="<p>a</p>\n\n<p>{{ nmae }}</p>"))

    problem = page.locator("[data-problems] button")
    expect(problem).to_contain_text("There is no variable “nmae”.")
    problem.click()

    page.wait_for_function("() => CKEDITOR.instances.id_content.mode === 'source'")
    selected = page.evaluate(
        "() => { const area = CKEDITOR.instances.id_content.editable().$;"
        " return area.value.slice(area.selectionStart, area.selectionEnd); }"
    )
    assert selected == "<p>{{ nmae }}</p>"


def test_leaving_asks_only_after_a_change(page_of: PageOf, cast: Cast) -> None:
    page = page_of(cast.owner)
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    message = cast.message()
    open_message(page, message)
    set_mode(page, "source")
    set_mode(page, "wysiwyg")
    page.goto("/admin/massmail/emlmessage/")
    unasked = list(asked)

    open_message(page, message)
    type_at_the_end(page, "!")
    page.wait_for_function("() => document.getElementById('id_content').value.includes('!')")
    page.goto("/admin/massmail/emlmessage/")

    assert (unasked, asked) == ([], ["beforeunload"])


def test_length_of_the_subject_counts_what_is_read(page_of: PageOf, cast: Cast) -> None:
    page = page_of(cast.owner)
    open_message(page, cast.message(subject="News"))
    hint = page.locator(".field-subject .length-hint")
    expect(hint).to_have_text("4 of about 60 characters that a phone shows")

    page.locator("#id_subject").fill('News for {{ first_name|default:"there" }}')

    expect(hint).to_have_text("14 of about 60 characters that a phone shows")


def test_signature_changes_between_text_and_html(page_of: PageOf, cast: Cast) -> None:
    signature = SignatureFactory.create(owner=cast.owner, content="<p>Ann<br>Acme &amp; Co</p>")
    page = page_of(cast.owner)
    page.goto(f"/admin/massmail/signature/{signature.pk}/change/")
    wait_for_editor(page)
    mail = page.frame_locator("iframe.preview-html").locator("body")

    page.get_by_label("Type:").select_option("Plain text")
    assert page.locator("#id_content").input_value() == "Ann\nAcme & Co"
    page.locator("#id_content").fill("<b>Ann</b>")
    expect(mail).to_contain_text("<b>Ann</b>")
    save(page)

    signature = Signature.objects.get()
    assert (signature.type, signature.content) == ("Plain text", "<b>Ann</b>")
    page.get_by_label("Type:").select_option("HTML")
    wait_for_editor(page)
    assert data_of(page).strip() == "<p>&lt;b&gt;Ann&lt;/b&gt;</p>"


def test_page_fits_a_phone(page_of: PageOf, cast: Cast) -> None:
    page = page_of(cast.owner, viewport={"width": 390, "height": 844})

    open_message(page, cast.message())

    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_message_is_written_without_scripts(page_of: PageOf, cast: Cast) -> None:
    cast.contacts(1, first_name="Zoë")
    page = page_of(cast.owner, java_script_enabled=False)
    page.goto("/admin/massmail/emlmessage/add/")
    page.get_by_label("Subject:").fill("News")
    page.get_by_label("Content:").fill("<p>Dear {{ first_name }}</p>")

    page.locator("input[name=_continue]").first.click()

    mail = page.frame_locator("iframe.preview-html").locator("body")
    expect(mail).to_contain_text("Dear Zoë")
    expect(page.locator(".variables-button")).to_have_count(0)
