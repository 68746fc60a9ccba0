"""The filter form on a draft: it adds, and leaves out, whom it finds."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from massmail.models import MailingOut, SkipReason
from massmail.services import audience
from tests.factories import ContactFactory, CountryFactory
from tests.massmail.campaigns import refreshed
from tests.massmail.cast import Cast

PAGES = ("mailing_out_add_people", "mailing_out_leave_out_people")
ALL = {"whose": "all", "create": "yes"}


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def url(name: str, mailing_out: MailingOut) -> str:
    return reverse(name, args=[mailing_out.pk])


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_adding_says_how_many(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=2)
    cast.contacts(3)

    response = owner.post(url(PAGES[0], draft), ALL)

    card = reverse("admin:massmail_mailingout_change", args=[draft.pk]) + "#audience"
    assert (response.headers["Location"], said(response)) == (card, ["3 people are added."])
    assert refreshed(draft).recipients_number == 5


def test_adding_counts_those_in_it_apart(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=2)
    cast.contacts(1)

    response = owner.get(url("mailing_out_add_people_count", draft), {"whose": "all"})

    assert response.json() == {
        "headline": "1 person",
        "parts": ["1 to send", "besides, 2 are here already"],
        "number": 1,
        "problems": [],
    }


def test_adding_many_is_done_by_a_task(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = cast.draft(number=2)
    cast.contacts(2)
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 3)

    response = owner.post(url(PAGES[0], draft), ALL)

    draft.refresh_from_db()
    assert said(response) == [
        "They are many: a task adds them. This page shows it when it is done."
    ]
    assert (draft.preparing, draft.chosen.count()) == (MailingOut.Preparing.AUDIENCE, 4)


def test_leaving_out_by_filter(owner: Client, cast: Cast) -> None:
    country = CountryFactory.create()
    chosen = [ContactFactory.create(owner=cast.owner, country=country) for _ in range(2)]
    ContactFactory.create(owner=cast.owner)
    draft = MailingOut.objects.create_for(
        type(chosen[0]).objects.all(), owner=cast.owner, message=None, name="News"
    )

    counted = owner.get(
        url("mailing_out_leave_out_people_count", draft),
        {"whose": "all", "by_country": str(country.pk)},
    )
    response = owner.post(url(PAGES[1], draft), ALL | {"by_country": [country.pk]})

    assert counted.json()["headline"] == "2 people"
    assert said(response) == ["2 people are left out."]
    left_out = draft.deliveries.filter(reason=SkipReason.LEFT_OUT)
    assert sorted(row.recipient_id for row in left_out) == sorted(each.pk for each in chosen)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (PAGES[0], "Nobody new is found. Choose fewer filters, or “all” people."),
        (PAGES[1], "Nobody who is to get a mail is found: nobody is left out."),
    ],
)
def test_nobody_found_is_said(owner: Client, cast: Cast, page: str, text: str) -> None:
    draft = cast.draft(number=1)
    draft.recipient_model._default_manager.update(massmail=False)
    audience.refresh(draft)

    response = owner.post(url(page, draft), ALL)

    assert response.status_code == 200
    assert text in response.text


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_was_started_is_refused_in_words(
    owner: Client, cast: Cast, page: str, method: str
) -> None:
    mailing_out = cast.started(number=1)
    cast.contacts(1)

    response = getattr(owner, method)(url(page, mailing_out), ALL)

    assert (response.status_code, said(response)) == (302, ["“Spring offer” is running already."])
    assert refreshed(mailing_out).pending_count == 1


@pytest.mark.parametrize(("who", "status"), [("superuser", 200), ("colleague", 403)])
@pytest.mark.parametrize("page", [*PAGES, *(f"{page}_count" for page in PAGES)])
def test_pages_are_for_those_who_may_change(
    client: Client, cast: Cast, page: str, who: str, status: int
) -> None:
    draft = cast.draft(number=1)
    client.force_login(getattr(cast, who))
    address = url(page, draft)
    client.force_login(cast.stranger)
    strangers = client.get(address).status_code
    client.force_login(getattr(cast, who))

    assert (client.get(address).status_code, strangers) == (status, 404)


@pytest.mark.parametrize("who", ["colleague", "stranger"])
@pytest.mark.parametrize("page", PAGES)
def test_refused_change_changes_nothing(client: Client, cast: Cast, page: str, who: str) -> None:
    draft = cast.draft(number=1)
    cast.contacts(1)
    client.force_login(getattr(cast, who))

    client.post(url(page, draft), ALL)

    assert (refreshed(draft).recipients_number, draft.pending_count) == (1, 1)


@pytest.mark.parametrize("page", PAGES)
def test_permission_to_view_the_people_is_needed(owner: Client, cast: Cast, page: str) -> None:
    draft = cast.draft(number=1)
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(content_type__model="contact"))

    assert owner.get(url(page, draft)).status_code == 403


def test_card_offers_the_changes_of_a_draft_to_its_owner(client: Client, cast: Cast) -> None:
    draft, other = cast.draft(number=1), cast.started(number=1)
    offered = {}
    for who, mailing_out in (("owner", draft), ("colleague", draft), ("superuser", other)):
        client.force_login(getattr(cast, who))
        text = client.get(reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])).text
        offered[who] = [url(page, mailing_out) in text for page in PAGES]

    assert offered == {
        "owner": [True, True],
        "colleague": [False, False],
        "superuser": [False, False],
    }
