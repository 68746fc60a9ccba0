"""Text from outside stays text: a script in every text field of every table, every page opened."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db.models import CharField, Field, Model, TextField
from django.test import Client
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from common.fields import EncryptedTextField
from massmail.models import DeliveryAttempt
from tests.security.crawling import crawl
from tests.security.rights import Relation
from tests.security.world import World, make_world

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SHORT = '"><svg onload=top.ran=1>'
LONG = (
    "</script></textarea></style><script>top.ran=1</script>"
    """"'><img src=x onerror=top.ran=1><a href="javascript:top.ran=1">x</a>"""
    "<iframe srcdoc='<script>top.ran=1</script>'></iframe>{{ settings.SECRET_KEY }}{% now 'Y' %}"
)
APPS = ("auth", "common", "crm", "massmail", "guests", "admin")
# Read by the code as names of things, and written by the code alone.
KEPT = {
    "auth.permission.codename",
    "auth.user.password",
    "common.loginattempt.key",
    "common.thefile.file",
    "common.userprofile.time_zone",
    "massmail.emailaccount.transport",
    "massmail.massmailsettings.time_zone",
    "massmail.picture.file",
}
INJECTED = """() => [...document.querySelectorAll('*')].filter(element =>
    [...element.attributes].some(attribute =>
        attribute.name.startsWith('on') && attribute.value.includes('top.ran')
        || attribute.value.startsWith('javascript:top.ran'))
    || (element.localName === 'script' && element.textContent.startsWith('top.ran'))
  ).length"""


def test_script_in_every_text_field_runs_on_no_page(
    browser: Browser, live_server: LiveServer, record_property
):
    world = make_world("superuser")
    _add_attempts(world)
    fields = [fill(field) for field in text_fields()]
    client = Client()
    client.force_login(world.user)
    answers = crawl(client, "/admin/")
    context = browser.new_context(base_url=live_server.url)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()

    opened, found = 0, []
    for url, answer in answers.items():
        is_filtered = url.startswith("/admin/") and "?" in url  # the same rows, fewer of them
        if answer.status != 200 or not answer.is_html or is_filtered:
            continue
        page.goto(url)
        opened += 1
        if page.evaluate("() => window.ran") or page.evaluate(INJECTED):
            found.append(url)
    context.close()

    record_property("fields", len(fields))
    record_property("pages", opened)
    assert found == []
    assert [url for url, answer in answers.items() if answer.status >= 500] == []
    assert len(fields) > 60
    assert opened > 60


def text_fields() -> Iterator["Field[str, str]"]:
    """Return every stored text that is neither one of a few choices nor a name of the code's."""
    for model in apps.get_models():
        if model._meta.app_label not in APPS:
            continue
        for field in model._meta.local_fields:
            is_text = isinstance(field, (CharField, TextField))
            is_kept = str(field).lower() in KEPT or isinstance(field, EncryptedTextField)
            if is_text and not (is_kept or field.choices):
                yield field


def fill(field: "Field[str, str]") -> str:
    """Write the payload into the field of every row, past all forms; return the field's name."""
    model: type[Model] = field.model
    payload = LONG if (field.max_length or len(LONG) + 20) >= len(LONG) + 20 else SHORT
    for pk in model._base_manager.values_list("pk", flat=True):
        text = f"{payload}{pk}" if not field.max_length else f"{pk}{payload}"[: field.max_length]
        model._base_manager.filter(pk=pk).update(**{field.name: text})
    return str(field)


def _add_attempts(world: World) -> None:
    for relation in Relation:
        delivery = world.owned[relation]["delivery"]
        DeliveryAttempt.objects.create(
            delivery=delivery,
            mailing_out=world.owned[relation]["mailingout"],
            email_account=world.owned[relation]["emailaccount"],
            at=delivery.mailing_out.started_at,
            outcome="later",
            code=450,
            number=1,
        )
