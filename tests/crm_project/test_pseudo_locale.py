"""Every page in the pseudo-language: what shows without its marks cannot be translated.

What the database holds is data and may stand as it is.
"""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import CharField, TextField
from django.test import Client
from django.urls import reverse

from common.models import UserProfile
from massmail.models import MailingOut, MassContact, known_variables
from tests import pseudo
from tests.factories import SignatureFactory
from tests.massmail.cast import Cast, make_cast

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NO_DATA = (Permission, ContentType, Session)
# The same in every language: names of things, what Django writes into its dates in this one and
# what it never translates, and the app that stands for somebody else's.
NAMES = {
    *("SMTP", "HTML", "CSS", "UTC", "TLS", "STARTTLS", "Message-ID", "Reply-To", "From", "CSV"),
    *("a", "de", "je", "True", "False", "None", "Search"),
    *("User-group", "relationship", "relationships", "User_groups", "object"),
    *("Guests", "guest", "guests", "Guest", "name", "Name", "room", "Room"),
    *("English", "Esperanto"),  # languages in themselves
    *known_variables(),  # as authors write them
    *("salutation", "sender_name", "unsubscribe_url"),
}
# Columns without a name of their own in tables that only superusers see
RAW = {
    "/admin/massmail/masscontact/": {"Content", "type", "Object", "id", "Uuid"},
    "/admin/massmail/emlaccountsqueue/": {"Owner", "Position"},
}


@pytest.fixture(scope="module")
def locale(tmp_path_factory: pytest.TempPathFactory):
    return pseudo.install(tmp_path_factory.mktemp("locale"))


@pytest.fixture
def cast(locale, settings) -> Cast:
    settings.LOCALE_PATHS = [locale]
    settings.LANGUAGES = [("en", pseudo.pseudo("English")), (pseudo.CODE, pseudo.pseudo("other"))]
    cast = make_cast_of_data()
    for number, user in enumerate(User.objects.order_by("pk")):
        User.objects.filter(pk=user.pk).update(username=f"person{number}")
    for permission in Permission.objects.all():
        Permission.objects.filter(pk=permission.pk).update(name=pseudo.pseudo(permission.name))
    return cast


def make_cast_of_data() -> Cast:
    cast = make_cast()
    cast.started(3)
    cast.draft(2)
    SignatureFactory.create(owner=cast.owner, department=cast.department)
    UserProfile.objects.create(user=cast.superuser, language_code=pseudo.CODE)
    return cast


def words_of_data() -> set[str]:
    """Every word that a column of the database holds."""
    words: set[str] = set(NAMES)
    for model in apps.get_models():
        if model in NO_DATA:
            continue
        texts = [
            field.attname
            for field in model._meta.concrete_fields
            if isinstance(field, CharField | TextField) and not field.choices
        ]
        for row in model._default_manager.values_list(*texts) if texts else ():
            words.update(word for text in row if text for word in _words(str(text)))
    return words


def _words(text: str) -> list[str]:
    found = re.findall(r"[^\W_][\w@.'’-]*", text)
    return [word for word in found if not any(sign.isdigit() for sign in word)]


def admin_pages() -> Iterator[str]:
    yield reverse("admin:index")
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        yield reverse(f"{name}_add")
        row = model._default_manager.order_by("-pk").first()
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_delete", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])


def other_pages(cast: Cast) -> Iterator[str]:
    yield from (reverse("profile"), reverse("admin:password_change"))
    mailing_out = MailingOut.objects.filter(owner=cast.owner).order_by("pk")[0]
    delivery = mailing_out.deliveries.all()[0]
    yield reverse("mailing_out_people", args=[mailing_out.pk])
    yield reverse("delivery", args=[delivery.pk])
    yield reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])
    yield reverse("admin:massmail_emlmessage_change", args=[mailing_out.message_id])


def public_pages() -> Iterator[str]:
    yield from (
        reverse(name)
        for name in (
            "admin:login",
            "admin_password_reset",
            "password_reset_done",
            "password_reset_complete",
        )
    )
    yield reverse("password_reset_confirm", args=["x", "y"])
    yield reverse("unsubscribe", args=[uuid4()])
    for uuid in MassContact.objects.values_list("uuid", flat=True)[:1]:
        yield reverse("unsubscribe", args=[uuid])


def unmarked(client: Client, urls: Iterator[str]) -> dict[str, list[str]]:
    """What every page shows untranslated, but for the words of data."""
    data, found = words_of_data(), {}
    client.cookies["django_language"] = pseudo.CODE
    for url in urls:
        response = client.get(url)
        if response.status_code not in {200, 404}:
            continue
        known = data.union(*(names for page, names in RAW.items() if url.startswith(page)))
        texts = [
            text
            for text in pseudo.unmarked_texts(response.content.decode())
            if any(word.strip(".'’-") not in known and word not in known for word in _words(text))
        ]
        if texts:
            found[url] = sorted(set(texts))
    return found


def as_lines(found: dict[str, list[str]]) -> str:
    """Say for each untranslated text on which pages it stands."""
    pages: dict[str, list[str]] = {}
    for url, texts in found.items():
        for text in texts:
            pages.setdefault(text, []).append(url)
    return "\n".join(f"{text!r}: {', '.join(urls[:3])}" for text, urls in pages.items())


def test_pages_of_staff_can_be_translated(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.superuser)

    found = unmarked(client, iter([*admin_pages(), *other_pages(cast)]))

    assert not found, as_lines(found)


def test_public_pages_can_be_translated(cast: Cast) -> None:
    found = unmarked(Client(), public_pages())

    assert not found, as_lines(found)


def test_marks_are_looked_for_in_texts_and_attributes() -> None:
    html = (
        '<p>⟦Gööd⟧ bad</p><p>⟦a <b>b</b> c⟧ 12</p><input type="submit" value="Worse">'
        '<img alt="⟦x⟧"><script>let x</script><bdi>data</bdi><a title="Worst">⟦y⟧</a>'
    )
    assert pseudo.unmarked_texts(html) == ["bad", "Worse", "Worst"]


def test_placeholders_and_markup_stay_as_they_are() -> None:
    text = "%(count)s <b>people</b> of {total}, 100%%\n"
    assert pseudo.pseudo(text) == "⟦%(count)s <b>ṕééóóṕĺéé</b> óóḟ {total}, 100%%⟧\n"
