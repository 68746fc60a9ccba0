"""A new mailing out by filter form: the count, the draft, and what is refused."""

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from massmail.models import Delivery, MailingOut, recipient_models
from massmail.services import audience
from tests.factories import ContactFactory, CountryFactory
from tests.guests.models import Guest
from tests.massmail.cast import Cast

URL = reverse("contact_make_massmail")
COUNT = reverse("contact_count_massmail")
CREATE = {"name": "Spring offer", "whose": "all", "create": "yes"}


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def test_page_begins_with_ones_own_people_counted(owner: Client, cast: Cast) -> None:
    cast.contacts(2)
    ContactFactory.create(owner=cast.owner, massmail=False)
    ContactFactory.create(owner=cast.colleague, department=cast.department)

    response = owner.get(URL)

    assert response.context["count"] == {
        "headline": "3 people",
        "parts": ["2 to send", "1 left out: unsubscribed"],
        "number": 3,
    }
    assert response.context["form"]["name"].value().startswith("Contacts, ")


def test_create_makes_a_draft_and_opens_it(owner: Client, cast: Cast) -> None:
    cast.account()
    country = CountryFactory.create()
    chosen = ContactFactory.create(owner=cast.owner, country=country)
    cast.contacts(2)

    response = owner.post(URL, CREATE | {"by_country": [country.pk]})

    draft = MailingOut.objects.get()
    page = reverse("admin:massmail_mailingout_change", args=[draft.pk])
    assert response.headers["Location"] == page
    assert (draft.name, draft.owner, draft.message) == ("Spring offer", cast.owner, None)
    assert [row.recipient_id for row in draft.deliveries.all()] == [chosen.pk]
    assert not list(get_messages(response.wsgi_request))


def test_create_says_early_what_is_missing(owner: Client, cast: Cast) -> None:
    cast.contacts(1)

    response = owner.post(URL, CREATE)

    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said == ["You have no email account that is on: add one before you start."]


def test_count_button_counts_and_writes_nothing(owner: Client, cast: Cast) -> None:
    cast.contacts(2)

    response = owner.post(URL, CREATE | {"create": "", "count": "yes"} | {"whose": "mine"})
    counted = owner.post(URL, {"name": "x", "whose": "mine", "count": "yes"})

    assert response.status_code == 302  # "create" was pressed, whatever else is in the form
    assert counted.context["count"]["headline"] == "2 people"
    assert MailingOut.objects.count() == 1


def test_nobody_found_is_said_and_nothing_is_made(owner: Client, cast: Cast) -> None:
    response = owner.post(URL, CREATE)

    assert "Nobody is found. Choose fewer filters, or “all” people." in response.text
    assert not MailingOut.objects.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": ""}, "Give it a name, so that you find it again."),
        ({"name": "x" * 101}, "at most 100 characters"),
        (
            {"created_after": "2026-05-02", "created_before": "2026-05-01"},
            "These dates are crossed over",
        ),
        ({"by_country": ["7"]}, "not one of the available choices"),
    ],
)
def test_bad_input_is_said_and_nothing_is_made(
    owner: Client, cast: Cast, data: dict[str, object], said: str
) -> None:
    ContactFactory.create(owner=cast.owner, country=CountryFactory.create(pk=8))

    response = owner.post(URL, CREATE | data)

    assert (response.status_code, response.context["count"]) == (200, None)
    assert said in response.text
    assert not MailingOut.objects.exists()


def test_large_choice_is_written_in_a_task(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 2)
    cast.contacts(3)

    owner.post(URL, CREATE)

    draft = MailingOut.objects.get()
    assert (draft.preparing, draft.chosen.count()) == (MailingOut.Preparing.AUDIENCE, 3)


def test_count_is_json(owner: Client, cast: Cast) -> None:
    cast.contacts(2)

    response = owner.get(COUNT, {"whose": "mine"})

    assert response.json() == {
        "headline": "2 people",
        "parts": ["2 to send"],
        "number": 2,
        "problems": [],
    }


def test_count_of_a_form_to_correct_says_what(owner: Client, cast: Cast) -> None:
    query = {"whose": "mine", "created_after": "2026-05-02", "created_before": "2026-05-01"}

    response = owner.get(COUNT, query)

    assert response.json() == {
        "headline": "",
        "parts": [],
        "number": 0,
        "problems": ["These dates are crossed over: this day is before the other one."],
    }


@pytest.mark.parametrize("model", recipient_models())
def test_every_type_has_form_and_count(owner: Client, model) -> None:
    kind = model._meta.model_name

    answers = [
        owner.get(reverse(f"{kind}_make_massmail")).status_code,
        owner.get(reverse(f"{kind}_count_massmail"), {"whose": "mine"}).status_code,
        owner.post(reverse(f"{kind}_count_massmail")).status_code,
    ]

    assert answers == [200, 200, 405]


def test_type_of_another_app_is_mailed_to(owner: Client, cast: Cast) -> None:
    for room in ("1", "2"):
        Guest.objects.create(owner=cast.owner, guest_name="Zoë", room=room, email="z@example.com")

    owner.post(reverse("guest_make_massmail"), CREATE | {"by_room": ["2"]})

    assert MailingOut.objects.get().recipients_number == 1


@pytest.mark.parametrize("missing", ["add_mailingout", "contact"])
def test_permissions_are_needed(owner: Client, cast: Cast, missing: str) -> None:
    cast.contacts(1)
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(codename__endswith=missing))

    answers = [owner.get(URL), owner.get(COUNT), owner.post(URL, CREATE)]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert not Delivery.objects.exists()


def test_page_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(URL)
        return len(queries)

    cast.contacts(1, country=CountryFactory.create())
    questions()
    before = questions()
    cast.contacts(8, country=CountryFactory.create())

    assert before == questions()
    assert before <= 15


def test_count_asks_few_questions(owner: Client, cast: Cast, django_assert_max_num_queries) -> None:
    cast.contacts(3)
    owner.get(COUNT, {"whose": "all"})

    with django_assert_max_num_queries(10):
        owner.get(COUNT, {"whose": "all"})
