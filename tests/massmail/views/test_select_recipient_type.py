"""Where a new mailing out begins: the types that the user may view, with their people."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import ContactFactory
from tests.massmail.cast import Cast

URL = reverse("select_recipient_type")


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def types(response) -> dict[str, int]:
    return {each.value: each.number for each in response.context["types"]}


def test_all_registered_types_are_offered_with_the_people_one_sees(
    owner: Client, cast: Cast
) -> None:
    cast.contacts(2)
    ContactFactory.create(owner=cast.stranger)

    response = owner.get(URL)

    assert types(response) == {"company": 1, "contact": 2, "lead": 0, "guest": 0}


def test_types_that_one_may_not_view_are_not_offered(owner: Client, cast: Cast) -> None:
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(content_type__model__in=["lead", "guest"]))

    assert list(types(owner.get(URL))) == ["company", "contact"]
    assert owner.post(URL, {"recipient_type": "lead"}).status_code == 200


def test_who_may_view_nobody_is_told_so(owner: Client, cast: Cast) -> None:
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.exclude(content_type__app_label="massmail"))

    assert "You may not view people of any kind." in owner.get(URL).text


@pytest.mark.parametrize("kind", ["contact", "company", "lead", "guest"])
def test_choice_leads_to_the_filter_form(owner: Client, kind: str) -> None:
    response = owner.post(URL, {"recipient_type": kind})

    assert response.headers["Location"] == reverse(f"{kind}_make_massmail")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Choose to whom you want to write."),
        ({"recipient_type": "user"}, "Choose one from the list."),
    ],
)
def test_what_is_no_choice_is_asked_again(owner: Client, data: dict[str, str], said: str) -> None:
    response = owner.post(URL, data)

    assert response.status_code == 200
    assert said in response.text


def test_permission_to_add_is_needed(owner: Client, cast: Cast) -> None:
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(codename="add_mailingout"))

    assert (owner.get(URL).status_code, owner.post(URL).status_code) == (403, 403)


def test_page_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(URL)
        return len(queries)

    questions()
    before = questions()
    cast.contacts(8)

    assert before == questions() <= 15
