"""The people of a mailing out, and the page of one delivery."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from massmail.models import Delivery, DeliveryAttempt, EmlMessage, MailingOut
from massmail.services.smtp_replies import Action
from tests.massmail.cast import Cast


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def addresses(response: object) -> list[str]:
    return [person.address for person in response.context["people"]]  # type: ignore[attr-defined]


def people_of(mailing_out: MailingOut) -> str:
    return reverse("mailing_out_people", args=[mailing_out.pk])


def test_list_is_paged(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=51)

    pages = [owner.get(people_of(draft), {"page": page}) for page in (1, 2)]

    assert [len(addresses(page)) for page in pages] == [50, 1]


def test_list_narrows_by_state_and_reason(owner: Client, cast: Cast) -> None:
    contacts = cast.contacts(3)
    contacts.filter(pk=contacts[0].pk).update(massmail=False)
    contacts.filter(pk=contacts[1].pk).update(email="nobody")
    draft = MailingOut.objects.create_for(contacts, owner=cast.owner, message=None, name="x")

    left_out = owner.get(people_of(draft), {"state": "left-out"})
    unsubscribed = owner.get(people_of(draft), {"state": "left-out", "reason": "unsubscribed"})

    assert len(addresses(left_out)) == 2
    assert [person.state for person in unsubscribed.context["people"]] == ["left out: unsubscribed"]


def test_list_is_searched_by_address(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=2)
    row = draft.deliveries.order_by("pk")[0]

    response = owner.get(people_of(draft), {"q": f" {(row.address_key or '').upper()} "})

    assert addresses(response) == [row.address_key]


def test_list_of_deleted_people(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)
    draft.recipient_model._default_manager.all().delete()

    response = owner.get(people_of(draft))

    assert [person.name for person in response.context["people"]] == ["deleted since"]


@pytest.mark.parametrize("page", ["0", "99", "x", "-1"])
def test_page_that_is_not_there_shows_one_that_is(owner: Client, cast: Cast, page: str) -> None:
    assert owner.get(people_of(cast.draft(number=1)), {"page": page}).status_code == 200


@pytest.mark.parametrize("number", [2, 20])
def test_list_asks_as_many_questions_for_any_number(
    owner: Client,
    cast: Cast,
    number: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    cast.account()
    draft = cast.draft(number=number)
    owner.get(people_of(draft))  # what is remembered is remembered

    with django_assert_num_queries(11):
        owner.get(people_of(draft))


def test_uncertain_rows_can_be_chosen_by_the_owner_alone(client: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)
    mailing_out.deliveries.update(status=Delivery.Status.UNCERTAIN)
    MailingOut.objects.filter(pk=mailing_out.pk).update(uncertain_count=1, pending_count=0)
    answers = []
    for user in (cast.owner, cast.colleague):
        client.force_login(user)
        response = client.get(people_of(mailing_out), {"state": "uncertain"})
        answers.append('name="delivery"' in response.text)

    assert answers == [True, False]


def test_delivery_tells_its_story(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)
    row = mailing_out.deliveries.get()
    DeliveryAttempt.objects.create(
        delivery=row,
        mailing_out=mailing_out,
        at=timezone.now(),
        outcome=Action.LATER,
        stage="rcpt",
        code=451,
        reply="451 4.2.2 <b>full</b>",
        number=1,
    )

    response = owner.get(reverse("delivery", args=[row.pk]))

    assert "Refused for the time being, tried again later" in response.text
    assert "451 4.2.2 &lt;b&gt;full&lt;/b&gt;" in response.text


@pytest.mark.parametrize("part", ["html", "text", "headers"])
def test_mail_of_a_delivery_is_that_of_the_frozen_message(
    owner: Client, cast: Cast, part: str
) -> None:
    mailing_out = cast.started(number=1)
    EmlMessage.objects.update(content="changed since", subject="changed since")

    url = reverse("delivery_mail", args=[mailing_out.deliveries.get().pk])
    response = owner.get(url, {"part": part})

    wanted = "List-Unsubscribe-Post:" if part == "headers" else "here are our news."
    assert wanted in response.text
    assert "changed since" not in response.text


def test_mail_shows_a_link_that_unsubscribes_nobody(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)

    response = owner.get(reverse("delivery_mail", args=[mailing_out.deliveries.get().pk]))

    assert "/unsubscribe_test/" in response.text
    assert "/unsubscribe/" not in response.text


def test_mail_of_a_deleted_person_says_so(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)
    mailing_out.recipient_model._default_manager.all().delete()
    row = mailing_out.deliveries.get()

    page = owner.get(reverse("delivery", args=[row.pk]))
    mail = owner.get(reverse("delivery_mail", args=[row.pk]))

    assert (page.status_code, mail.status_code) == (200, 200)
    assert "deleted since" in mail.text
