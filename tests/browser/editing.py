"""The editor of messages as a browser test drives it."""

from playwright.sync_api import Page

CONTENT = "id_content"


def wait_for_editor(page: Page, field: str = CONTENT) -> None:
    page.wait_for_function(
        "id => window.CKEDITOR && CKEDITOR.instances[id]"
        " && CKEDITOR.instances[id].status === 'ready'",
        arg=field,
    )


def set_mode(page: Page, mode: str, field: str = CONTENT) -> None:
    """Change between the visual view and the source, as the button does."""
    page.evaluate(
        "([id, mode]) => new Promise(done => CKEDITOR.instances[id].setMode(mode, done))",
        [field, mode],
    )


def data_of(page: Page, field: str = CONTENT) -> str:
    return str(page.evaluate("id => CKEDITOR.instances[id].getData()", field))


def type_at_the_end(page: Page, text: str, field: str = CONTENT) -> None:
    """Type into the visual view with the keyboard, at the end of the first cell or paragraph."""
    page.evaluate(
        """id => {
            const editor = CKEDITOR.instances[id];
            editor.focus();
            const place = editor.editable().findOne('p, td');
            const range = editor.createRange();
            range.moveToElementEditEnd(place);
            range.select();
        }""",
        field,
    )
    page.wait_for_function("id => CKEDITOR.instances[id].focusManager.hasFocus", arg=field)
    page.keyboard.type(text)


def save(page: Page) -> None:
    page.locator("input[name=_continue]").first.click()
    page.wait_for_load_state()
