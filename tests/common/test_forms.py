"""Logging in: limited, and the same words for everything that is wrong."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from common.forms import LoginForm, ProfileForm
from common.models import LoginAttempt, UserProfile
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
LOGIN = reverse("admin:login")
PASSWORD = "blue lantern 7"
WRONG = (
    "Please enter the correct username and password for a staff account. Note that both fields "
    "may be case-sensitive."
)


class CountingBackend(ModelBackend):
    """Counts how often a password was looked at."""

    checks = 0

    def authenticate(self, *args, **kwargs):
        CountingBackend.checks += 1
        return super().authenticate(*args, **kwargs)


@pytest.fixture
def user() -> User:
    user = UserFactory.create(username="olga")
    user.set_password(PASSWORD)
    user.save()
    return user


def errors_of(username: str, password: str) -> list[str]:
    response = Client().post(LOGIN, {"username": username, "password": password})
    return list(response.context["form"].non_field_errors()) if response.context else []


def test_ten_thousand_tries_within_an_hour_are_twenty_password_checks_at_most(user, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.CountingBackend"]
    CountingBackend.checks = 0
    request = RequestFactory().post(LOGIN, REMOTE_ADDR="192.0.2.1")

    with time_machine.travel(NOON, tick=False) as clock:
        for number in range(10_000):
            form = LoginForm(request, data={"username": "olga", "password": f"guess {number}"})
            assert not form.is_valid()
            clock.shift(timedelta(seconds=0.36))

    assert 5 <= CountingBackend.checks <= 20


def test_the_right_password_waits_too_and_is_told_how_long(user):
    with time_machine.travel(NOON, tick=False):
        for _ in range(5):
            errors_of("olga", "wrong")
        refused = errors_of("olga", PASSWORD)
    with time_machine.travel(NOON + timedelta(seconds=15), tick=False):
        let_in = errors_of("olga", PASSWORD)

    assert refused == ["Too many logins failed. Try again in 15 seconds."]
    assert let_in == []
    assert not LoginAttempt.objects.filter(failures__gt=5).exists()


def test_longer_waits_are_told_in_minutes(user):
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(8):
            errors_of("olga", "wrong")
            clock.shift(timedelta(minutes=1))
        told = errors_of("olga", "wrong")

    assert told == ["Too many logins failed. Try again in 1 minute."]


def test_every_wrong_login_reads_the_same(user):
    UserFactory.create(username="visitor", is_staff=False)
    User.objects.filter(username="visitor").update(password=user.password)
    UserFactory.create(username="gone", is_active=False)
    User.objects.filter(username="gone").update(password=user.password)

    said = {
        name: errors_of(name, password)
        for name, password in (
            ("olga", "wrong"),
            ("nobody", PASSWORD),
            ("gone", PASSWORD),
            ("visitor", PASSWORD),
        )
    }

    assert said == {name: [WRONG] for name in said}


def test_who_is_no_staff_fails_like_a_wrong_password(user):
    User.objects.filter(pk=user.pk).update(is_staff=False)

    errors_of("olga", PASSWORD)

    assert {row.failures for row in LoginAttempt.objects.all()} == {1}


@pytest.mark.parametrize("missing", ["username", "password"])
def test_an_empty_field_is_no_try(missing):
    form = {"username": "olga", "password": "x"} | {missing: ""}

    response = Client().post(LOGIN, form)

    assert list(response.context["form"].errors) == [missing]
    assert not LoginAttempt.objects.exists()


def test_a_name_with_a_nul_is_a_form_error():
    response = Client().post(LOGIN, {"username": "olga\0", "password": "x"})

    assert response.status_code == 200
    assert "username" in response.context["form"].errors


def test_zones_of_the_world_are_offered_by_continent():
    form = ProfileForm(instance=UserProfile(user=UserFactory.create(), time_zone="EST"))

    choices = dict(form.fields["time_zone"].widget.choices)
    assert ("Europe/Berlin", "Berlin") in choices["Europe"]
    assert choices["EST"] == "EST"
    assert choices["UTC"] == "UTC"
