"""The cleaning step in a real browser: nothing of a hostile message runs, or loads anything."""

from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route

from massmail.content.cleaning import clean
from massmail.content.pieces import Placeholders
from massmail.utils.email_creators import MessageSource, Person, check_source, compile_message
from tests.massmail.content.hostile import HOSTILE_HTML, HOSTILE_LITERALS, HOSTILE_VALUE

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CORPUS = HOSTILE_HTML + HOSTILE_LITERALS
# Handlers and script addresses as the browser's own parser sees them, inert documents included.
FIND_ACTIVE = """() => {
    const found = [];
    for (const element of document.querySelectorAll('*')) {
        if (/^(script|iframe|object|embed|form|svg|math|base|link)$/i.test(element.localName)) {
            found.push(element.localName);
        }
        for (const attribute of element.attributes) {
            if (/^(on|srcdoc$|formaction$)/i.test(attribute.name)) {
                found.push(attribute.name);
            }
            if (/^[\\s\\x00-\\x20]*(javascript|vbscript|data):/i.test(attribute.value)) {
                found.push(`${attribute.name}=${attribute.value}`);
            }
        }
    }
    return found;
}"""


@dataclass
class Watched:
    """A page whose requests go nowhere, and what it did."""

    page: Page
    done: list[str] = field(default_factory=list)

    def load(self, html: str) -> list[str]:
        """Show a document; return what ran, what was asked for, and what could run."""
        self.done.clear()
        self.page.set_content(html, wait_until="load")
        active: list[str] = self.page.evaluate(FIND_ACTIVE)
        return self.done + active


@pytest.fixture(scope="module")
def watched(browser: Browser) -> Watched:
    context = browser.new_context()
    page = context.new_page()
    watched = Watched(page)

    def refuse(route: Route) -> None:
        watched.done.append(route.request.url)
        route.abort()

    def dismiss(dialog: Dialog) -> None:
        watched.done.append(dialog.message)
        dialog.dismiss()

    page.route("**/*", refuse)
    page.on("dialog", dismiss)
    return watched


def person(value: str) -> Person:
    return Person(
        address="a@example.com",
        name="A",
        variables={"x": value},
        unsubscribe_url="https://example.com/unsubscribe/1",
        message_id="<1@example.com>",
    )


def documents(content: str) -> list[str]:
    """What a hostile message is at worst: built for two people, or cleaned although refused.

    Refused, its template tags do not print: they are not even compiled.
    """
    source = MessageSource(subject="x", content=content)
    if check_source(source, ["x", "y"]):
        held = Placeholders()
        return [held.pattern.sub("", clean(content, held))]
    message = compile_message(source)
    return [message.render(person(value)).html for value in (HOSTILE_VALUE, "")]


def test_corpus_is_large_enough() -> None:
    assert len(set(CORPUS)) >= 76


@pytest.mark.parametrize("content", CORPUS)
def test_nothing_runs_or_loads(watched: Watched, content: str) -> None:
    done = [each for html in documents(content) for each in watched.load(html)]

    assert [each for each in done if not each.startswith("https://example.com")] == []


def test_the_same_corpus_does_harm_without_cleaning(watched: Watched) -> None:
    harmful = [content for content in CORPUS if watched.load(content)]

    assert len(harmful) > 40
