"""From a list of people to a draft."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from crm.models import Contact
from massmail.models import MailingOut
from massmail.services import audience
from tests.factories import ContactFactory
from tests.massmail.cast import Cast, make_cast

CONTACTS = "admin:crm_contact_changelist"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def choose(
    client: Client, ids: list[int], *, all_pages: bool = False
) -> Any:  # Any: the test client's response
    data = {
        "action": "make_mailing_out",
        "_selected_action": ids,
        "select_across": "1" if all_pages else "0",
    }
    return client.post(reverse(CONTACTS), data)


def test_action_makes_a_draft_and_opens_it(owner: Client, cast: Cast) -> None:
    cast.account()
    contacts = list(cast.contacts(3))

    response = choose(owner, [contact.pk for contact in contacts[:2]])

    draft = MailingOut.objects.get()
    page = reverse("admin:massmail_mailingout_change", args=[draft.pk])
    assert response.headers["Location"] == page
    assert (draft.owner, draft.message, draft.started_at) == (cast.owner, None, None)
    assert (draft.recipients_number, draft.department) == (2, cast.department)
    assert draft.name.startswith("Contacts, ")


def test_action_takes_all_pages_when_all_were_chosen(owner: Client, cast: Cast) -> None:
    contacts = cast.contacts(51)

    choose(owner, [contacts[0].pk], all_pages=True)

    assert MailingOut.objects.get().recipients_number == 51


def test_action_passes_over_what_the_user_may_not_see(owner: Client, cast: Cast) -> None:
    own = cast.contacts(1).get()
    foreign = ContactFactory.create(owner=cast.stranger)

    choose(owner, [own.pk, foreign.pk])

    assert list(MailingOut.objects.get().deliveries.values_list("recipient_id", flat=True)) == [
        own.pk
    ]


@pytest.mark.parametrize(
    ("accounts", "text"),
    [
        ([], "You have no email account that is on: add one before you start."),
        ([{"main": True}], "You have only your main account, which writes to VIPs alone."),
        ([{"main": False}], None),
    ],
)
def test_action_warns_early(
    owner: Client, cast: Cast, accounts: list[dict[str, bool]], text: str | None
) -> None:
    for values in accounts:
        cast.account(**values)

    response = choose(owner, [cast.contacts(1).get().pk])

    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said == ([text] if text else [])


def test_large_choice_is_written_in_a_task(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 2)
    contacts = cast.contacts(3)

    choose(owner, [contact.pk for contact in contacts])

    draft = MailingOut.objects.get()
    assert draft.preparing == MailingOut.Preparing.AUDIENCE
    assert draft.chosen.count() == 3


def test_action_needs_the_permission_to_add(owner: Client, cast: Cast) -> None:
    contact = cast.contacts(1).get()
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(codename="add_mailingout"))

    response = choose(owner, [contact.pk])

    assert response.status_code == 302  # to the list, which does not know the action
    assert not MailingOut.objects.exists()
    assert Contact.objects.exists()
