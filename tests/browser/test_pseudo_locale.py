"""Texts a third longer than English at 390 px: nothing is cut off, no page moves sideways."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext
from pytest_django.live_server_helper import LiveServer

from common.models import UserProfile
from tests import pseudo
from tests.massmail.cast import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# Elements whose own text does not fit into them and cannot be scrolled to.
CLIPPED = """() => [...document.querySelectorAll('body *')].filter(element => {
    const style = getComputedStyle(element);
    const hides = ['hidden', 'clip'].includes(style.overflowX);
    const text = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const hidden = element.closest('.visually-hidden, .skip-to-content-link');
    const seen = element.checkVisibility() && !hidden;
    return hides && text && seen && element.scrollWidth > element.clientWidth + 1;
}).map(element => element.textContent.trim().slice(0, 60))"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def cast(settings, tmp_path: Path) -> Cast:
    settings.LOCALE_PATHS = [pseudo.install(tmp_path)]
    settings.LANGUAGES = [("en", "English"), (pseudo.CODE, "Esperanto")]
    cast = make_cast()
    cast.started(3)
    UserProfile.objects.create(user=cast.owner, language_code=pseudo.CODE)
    return cast


@pytest.fixture
def phone(browser: Browser, live_server: LiveServer, cast: Cast) -> Iterator[BrowserContext]:
    client = Client()
    client.force_login(cast.owner)
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 390, "height": 800}, locale=pseudo.CODE
    )
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    yield context
    context.close()


def pages(cast: Cast) -> Iterator[str]:
    mailing_out = cast.owner.massmail_mailingout_owner_related.get()
    yield from (reverse(name) for name in ("admin:index", "profile", "admin:password_change"))
    yield reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])
    yield reverse("admin:massmail_mailingout_changelist")
    yield reverse("admin:massmail_emlmessage_change", args=[mailing_out.message_id])
    yield reverse("mailing_out_people", args=[mailing_out.pk])
    yield reverse("admin_password_reset")
    yield reverse("password_reset_done")


def test_longer_words_fit_on_a_phone(phone: BrowserContext, cast: Cast) -> None:
    page, found = phone.new_page(), {}
    for url in pages(cast):
        page.goto(url)
        is_pseudo = pseudo.OPEN in page.inner_text("#content")
        shown = (is_pseudo, page.evaluate(CLIPPED), page.evaluate(SIDEWAYS))
        if shown != (True, [], 0):
            found[url] = shown

    assert found == {}
