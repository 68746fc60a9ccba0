"""Mails in the editor: what an author wrote comes back from the visual view as it was."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from playwright.sync_api import Page

from crm.demo import newsletter
from massmail.models import EmlMessage, Picture
from tests.browser.conftest import PageOf
from tests.browser.editing import data_of, save, set_mode, type_at_the_end, wait_for_editor
from tests.factories import PictureFactory, red_square
from tests.massmail.cast import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

MAILS = {
    "newsletter": newsletter._text("newsletter.html"),
    "hard": Path(__file__).with_name("hard_mail.html").read_text(),
}
_TEMPLATE_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}")
_CONDITIONAL = re.compile(r"<!--\[if.*?(?:<!\[endif\]-->|<!-->)|<!--<!\[endif\]-->", re.DOTALL)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


class _Elements(HTMLParser):
    """The start tags with their attributes in any order, and all text without its white space.

    A browser's table always has a body: `tbody` does not count.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, frozenset[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tbody":
            return
        self.elements.append((tag, frozenset((name, _css(name, value)) for name, value in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += "".join(data.split())


def _css(name: str, value: str | None) -> str | None:
    """The same style whatever its blanks and last semicolon."""
    if name != "style" or not value:
        return value
    return re.sub(r"\s*([:;,])\s*", r"\1", value).rstrip(";")


def kept_whole(html: str) -> Counter[str]:
    """The template tags and comments for Outlook, byte by byte; attributes may change places."""
    return Counter(_TEMPLATE_TAG.findall(html) + _CONDITIONAL.findall(html))


def message_of(cast: Cast, content: str) -> EmlMessage:
    for name in (newsletter.LOGO, "pics/logo.png"):
        picture = PictureFactory.create(owner=cast.owner)
        Picture.objects.filter(pk=picture.pk).update(file=name)
        if not default_storage.exists(name):
            default_storage.save(name, ContentFile(red_square()))
    return cast.message(content=content)


def open_message(page: Page, message: EmlMessage) -> None:
    page.goto(f"/admin/massmail/emlmessage/{message.pk}/change/")
    wait_for_editor(page)


def toggle_source(page: Page, times: int) -> None:
    for _ in range(times):
        set_mode(page, "source")
        set_mode(page, "wysiwyg")


@pytest.mark.parametrize("name", MAILS)
def test_mail_survives_both_views_typing_and_saving(page_of: PageOf, cast: Cast, name: str) -> None:
    original = MAILS[name].replace('"you"', "'you'")
    message = message_of(cast, MAILS[name])
    page = page_of(cast.owner)
    open_message(page, message)

    toggle_source(page, 2)
    save(page)

    message.refresh_from_db()
    first = message.content
    before, after = _Elements(original), _Elements(first)
    assert kept_whole(first) == kept_whole(original)
    assert after.elements == before.elements
    assert after.text == before.text

    wait_for_editor(page)
    toggle_source(page, 2)
    save(page)
    message.refresh_from_db()
    assert message.content == first

    wait_for_editor(page)
    type_at_the_end(page, " typed")
    toggle_source(page, 1)
    save(page)
    message.refresh_from_db()
    assert message.content.count("typed") == 1
    assert message.content.replace(" typed", "").replace("&nbsp;typed", "") == first


@pytest.mark.parametrize(
    "line",
    [
        "<p>a<script>window.ran = 1</script>b</p>",
        '<p onclick="window.ran = 1">b</p>',
        '<img src="x" onerror="window.ran = 1">',
        '<svg onload="window.ran = 1"></svg><p>b</p>',
        '<iframe srcdoc="<script>parent.ran = 1</script>"></iframe><p>b</p>',
    ],
)
def test_nothing_of_a_mail_runs_in_the_editor(page_of: PageOf, cast: Cast, line: str) -> None:
    page = page_of(cast.owner)
    open_message(page, message_of(cast, line))

    toggle_source(page, 1)

    ran = page.evaluate(
        "() => [window.ran, CKEDITOR.instances.id_content.window.$.ran].filter(Boolean)"
    )
    assert ran == []
    assert re.search(r"script|onclick|onerror|svg|iframe", data_of(page)) is None


def test_picture_of_the_gallery_is_seen_and_its_tag_is_saved(page_of: PageOf, cast: Cast) -> None:
    content = '<p><img alt="" src="{% cid_media \'pics/logo.png\' %}" width="20"></p>'
    page = page_of(cast.owner)
    open_message(page, message_of(cast, content))

    seen = page.evaluate(
        "() => CKEDITOR.instances.id_content.editable().findOne('img').$.getAttribute('src')"
    )

    assert seen == "/media/pics/logo.png"
    assert "src=\"{% cid_media 'pics/logo.png' %}\"" in data_of(page)
