"""What tests in a browser share: a page of somebody who is signed in, free of errors."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponseBase
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

PageOf = Callable[..., Page]


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> threading.Lock:
    """Let the server answer one request after the other, as its threads share one connection.

    That is so for a SQLite database in memory, where two at once get into each other's
    transactions.
    """
    lock = threading.Lock()
    answer = WSGIHandler.get_response

    def answer_alone(handler: WSGIHandler, request: HttpRequest) -> HttpResponseBase:
        with lock:
            return answer(handler, request)

    monkeypatch.setattr(WSGIHandler, "get_response", answer_alone)
    return lock


@pytest.fixture
def page_of(
    browser: Browser, live_server: LiveServer, client: Client, one_at_a_time: threading.Lock
) -> Iterator[PageOf]:
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
        context.close()
    with one_at_a_time:  # the server must be done before its database is emptied
        pass
    ContentType.objects.clear_cache()
    assert faults == []


def _note(faults: list[str], kind: str, text: str) -> None:
    if kind == "error" and "favicon" not in text and "404" not in text:
        faults.append(text)
