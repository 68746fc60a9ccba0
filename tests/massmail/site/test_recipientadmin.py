"""What every list and page of people has, shown by a type that the product does not know."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from massmail.models import Delivery, MailingOut, MassContact, Suppression
from tests.guests.models import Guest
from tests.massmail.cast import Cast

LIST = reverse("admin:guests_guest_changelist")


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def guest(cast: Cast, **values) -> Guest:
    values = {"guest_name": "Zoë", "email": "zoe@example.com", "owner": cast.owner} | values
    return Guest.objects.create(**values)


def change(person: Guest) -> str:
    return reverse("admin:guests_guest_change", args=[person.pk])


def listed(client: Client, **query) -> list[Guest]:
    return list(client.get(LIST, query).context["cl"].queryset)


def form_of(person: Guest, **changes) -> dict[str, object]:
    values = {"guest_name": person.guest_name, "room": "", "email": person.email}
    return values | {"owner": person.owner_id} | changes


def switch_is_offered(client: Client, person: Guest) -> bool:
    return 'name="massmail"' in client.get(change(person)).text


# --- the list


def test_list_leads_to_a_new_mailing_out(owner: Client, cast: Cast) -> None:
    url = reverse("guest_make_massmail")
    offered = url in owner.get(LIST).text
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(codename="add_mailingout"))

    assert (offered, url in owner.get(LIST).text) == (True, False)


def test_list_shows_subscription_and_mailings(owner: Client, cast: Cast) -> None:
    cast.account()
    person = guest(cast)
    guest(cast, massmail=False, email="b@example.com")
    mailing_out = MailingOut.objects.create_for(
        Guest.objects.filter(pk=person.pk), owner=cast.owner, message=None, name="News"
    )
    MailingOut.objects.filter(pk=mailing_out.pk).update(started_at=person.creation_date)
    mailing_out.deliveries.update(status=Delivery.Status.SENT)

    text = owner.get(LIST).text

    assert reverse("got_guest_massmails", args=[person.pk]) in text
    assert '<td class="field-subscription">subscribed</td>' in text
    assert '<td class="field-subscription">unsubscribed</td>' in text


def test_list_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    def questions(number: int) -> int:
        for _ in range(number):
            guest(cast)
        with CaptureQueriesContext(connection) as queries:
            owner.get(LIST)
        return len(queries)

    questions(1)
    before = questions(1)

    assert before == questions(8) <= 15


def test_id_is_found_by_its_number_among_what_one_sees(owner: Client, cast: Cast) -> None:
    mine, _other, foreign = guest(cast), guest(cast), guest(cast, owner=cast.stranger)

    assert listed(owner, q=f"id{mine.pk}") == listed(owner, q=f" ID {mine.pk} ") == [mine]
    assert listed(owner, q=f"id{foreign.pk}", owner="all") == []
    assert listed(owner, q="id999999999999999999") == []
    assert listed(owner, q="identity") == []


@pytest.mark.parametrize("query", ["q=id{pk}&owner=all", "id__in={pk}&owner=all", "owner=all"])
def test_foreign_row_is_never_acted_on(owner: Client, cast: Cast, query: str) -> None:
    foreign = guest(cast, owner=cast.stranger)
    data = {"action": "make_mailing_out", "_selected_action": [foreign.pk], "select_across": "1"}

    owner.post(f"{LIST}?{query.format(pk=foreign.pk)}", data)

    assert not Delivery.objects.exists()


# --- the page


def test_page_leads_to_the_mailings(owner: Client, cast: Cast) -> None:
    person = guest(cast)

    assert reverse("got_guest_massmails", args=[person.pk]) in owner.get(change(person)).text


def test_subscribed_can_be_switched_off_and_not_on_again(owner: Client, cast: Cast) -> None:
    person = guest(cast)
    before = switch_is_offered(owner, person)

    owner.post(change(person), form_of(person))
    offered = switch_is_offered(owner, person)
    owner.post(change(person), form_of(person, massmail="on"))

    person.refresh_from_db()
    assert (before, offered, person.massmail) == (True, False, False)
    assert "unsubscribed" in owner.get(change(person)).text


def test_superuser_undoes_what_staff_did_alone(client: Client, cast: Cast) -> None:
    client.force_login(cast.superuser)
    by_staff = guest(cast, massmail=False)
    by_person = guest(cast, massmail=False, email="b@example.com")
    Suppression.objects.create(address_key="b@example.com", kind="unsubscribed")
    marked = guest(cast, massmail=False, email="c@example.com")
    MassContact.objects.create(content_object=marked, massmail=False)
    people = (by_staff, by_person, marked)

    for person in people:
        client.post(change(person), form_of(person, massmail="on"))

    assert [Guest.objects.get(pk=person.pk).massmail for person in people] == [True, False, False]


def test_bounced_are_told_with_the_way_to_lift_it(client: Client, cast: Cast) -> None:
    person = guest(cast)
    row = Suppression.objects.create(address_key=person.address_key or "", kind="bounced")
    url = reverse("admin:massmail_suppression_change", args=[row.pk])
    offered = {}
    for who in ("owner", "superuser"):
        client.force_login(getattr(cast, who))
        text = client.get(change(person)).text
        offered[who] = ("bounced on" in text, url in text)

    assert offered == {"owner": (True, False), "superuser": (True, True)}


def test_form_of_a_new_person_has_the_switch_alone(owner: Client) -> None:
    text = owner.get(reverse("admin:guests_guest_add")).text

    assert 'name="massmail"' in text
    assert "field-subscription" not in text


def test_stranger_finds_nobody(client: Client, cast: Cast) -> None:
    client.force_login(cast.stranger)

    assert client.get(change(guest(cast))).status_code == 404
