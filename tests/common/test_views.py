"""The pages of one's own account: language, time zone, a forgotten password."""

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from common.models import UserProfile
from tests.factories import DepartmentFactory, UserFactory

pytestmark = pytest.mark.django_db

PROFILE, LANGUAGE = reverse("profile"), reverse("set_language")
FORGOTTEN, SENT = reverse("admin_password_reset"), reverse("password_reset_done")
LINK = re.compile(r"https://mail\.example\.com(/admin/reset/\S+)")
NEW = "red lantern 8"


@pytest.fixture(autouse=True)
def _language_as_it_was():
    with translation.override("en"):
        yield


@pytest.fixture
def user() -> User:
    user = UserFactory.create(username="olga", email="olga@example.com")
    user.set_password("blue lantern 7")
    user.save()
    return user


@pytest.fixture
def olga(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ask_for_link(email: str = "olga@example.com", **headers: str) -> str:
    response = Client().post(FORGOTTEN, {"email": email}, **headers)  # type: ignore[arg-type]  # headers
    return response["Location"]


# --- profile


def test_profile_shows_who_one_is(olga, user):
    user.groups.add(DepartmentFactory.create(name="Sales"))

    response = olga.get(PROFILE)

    assert response.status_code == 200
    assert [one.name for one in response.context["departments"]] == ["Sales"]
    assert not UserProfile.objects.exists()


def test_profile_is_stored_and_seen_on_the_next_page(olga, user):
    response = olga.post(PROFILE, {"language_code": "de", "time_zone": "Asia/Tokyo"}, follow=True)

    stored = UserProfile.objects.get(user=user)
    assert (stored.language_code, stored.time_zone) == ("de", "Asia/Tokyo")
    assert response.redirect_chain == [(PROFILE, 302)]
    assert response["Content-Language"] == "de"
    assert "Asia/Tokyo" in response.content.decode()


def test_profile_can_be_changed_and_emptied(olga, user):
    olga.post(PROFILE, {"language_code": "de", "time_zone": "Asia/Tokyo"})
    olga.post(PROFILE, {"language_code": "", "time_zone": ""})

    stored = UserProfile.objects.get(user=user)
    assert (stored.language_code, stored.time_zone) == ("", "")


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"language_code": "xx", "time_zone": ""}, "language_code"),
        ({"language_code": "", "time_zone": "Nowhere"}, "time_zone"),
    ],
)
def test_profile_refuses_what_there_is_not(olga, values, wrong):
    response = olga.post(PROFILE, values)

    assert list(response.context["form"].errors) == [wrong]
    assert not UserProfile.objects.exists()


def test_profile_is_ones_own_alone(olga, user):
    other = UserFactory.create()

    olga.post(PROFILE, {"user": other.pk, "language_code": "de", "time_zone": ""})

    assert UserProfile.objects.get().user == user


def test_profile_asks_for_a_login(client):
    assert client.get(PROFILE)["Location"] == f"/admin/login/?next={PROFILE}"
    visitor = UserFactory.create(is_staff=False)
    client.force_login(visitor)
    assert client.post(PROFILE, {})["Location"] == f"/admin/login/?next={PROFILE}"


# --- language


def test_chosen_language_is_kept_in_the_profile(olga, user):
    UserProfile.objects.create(user=user, language_code="de", time_zone="Asia/Tokyo")

    response = olga.post(LANGUAGE, {"language": "ar", "next": PROFILE}, follow=True)

    stored = UserProfile.objects.get(user=user)
    assert (stored.language_code, stored.time_zone) == ("ar", "Asia/Tokyo")
    assert 'lang="ar" dir="rtl"' in response.content.decode()


def test_chosen_language_of_somebody_not_logged_in_is_a_cookie(client):
    response = client.post(LANGUAGE, {"language": "de", "next": "/admin/login/"}, follow=True)

    assert response["Content-Language"] == "de"
    assert not UserProfile.objects.exists()


@pytest.mark.parametrize("code", ["xx", "", "de'--", "../de"])
def test_language_that_there_is_not_changes_nothing(olga, code):
    assert olga.post(LANGUAGE, {"language": code, "next": PROFILE})["Location"] == PROFILE
    assert not UserProfile.objects.exists()


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example", r"\\evil.example"])
def test_language_leads_nowhere_else(olga, away):
    assert olga.post(LANGUAGE, {"language": "de", "next": away})["Location"] == "/"


def test_language_is_not_changed_by_a_get(olga):
    assert olga.get(LANGUAGE, {"language": "de"}).status_code == 405


# --- a forgotten password


def test_link_in_the_mail_sets_a_new_password_once(user):
    assert ask_for_link() == SENT
    (message,) = mail.outbox
    link = LINK.search(str(message.body))
    assert link
    client = Client()
    form = client.get(link[1], follow=True)
    saved = client.post(
        form.redirect_chain[-1][0], {"new_password1": NEW, "new_password2": NEW}, follow=True
    )
    again = Client().get(link[1], follow=True)

    user.refresh_from_db()
    assert saved.redirect_chain == [(reverse("password_reset_complete"), 302)]
    assert user.check_password(NEW)
    assert again.context["validlink"] is False


def test_new_password_ends_the_old_sessions(user, olga):
    ask_for_link()
    link = LINK.search(str(mail.outbox[0].body))
    assert link
    client = Client()
    page = client.get(link[1], follow=True).redirect_chain[-1][0]

    client.post(page, {"new_password1": NEW, "new_password2": NEW})

    assert olga.get(PROFILE).status_code == 302


def test_link_does_not_follow_the_host_header(user, settings):
    settings.ALLOWED_HOSTS = ["*"]
    ask_for_link(HTTP_HOST="evil.example")

    (message,) = mail.outbox
    assert "evil.example" not in f"{message.body}{message.subject}"
    assert "https://mail.example.com/admin/reset/" in message.body
    assert message.subject == "Your new password for mail.example.com"


def test_answer_is_the_same_whether_there_is_an_account(user):
    UserFactory.create(email="gone@example.com", is_active=False)
    answers = {ask_for_link(email) for email in ("olga@example.com", "nobody@example.com")}
    answers.add(ask_for_link("gone@example.com"))

    assert answers == {SENT}
    assert [message.to for message in mail.outbox] == [["olga@example.com"]]


def test_mails_to_one_address_are_few(user):
    answers = {ask_for_link() for _ in range(20)}

    assert answers == {SENT}
    assert len(mail.outbox) == 3


def test_mail_is_in_the_language_of_its_reader(user, settings):
    UserProfile.objects.create(user=user, language_code="ar")
    text = "{% load i18n %}{% get_current_language as code %}{{ code }}"
    names = ("registration/password_reset_subject.txt", "registration/password_reset_email.txt")
    loader = ("django.template.loaders.locmem.Loader", dict.fromkeys(names, text))
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [loader]},
        }
    ]

    ask_for_link()

    (message,) = mail.outbox
    assert (message.subject, message.body) == ("ar", "ar")


@pytest.mark.parametrize("link", ["/admin/reset/x/y/", "/admin/reset/Mg/set-password/"])
def test_wrong_link_says_so_kindly(client, link):
    response = client.get(link)

    assert response.status_code == 200
    assert response.context["validlink"] is False


@pytest.mark.parametrize("page", [FORGOTTEN, SENT, reverse("password_reset_complete")])
def test_pages_open_without_a_login(client, page):
    response = client.get(page)

    assert response.status_code == 200
    assert response["Referrer-Policy"] == "same-origin"
