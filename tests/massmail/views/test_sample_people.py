"""The people as whom a preview can be shown."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from massmail.models import recipient_models
from tests.factories import ContactFactory, UserFactory
from tests.guests.models import Guest
from tests.massmail.cast import Cast


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def found(client: Client, text: str) -> list[str]:
    response = client.get(reverse("sample_people"), {"q": text})
    return [person["value"] for person in response.json()["people"]]


def test_people_are_found_by_all_words_of_name_and_address(owner: Client, cast: Cast) -> None:
    (zoe,) = cast.contacts(1, first_name="Zoë", last_name="O'Neil", email="zoe@example.com")
    cast.contacts(1, first_name="Zoë", last_name="Nowak", email="nowak@example.com")
    value = f"crm.contact:{zoe.pk}"

    answers = [found(owner, text) for text in ("O'Neil", "o'neil zo", "zoe@", "Zoë nobody")]

    assert answers == [[value], [value], [value], []]


def test_person_is_shown_with_address_and_type(owner: Client, cast: Cast) -> None:
    cast.contacts(1, first_name="Zoë", last_name="O'Neil", email="zoe@example.com")

    people = owner.get(reverse("sample_people"), {"q": "zoe"}).json()["people"]

    assert [person["label"] for person in people] == ["Zoë O'Neil · zoe@example.com · contact"]


def test_type_of_another_app_is_found_by_its_own_fields(owner: Client, cast: Cast) -> None:
    guest = Guest.objects.create(owner=cast.owner, guest_name="Ms Early", email="early@example.com")
    cast.owner.user_permissions.add(Permission.objects.get(codename="view_guest"))

    assert found(owner, "early") == [f"guests.guest:{guest.pk}"]


def test_people_of_strangers_are_not_found(owner: Client, cast: Cast) -> None:
    ContactFactory.create(owner=cast.stranger, first_name="Secret")

    assert found(owner, "Secret") == []


def test_nobody_is_found_without_the_permission_to_see_people(client: Client, cast: Cast) -> None:
    user = UserFactory.create()
    ContactFactory.create(owner=user)
    client.force_login(user)

    assert found(client, "") == []


def test_search_asks_one_question_for_each_type(owner: Client, cast: Cast) -> None:
    numbers = []
    for number in (1, 5):
        cast.contacts(number)
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse("sample_people"), {"q": "example"})
        numbers.append(len(queries))

    assert numbers[0] == numbers[1]
    assert numbers[0] <= 8 + len(recipient_models())


def test_search_is_read_only(owner: Client, cast: Cast) -> None:
    assert owner.post(reverse("sample_people")).status_code == 405
