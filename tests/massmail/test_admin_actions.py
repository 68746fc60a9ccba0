"""What lists offer: drafts to people, uniting mailing outs, VIPs, another owner."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from crm.models import Contact
from massmail.models import MailingOut, MassContact
from massmail.services import audience
from tests.factories import ContactFactory, MassContactFactory, SignatureFactory
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


# --- uniting mailing outs


def pair(cast: Cast) -> list[MailingOut]:
    message = cast.message()
    return [cast.draft(number=2, message=message, name=name) for name in ("First", "Second")]


def act(
    client: Client, changelist: str, action: str, chosen: Any, **data: Any
) -> Any:  # Any: objects of any model; the test client's response
    """Choose objects of a list and an action."""
    ids = [each.pk for each in chosen]
    return client.post(
        reverse(f"admin:{changelist}_changelist") + "?owner=all",
        {"action": action, "_selected_action": ids, "select_across": "0", **data},
    )


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


MAILING_OUTS = "massmail_mailingout"


def test_merge_asks_first(owner: Client, cast: Cast) -> None:
    drafts = pair(cast)

    response = act(owner, MAILING_OUTS, "merge_mailing_outs", drafts)

    assert "A new draft, “First (united)”, goes to 4 people." in response.text
    assert "“Second” is a draft: it is deleted." in response.text
    assert MailingOut.objects.count() == 2


def test_merge_opens_the_united_draft(owner: Client, cast: Cast) -> None:
    drafts = pair(cast)

    response = act(owner, MAILING_OUTS, "merge_mailing_outs", drafts, confirmed="yes")

    united = MailingOut.objects.get()
    page = reverse("admin:massmail_mailingout_change", args=[united.pk])
    assert (response.headers["Location"], united.recipients_number) == (page, 4)


def test_merge_says_what_stands_against_it(owner: Client, cast: Cast) -> None:
    drafts = [cast.draft(name="First"), cast.draft(name="Second")]

    response = act(owner, MAILING_OUTS, "merge_mailing_outs", drafts, confirmed="yes")

    assert said(response) == ["They have different messages. Unite those of one message."]
    assert MailingOut.objects.count() == 2


def test_merge_of_a_colleagues_is_refused(client: Client, cast: Cast) -> None:
    drafts = pair(cast)
    client.force_login(cast.colleague)

    response = act(client, MAILING_OUTS, "merge_mailing_outs", drafts, confirmed="yes")

    assert said(response) == ["“First” is not yours: only its owner can unite it."]
    assert MailingOut.objects.count() == 2


def test_merge_finds_nothing_of_strangers(client: Client, cast: Cast) -> None:
    drafts = pair(cast)
    client.force_login(cast.stranger)

    response = act(client, MAILING_OUTS, "merge_mailing_outs", drafts, confirmed="yes")

    assert said(response) == ["Choose at least two mailing outs to unite."]
    assert MailingOut.objects.count() == 2


def test_large_merge_is_left_to_a_task(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = pair(cast)
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 3)

    act(owner, MAILING_OUTS, "merge_mailing_outs", drafts, confirmed="yes")

    assert MailingOut.objects.get().preparing == MailingOut.Preparing.AUDIENCE


# --- VIPs


def test_vips_over_all_pages(owner: Client, cast: Cast) -> None:
    main = cast.account(main=True)
    contacts = cast.contacts(51)

    response = act(owner, "crm_contact", "specify_vip_recipients", contacts[:1], select_across="1")

    assert said(response) == ["51 people more are VIPs now: your main account writes to them."]
    assert MassContact.objects.filter(email_account=main).count() == 51


def test_vips_need_a_main_account(owner: Client, cast: Cast) -> None:
    response = act(owner, "crm_contact", "specify_vip_recipients", cast.contacts(1))

    assert said(response) == [
        "You have no main account, which would write to VIPs. Mark one of yours as main."
    ]


def test_vips_are_only_ones_own_people(owner: Client, cast: Cast) -> None:
    cast.account(main=True)
    own, of_colleague, foreign = cast.contacts(3).order_by("pk")
    Contact.objects.filter(pk=of_colleague.pk).update(owner=cast.colleague)
    Contact.objects.filter(pk=foreign.pk).update(owner=cast.stranger, department=None)

    response = act(owner, "crm_contact", "specify_vip_recipients", [own, of_colleague, foreign])

    assert [row.content_object for row in MassContact.objects.all()] == [own]
    assert said(response)[1:] == ["1 of the chosen is not yours to change: left as it is."]


def test_remove_vip_status(owner: Client, cast: Cast) -> None:
    main = cast.account(main=True)
    contacts = list(cast.contacts(2))
    for contact in contacts:
        MassContactFactory.create(content_object=contact, email_account=main)

    response = act(owner, "crm_contact", "remove_vip_status", contacts[:1])

    assert said(response) == ["1 person is no VIP of yours any more."]
    assert MassContact.objects.filter(email_account=main).count() == 1


# --- another owner


def test_change_owner_asks_for_whom(owner: Client, cast: Cast) -> None:
    contacts = cast.contacts(2)

    response = act(owner, "crm_contact", "change_owner", contacts)

    offered = [str(user) for user in response.context["form"].fields["new_owner"].queryset]
    assert "2 get another owner." in response.text
    assert offered == ["colleague", "owner"]
    assert set(contacts.values_list("owner", flat=True)) == {cast.owner.pk}


def test_change_owner_over_all_pages(owner: Client, cast: Cast) -> None:
    contacts = cast.contacts(51)
    data = {"select_across": "1", "confirmed": "yes", "new_owner": cast.colleague.pk}

    page = act(owner, "crm_contact", "change_owner", contacts[:1], select_across="1")
    response = act(owner, "crm_contact", "change_owner", contacts[:1], **data)

    assert "51 get another owner." in page.text
    assert said(response) == ["51 belong to colleague now."]
    assert set(contacts.values_list("owner", flat=True)) == {cast.colleague.pk}


@pytest.mark.parametrize("chosen", ["stranger", "nobody", "inactive"])
def test_change_owner_takes_active_colleagues_alone(owner: Client, cast: Cast, chosen: str) -> None:
    contacts = cast.contacts(1)
    type(cast.colleague).objects.filter(pk=cast.colleague.pk).update(is_active=False)
    new_owner = {"stranger": cast.stranger.pk, "nobody": "", "inactive": cast.colleague.pk}

    response = act(
        owner,
        "crm_contact",
        "change_owner",
        contacts,
        confirmed="yes",
        new_owner=new_owner[chosen],
    )

    assert response.context["form"].errors
    assert contacts.get().owner == cast.owner


def test_change_owner_spares_what_is_a_colleagues(client: Client, cast: Cast) -> None:
    contacts = cast.contacts(1)
    client.force_login(cast.colleague)

    page = act(client, "crm_contact", "change_owner", contacts)
    act(
        client,
        "crm_contact",
        "change_owner",
        contacts,
        confirmed="yes",
        new_owner=cast.colleague.pk,
    )

    assert page.context["spared"] == 1
    assert contacts.get().owner == cast.owner


def test_change_owner_of_a_company_names_who_follows(owner: Client, cast: Cast) -> None:
    contact = cast.contacts(1).get()

    response = act(owner, "crm_company", "change_owner", [contact.company])

    assert "1 person who belongs to them follows." in response.text


@pytest.mark.parametrize("kind", ["emlmessage", "signature", "mailingout"])
def test_messages_signatures_and_drafts_change_owner_too(
    owner: Client, cast: Cast, kind: str
) -> None:
    made: dict[str, Any] = {  # Any: of three models
        "emlmessage": cast.message(),
        "signature": SignatureFactory.create(owner=cast.owner),
        "mailingout": cast.draft(),
    }
    given = made[kind]

    act(
        owner,
        f"massmail_{kind}",
        "change_owner",
        [given],
        confirmed="yes",
        new_owner=cast.colleague.pk,
    )

    given.refresh_from_db()
    assert given.owner == cast.colleague


@pytest.mark.parametrize("action", ["specify_vip_recipients", "remove_vip_status", "change_owner"])
def test_actions_need_the_permission_to_change(owner: Client, cast: Cast, action: str) -> None:
    contacts = cast.contacts(1)
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(codename="change_contact"))

    act(owner, "crm_contact", action, contacts, confirmed="yes", new_owner=cast.colleague.pk)

    assert contacts.get().owner == cast.owner
    assert not MassContact.objects.exists()
