"""Merging duplicates, and giving away all that a user has."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from crm.models import Contact
from massmail.models import EmailAccount, MassContact
from tests.factories import MassContactFactory, UserFactory
from tests.massmail.cast import Cast, make_cast

CONTACTS = "admin:crm_contact_changelist"
USERS = "admin:auth_user_changelist"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


@pytest.fixture
def superuser(client: Client, cast: Cast) -> Client:
    client.force_login(cast.superuser)
    return client


def act(client: Client, url: str, action: str, chosen: Any, **data: Any) -> Any:
    ids = [each.pk for each in chosen]
    data = {"action": action, "_selected_action": ids, "select_across": "0", **data}
    return client.post(f"{reverse(url)}?owner=all" if url == CONTACTS else reverse(url), data)


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_merge_asks_which_one_stays(owner: Client, cast: Cast) -> None:
    contacts = cast.contacts(2)

    response = act(owner, CONTACTS, "merge_duplicates", contacts)

    assert [person.pk for person in response.context["people"]] == sorted(
        contacts.values_list("pk", flat=True)
    )
    assert Contact.objects.count() == 2


def test_merge_keeps_the_one_chosen(owner: Client, cast: Cast) -> None:
    first, second = cast.contacts(2).order_by("pk")
    MassContactFactory.create(content_object=first, massmail=False)

    response = act(
        owner, CONTACTS, "merge_duplicates", [first, second], confirmed="yes", kept=second.pk
    )

    second.refresh_from_db()
    assert (list(Contact.objects.all()), second.massmail) == ([second], False)
    assert said(response) == [f"They are one now: {second}."]
    assert MassContact.objects.count() == 2


@pytest.mark.parametrize("kept", ["", "x", "0"])
def test_merge_without_answer_asks_again(owner: Client, cast: Cast, kept: str) -> None:
    contacts = cast.contacts(2)

    response = act(owner, CONTACTS, "merge_duplicates", contacts, confirmed="yes", kept=kept)

    assert "Choose the one that stays." in response.text
    assert Contact.objects.count() == 2


def test_merge_of_one_says_so(owner: Client, cast: Cast) -> None:
    response = act(owner, CONTACTS, "merge_duplicates", cast.contacts(1))

    assert said(response) == ["Choose at least two that are one."]


def test_merge_of_too_many_says_so(owner: Client, cast: Cast) -> None:
    response = act(owner, CONTACTS, "merge_duplicates", cast.contacts(21))

    assert said(response) == ["Choose at most 20 at once."]


@pytest.mark.parametrize("user", ["colleague", "stranger"])
def test_merge_spares_what_is_others(client: Client, cast: Cast, user: str) -> None:
    contacts = list(cast.contacts(2))
    client.force_login(getattr(cast, user))

    act(client, CONTACTS, "merge_duplicates", contacts, confirmed="yes", kept=contacts[0].pk)

    assert Contact.objects.count() == 2


def test_merge_with_one_of_a_colleague_is_refused(owner: Client, cast: Cast) -> None:
    own, other, third = cast.contacts(3).order_by("pk")
    Contact.objects.filter(pk=third.pk).update(owner=cast.colleague)

    response = act(
        owner, CONTACTS, "merge_duplicates", [own, other, third], confirmed="yes", kept=own.pk
    )

    assert said(response) == ["Some of the chosen are not yours to change: choose only yours."]
    assert Contact.objects.count() == 3


def test_merge_needs_the_permission_to_delete(owner: Client, cast: Cast) -> None:
    contacts = list(cast.contacts(2))
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(codename="delete_contact"))

    act(owner, CONTACTS, "merge_duplicates", contacts, confirmed="yes", kept=contacts[0].pk)

    assert Contact.objects.count() == 2


def test_company_given_in_its_form_takes_its_contacts_along(owner: Client, cast: Cast) -> None:
    contact = cast.contacts(1).get()
    MassContactFactory.create(content_object=contact, email_account=cast.account())
    company = contact.company
    data = {
        "full_name": company.full_name,
        "email": company.email,
        "massmail": "on",
        "owner": cast.colleague.pk,
        "department": cast.department.pk,
    }

    response = owner.post(reverse("admin:crm_company_change", args=[company.pk]), data)

    contact.refresh_from_db()
    assert response.status_code == 302, response.context["errors"]
    assert contact.owner == cast.colleague
    assert MassContact.objects.get().email_account is None


# --- everything of a user


def test_transfer_names_what_it_gives(superuser: Client, cast: Cast) -> None:
    cast.contacts(2)

    response = act(superuser, USERS, "transfer_everything", [cast.owner])

    assert ("contacts", 2) in response.context["owned"]
    assert cast.owner not in response.context["form"].fields["new_owner"].queryset


def test_transfer_gives_everything(superuser: Client, cast: Cast) -> None:
    account, contacts = cast.account(), cast.contacts(2)

    response = act(
        superuser,
        USERS,
        "transfer_everything",
        [cast.owner],
        confirmed="yes",
        new_owner=cast.colleague.pk,
    )

    account.refresh_from_db()
    assert account.owner == cast.colleague
    assert set(contacts.values_list("owner", flat=True)) == {cast.colleague.pk}
    assert said(response) == ["4 objects belong to colleague now."]


@pytest.mark.parametrize("to", ["owner", "inactive", "nobody"])
def test_transfer_takes_active_others_alone(superuser: Client, cast: Cast, to: str) -> None:
    account = cast.account()
    inactive = UserFactory.create(is_active=False)
    new_owner = {"owner": cast.owner.pk, "inactive": inactive.pk, "nobody": ""}[to]

    response = act(
        superuser,
        USERS,
        "transfer_everything",
        [cast.owner],
        confirmed="yes",
        new_owner=new_owner,
    )

    assert response.context["form"].errors
    assert EmailAccount.objects.get() == account
    assert EmailAccount.objects.get().owner == cast.owner


def test_transfer_of_two_at_once_is_refused(superuser: Client, cast: Cast) -> None:
    response = act(superuser, USERS, "transfer_everything", [cast.owner, cast.stranger])

    assert said(response) == ["Choose one user at a time."]


def test_transfer_is_for_superusers(client: Client, cast: Cast) -> None:
    account = cast.account()
    cast.colleague.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    client.force_login(cast.colleague)
    data = {"confirmed": "yes", "new_owner": cast.colleague.pk}

    response = act(client, USERS, "transfer_everything", [cast.owner], **data)

    account.refresh_from_db()
    assert (response.status_code, account.owner) == (403, cast.owner)


def test_coworker_reaches_no_users(client: Client, cast: Cast) -> None:
    client.force_login(UserFactory.create())

    response = act(client, USERS, "transfer_everything", [cast.owner], confirmed="yes")

    assert response.status_code == 403
