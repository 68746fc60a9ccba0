"""The public pages: what shows, what acts, what a wrong link learns."""

import re
import uuid

import pytest
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from massmail.clock import database_now
from massmail.models import MassContact, MassmailSettings, Suppression
from massmail.services.render import TEST_SALT
from massmail.services.unsubscribe import unsubscribe
from massmail.views.unsubscribes import WRONG_LINKS_A_MINUTE
from tests.factories import ContactFactory, LeadFactory, MassContactFactory

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _nobody_has_guessed_yet():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def strict():
    """A browser, or a mail client, that has no cookie yet and meets the CSRF check."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def zoe() -> MassContact:
    return MassContactFactory.create(content_object=ContactFactory.create(email="zoe@example.com"))


def link(mass_contact: MassContact) -> str:
    return reverse("unsubscribe", args=[mass_contact.uuid])


def link_of_a_test() -> str:
    return reverse("unsubscribe_test", args=[signing.dumps("test", salt=TEST_SALT)])


def token_of(response) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', response.content.decode())
    assert found is not None
    return found[1]


def database() -> str:
    """The whole database as text."""
    with connection.cursor() as cursor:
        tables = sorted(connection.introspection.table_names(cursor))
        dump = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            dump.append((table, sorted(map(repr, cursor.fetchall()))))
    return repr(dump)


def is_subscribed(mass_contact: MassContact) -> bool:
    mass_contact.refresh_from_db()
    return mass_contact.massmail


def test_the_link_is_short_and_outside_the_admin(zoe):
    assert link(zoe) == f"/unsubscribe/{zoe.uuid}/"


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("already", [False, True])
def test_looking_changes_nothing(strict, zoe, method, already):
    if already:
        unsubscribe(zoe, source="test", now=database_now())
    before = database()
    for _ in range(3):
        assert getattr(strict, method)(link(zoe)).status_code == 200
    assert database() == before


def test_the_page_shows_the_address_masked(client, zoe):
    text = client.get(link(zoe)).content.decode()
    assert "z…@example.com" in text
    assert "zoe@example.com" not in text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", FORM),
        (MULTIPART, "multipart/form-data; boundary=b"),
    ],
)
def test_one_click_acts_without_cookie_and_redirect(strict, zoe, body, content_type):
    response = strict.post(link(zoe), body, content_type=content_type)
    assert (response.status_code, response["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert not response.cookies
    assert not is_subscribed(zoe)
    assert Suppression.objects.filter(address_key="zoe@example.com").exists()


def test_one_click_may_be_repeated(strict, zoe):
    strict.post(link(zoe), ONE_CLICK)
    before = database()
    assert strict.post(link(zoe), ONE_CLICK).status_code == 200
    assert database() == before


@pytest.mark.parametrize(
    "body", [{}, {"List-Unsubscribe": "Two-Clicks"}, {"action": "unsubscribe"}]
)
def test_other_posts_without_a_token_are_refused_kindly(strict, zoe, body):
    response = strict.post(link(zoe), body)
    assert response.status_code == 403
    assert "Nothing was changed yet" in response.content.decode()
    assert is_subscribed(zoe)


def test_the_page_of_a_refused_post_works(strict, zoe):
    refused = strict.post(link(zoe), {"action": "unsubscribe"})
    body = {"action": "unsubscribe", "csrfmiddlewaretoken": token_of(refused)}
    assert strict.post(link(zoe), body).status_code == 200
    assert not is_subscribed(zoe)


def test_the_pages_button_unsubscribes_and_the_next_one_takes_it_back(strict, zoe):
    lead = LeadFactory.create(email="ZOE@example.com")
    page = strict.get(link(zoe))
    done = strict.post(link(zoe), {"action": "unsubscribe", "csrfmiddlewaretoken": token_of(page)})
    assert "You are unsubscribed" in done.content.decode()
    lead.refresh_from_db()
    assert [is_subscribed(zoe), lead.massmail] == [False, False]

    body = {"action": "subscribe-again", "csrfmiddlewaretoken": token_of(done)}
    assert "You are subscribed again" in strict.post(link(zoe), body).content.decode()
    lead.refresh_from_db()
    assert [is_subscribed(zoe), lead.massmail] == [True, True]


def test_subscribing_again_needs_the_token(strict, zoe):
    unsubscribe(zoe, source="test", now=database_now())
    assert strict.post(link(zoe), {"action": "subscribe-again"}).status_code == 403
    assert not is_subscribed(zoe)


def test_the_settings_page_for_the_unsubscribed_is_offered(client, zoe):
    MassmailSettings.objects.create(unsubscribe_url="https://example.org/bye")
    assert "https://example.org/bye" not in client.get(link(zoe)).content.decode()
    assert "https://example.org/bye" in client.post(link(zoe)).content.decode()


def test_a_deleted_recipient_is_answered_kindly(client, zoe):
    assert zoe.content_object is not None
    zoe.content_object.delete()
    assert client.get(link(zoe)).status_code == 200
    assert client.post(link(zoe)).status_code == 200
    assert not is_subscribed(zoe)


def test_other_methods_are_not_allowed(client, zoe):
    assert [client.put(link(zoe)).status_code, client.delete(link(zoe)).status_code] == [405, 405]


# --- wrong links


def wrong_links() -> list[str]:
    return [
        reverse("unsubscribe", args=[uuid.uuid4()]),
        reverse("unsubscribe", args=[uuid.uuid4()]),
        reverse("unsubscribe_test", args=["forged"]),
        reverse("unsubscribe_test", args=[signing.dumps("test", salt="another")]),
    ]


@pytest.mark.parametrize("body", [None, {}, ONE_CLICK])
def test_wrong_links_are_answered_alike(strict, zoe, body):
    responses = [
        strict.get(url) if body is None else strict.post(url, body) for url in wrong_links()
    ]
    assert {response.status_code for response in responses} == {404}
    assert len({response.content for response in responses}) == 1
    assert b"example.com" not in responses[0].content


def test_many_wrong_links_in_a_minute_are_refused_and_valid_ones_never(client, zoe):
    urls = [wrong_links()[0] for _ in range(WRONG_LINKS_A_MINUTE + 1)]
    statuses = [client.get(url).status_code for url in urls]
    assert statuses == [404] * WRONG_LINKS_A_MINUTE + [429]
    assert client.get(urls[0])["Retry-After"] == "60"
    assert client.get(link(zoe)).status_code == 200
    assert client.post(link(zoe), ONE_CLICK).status_code == 200
    assert client.get(urls[0], REMOTE_ADDR="192.0.2.1").status_code == 404


# --- links of test mails


@pytest.mark.parametrize("body", [None, {}, ONE_CLICK, {"action": "unsubscribe"}])
def test_the_link_of_a_test_mail_says_so_and_changes_nothing(strict, zoe, body):
    before = database()
    url = link_of_a_test()
    response = strict.get(url) if body is None else strict.post(url, body)
    assert response.status_code == 200
    assert "test" in response.content.decode()
    assert database() == before


# --- what every answer carries


def answers(client, zoe):
    yield client.get(link(zoe))
    yield client.post(link(zoe), ONE_CLICK)
    yield client.post(link(zoe))
    yield client.get(wrong_links()[0])
    yield client.get(link_of_a_test())


def test_every_answer_keeps_the_link_private(strict, zoe):
    for response in answers(strict, zoe):
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["Cache-Control"] == "no-store"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert response["Content-Security-Policy"].startswith("default-src 'self'")


def test_the_page_needs_no_script_and_nothing_from_elsewhere(client, zoe):
    for response in answers(client, zoe):
        text = response.content.decode()
        assert "<script" not in text
        assert "style=" not in text
        assert re.findall(r'(?:src|href)="([^"]*)"', text) in ([], ["/static/massmail/public.css"])


def test_the_page_speaks_the_browsers_language(client, zoe):
    response = client.get(link(zoe), headers={"accept-language": "de"})
    assert '<html lang="de" dir="ltr">' in response.content.decode()
    assert response["Content-Language"] == "de"


def test_the_page_speaks_the_recipients_language_if_it_is_known(client, zoe):
    assert zoe.content_object is not None
    zoe.content_object.language = "ar"
    zoe.content_object.save(update_fields=["language"])
    response = client.get(link(zoe), headers={"accept-language": "de"})
    assert '<html lang="ar" dir="rtl">' in response.content.decode()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_buttons_work_in_a_small_browser_without_scripts(browser, live_server, zoe, scheme):
    context = browser.new_context(
        viewport={"width": 320, "height": 640}, java_script_enabled=False, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(live_server.url + link(zoe))
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    assert not is_subscribed(zoe)
    page.get_by_role("button", name="Subscribe again").click()
    page.get_by_role("heading", name="You are subscribed again").wait_for()
    assert is_subscribed(zoe)
    context.close()
