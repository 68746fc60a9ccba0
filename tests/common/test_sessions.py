"""Sessions: a new one at login, ended by time, by a new password, by deactivation."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from common.sessions import SIGNED_IN_AT
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOME, LOGIN = reverse("admin:index"), reverse("admin:login")
PASSWORD = "blue lantern 7"


@pytest.fixture
def user() -> User:
    user = UserFactory.create(username="olga")
    user.set_password(PASSWORD)
    user.save()
    return user


def logged_in() -> Client:
    client = Client()
    client.post(LOGIN, {"username": "olga", "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get(HOME).status_code == 200


def test_login_begins_a_new_session(user):
    client = Client()
    client.get(LOGIN)
    client.session["left"] = "over"
    planted = client.session.session_key
    client.cookies["sessionid"] = planted or ""

    client.post(LOGIN, {"username": "olga", "password": PASSWORD})

    assert client.session.session_key != planted
    assert is_in(client)


@pytest.mark.parametrize(("hours", "stays"), [(7.9, True), (8.1, False)])
def test_idle_session_ends_after_eight_hours(user, hours, stays):
    with time_machine.travel(NOON, tick=False):
        client = logged_in()
    with time_machine.travel(NOON + timedelta(hours=hours), tick=False):
        assert is_in(client) is stays


def test_busy_session_ends_24_hours_after_the_login(user):
    with time_machine.travel(NOON, tick=False):
        client = logged_in()
    answers = []
    for hour in range(1, 26):
        with time_machine.travel(NOON + timedelta(hours=hour), tick=False):
            answers.append(is_in(client))

    assert answers == [True] * 23 + [False] * 2


def test_session_without_the_instant_of_its_login_is_over(user):
    client = logged_in()
    session = client.session
    del session[SIGNED_IN_AT]
    session.save()

    assert not is_in(client)


def test_new_password_ends_the_other_sessions_and_keeps_this_one(user):
    here, elsewhere = logged_in(), logged_in()
    new = "red lantern 8"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    response = here.post(reverse("admin:password_change"), form)

    assert response.status_code == 302
    assert (is_in(here), is_in(elsewhere)) == (True, False)


def test_deactivation_ends_the_session_at_once(user):
    client = logged_in()
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert not is_in(client)


def test_logout_is_a_post_and_ends_the_session(user):
    client = logged_in()

    assert client.get(reverse("admin:logout")).status_code == 405
    assert is_in(client)
    client.post(reverse("admin:logout"))
    assert not is_in(client)
