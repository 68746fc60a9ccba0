"""What tests in a browser share: a page of somebody who is signed in, free of errors."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

PageOf = Callable[..., Page]


@pytest.fixture
def page_of(browser: Browser, live_server: LiveServer, client: Client) -> Iterator[PageOf]:
    """Return a function that opens a page of a user; it must stay free of errors."""
    contexts = []
    faults: list[str] = []

    def open_page(user: User, **options) -> Page:
        client.force_login(user)
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: _note(faults, line.type, line.text))
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:  # the server must be done before its database is emptied
            page.wait_for_load_state("networkidle")
        context.close()
    ContentType.objects.clear_cache()
    assert faults == []


def _note(faults: list[str], kind: str, text: str) -> None:
    if kind == "error" and "favicon" not in text and "404" not in text:
        faults.append(text)
