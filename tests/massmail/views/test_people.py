"""The people of a mailing out, and the page of one delivery."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from crm.admin import ContactAdmin
from crm.models import Contact
from massmail.models import DeliveryAttempt, EmlMessage, MailingOut
from massmail.services import campaign
from massmail.services.smtp_replies import Action
from massmail.views import people, people_filter
from massmail.views.people_filter import PeopleFilter
from tests.massmail.cast import Cast
from tests.massmail.services.test_drafts import settle


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def addresses(response: object) -> list[str]:
    return [person.address for person in response.context["people"]]  # type: ignore[attr-defined]


def people_of(mailing_out: MailingOut) -> str:
    return reverse("mailing_out_people", args=[mailing_out.pk])


def ids(response: object) -> list[int]:
    return [person.delivery.recipient_id for person in response.context["people"]]  # type: ignore[attr-defined]


def test_list_is_paged_there_and_back(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PEOPLE_A_PAGE", 2)
    monkeypatch.setattr(people, "_ONE_MORE", 3)
    draft = cast.draft(number=5)
    everybody = sorted(draft.deliveries.values_list("recipient_id", flat=True))

    seen, response = [], owner.get(people_of(draft))
    while after := response.context["page"].after:
        seen.append(ids(response))
        response = owner.get(people_of(draft), {"after": after})
    seen.append(ids(response))
    back = []
    while before := response.context["page"].before:
        response = owner.get(people_of(draft), {"before": before})
        back.append(ids(response))

    assert seen == [everybody[:2], everybody[2:4], everybody[4:]]
    assert back == [everybody[2:4], everybody[:2]]


def test_links_between_pages_keep_the_filter(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=51)

    response = owner.get(people_of(draft), {"state": "waiting", "q": "example"})

    after = response.context["page"].after
    assert f"?state=waiting&amp;q=example&amp;after={after}" in response.text


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


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("value", ["0", "x", "-1", "9" * 30, "9" * 19, "²"])
def test_place_that_is_none_is_no_fault(owner: Client, cast: Cast, name: str, value: str) -> None:
    assert owner.get(people_of(cast.draft(number=1)), {name: value}).status_code == 200


@pytest.mark.parametrize("query", [{"state": "x"}, {"reason": "x"}, {"q": "\0"}, {"q": "%_'"}])
def test_unknown_filter_is_no_fault(owner: Client, cast: Cast, query: dict[str, str]) -> None:
    assert owner.get(people_of(cast.draft(number=1)), query).status_code == 200


def test_list_is_searched_by_name_and_id(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=3)
    first, second, _third = draft.deliveries.order_by("recipient_id")
    Contact.objects.filter(pk=first.recipient_id).update(first_name="Renée")

    by_name = owner.get(people_of(draft), {"q": "renée o'neil"})
    by_id = owner.get(people_of(draft), {"q": f"id{second.recipient_id}"})

    assert ids(by_name) == [first.recipient_id]
    assert second.recipient_id in ids(by_id)


def test_search_finds_nobody_of_other_mailing_outs(owner: Client, cast: Cast) -> None:
    draft, _other = cast.draft(number=1), cast.draft(number=1)

    response = owner.get(people_of(draft), {"q": "O'Neil"})

    assert ids(response) == list(draft.deliveries.values_list("recipient_id", flat=True))


def test_type_whose_list_has_no_search_is_searched_by_address(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = cast.draft(number=1)
    monkeypatch.setattr(ContactAdmin, "search_fields", ())
    search = PeopleFilter(search="example.com")

    assert search.rows(draft).count() == 1


def test_long_search_is_counted_no_further(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_filter, "COUNTED_TO", 2)
    monkeypatch.setattr(people, "COUNTED_TO", 2)
    draft = cast.draft(number=4)

    searched = owner.get(people_of(draft), {"q": "example"})
    everybody = owner.get(people_of(draft))

    assert "more than 2 people" in searched.text
    assert "more than" not in everybody.text


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

    with django_assert_num_queries(12):
        owner.get(people_of(draft))


def test_acts_are_offered_to_the_owner_alone(client: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=2)
    settle(mailing_out, uncertain=1, failed=1)
    offered = {}
    for user in (cast.owner, cast.colleague):
        client.force_login(user)
        uncertain = client.get(people_of(mailing_out), {"state": "uncertain"}).text
        failed = client.get(people_of(mailing_out), {"state": "failed"}).text
        offered[user.username] = (
            "Count the chosen as sent" in uncertain,
            "all failed" in failed,
            "New mailing out to these" in failed,
        )

    assert offered == {"owner": (True, True, True), "colleague": (False, False, True)}


def test_cancelled_mailing_out_offers_no_retry(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)
    settle(mailing_out, failed=1)
    MailingOut.objects.update(status=MailingOut.Status.INTERRUPTED)

    response = owner.get(people_of(mailing_out), {"state": "failed"})

    assert response.context["can_retry"] is False


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


def test_mail_is_that_of_the_version_it_was_built_from(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=3)
    first, second, waiting = mailing_out.deliveries.order_by("pk")
    EmlMessage.objects.update(content="<p>corrected</p>")
    mailing_out.deliveries.filter(pk=first.pk).update(message_id="<1@example.org>")
    campaign.use_new_version(mailing_out)
    mailing_out.deliveries.filter(pk=second.pk).update(
        message_id="<2@example.org>", message_version=mailing_out.message_version
    )

    shown = [
        "corrected" in owner.get(reverse("delivery_mail", args=[row.pk])).text
        for row in (first, second, waiting)
    ]

    assert shown == [False, True, True]


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
