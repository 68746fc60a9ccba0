"""The mailings that a recipient got: what one may see by name, the rest as a number."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import Contact, Lead
from massmail.models import MailingOut
from tests.factories import EmailAccountFactory, LeadFactory
from tests.guests.models import Guest
from tests.massmail.cast import Cast


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def page_of(person) -> str:
    word = type(person).GOT_WORD or person._meta.model_name
    return reverse(f"got_{word}_massmails", args=[person.pk])


def started(cast: Cast, person, owner=None, name: str = "News") -> MailingOut:
    owner = owner or cast.owner
    EmailAccountFactory.create(owner=owner)
    mailing_out = MailingOut.objects.create_for(
        type(person).objects.filter(pk=person.pk),
        owner=owner,
        message=cast.message(content="<p>News</p>", subject="News"),
        name=name,
    )
    mailing_out.start()
    return mailing_out


def names(response) -> list[str]:
    return [row.mailing_out.name for row in response.context["page"].object_list]


def test_newest_comes_first_and_drafts_not_at_all(owner: Client, cast: Cast) -> None:
    person = cast.contacts(1).get()
    for name in ("First", "Second"):
        started(cast, person, name=name)
    MailingOut.objects.create_for(
        Contact.objects.all(), owner=cast.owner, message=None, name="Draft"
    )

    response = owner.get(page_of(person))

    assert names(response) == ["Second", "First"]
    rows = response.context["page"].object_list
    assert reverse("delivery", args=[rows[0].pk]) in response.text
    assert response.context["unseen"] == 0


def test_those_of_others_are_counted_not_named(owner: Client, cast: Cast) -> None:
    person = cast.contacts(1).get()
    started(cast, person, owner=cast.stranger, name="Secret")

    response = owner.get(page_of(person))

    assert (names(response), response.context["unseen"]) == ([], 1)
    assert "Secret" not in response.text
    assert "Besides, 1 mailing out of others" in " ".join(response.text.split())


def test_same_number_of_another_type_is_somebody_else(owner: Client, cast: Cast) -> None:
    person = cast.contacts(1).get()
    LeadFactory.create(pk=person.pk, owner=cast.owner)
    started(cast, person)

    assert names(owner.get(page_of(Lead.objects.get()))) == []


def test_type_of_another_app_has_the_page(owner: Client, cast: Cast) -> None:
    guest = Guest.objects.create(owner=cast.owner, guest_name="Zoë", email="z@example.com")
    started(cast, guest)

    assert names(owner.get(page_of(guest))) == ["News"]


@pytest.mark.parametrize(
    ("who", "status"), [("superuser", 200), ("owner", 200), ("colleague", 200), ("stranger", 404)]
)
def test_page_is_for_those_who_see_the_person(
    client: Client, cast: Cast, who: str, status: int
) -> None:
    client.force_login(getattr(cast, who))

    assert client.get(page_of(cast.contacts(1).get())).status_code == status


def test_permission_to_view_people_is_needed(owner: Client, cast: Cast) -> None:
    cast.owner.groups.remove(*cast.owner.groups.filter(name="managers"))

    assert owner.get(page_of(cast.contacts(1).get())).status_code == 403


def test_post_is_refused(owner: Client, cast: Cast) -> None:
    assert owner.post(page_of(cast.contacts(1).get())).status_code == 405


def test_page_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    person = cast.contacts(1).get()

    def questions() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(page_of(person))
        return len(queries)

    started(cast, person)
    questions()
    before = questions()
    for _ in range(4):
        started(cast, person)

    assert before == questions() <= 12
