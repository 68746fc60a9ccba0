"""Every list of the admin: as many statements for a thousand rows as for ten, and few."""

import itertools
from collections.abc import Callable, Iterable

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from common.models import Department
from crm.models import City, ClientType, Company, Contact, Country, Industry, Lead, LeadSource, Tag
from massmail.models import (
    EmailAccount,
    EmlAccountsQueue,
    EmlMessage,
    MailingOut,
    MassContact,
    MassmailSettings,
    Picture,
    Signature,
    Suppression,
)
from tests.factories import (
    CompanyFactory,
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    LeadFactory,
    SignatureFactory,
    SuperuserFactory,
)
from tests.guests.models import Guest

pytestmark = pytest.mark.django_db

FEW, MANY = 10, 1_000
MOST_STATEMENTS = 15
NO_LIST = {MassmailSettings, Picture}  # one leads to its form, the other to the gallery
numbers = itertools.count()


def users(number: int) -> list[User]:
    return User.objects.bulk_create(
        User(username=f"u{next(numbers)}", is_staff=True) for _ in range(number)
    )


def contacts(number: int) -> Iterable[Contact]:
    owners, companies = users(number), companies_of(number)
    return [
        ContactFactory.build(owner=owner, company=company, address_key=f"c{next(numbers)}@x.org")
        for owner, company in zip(owners, companies, strict=True)
    ]


def companies_of(number: int) -> list[Company]:
    return Company.objects.bulk_create(companies(number))


def companies(number: int) -> list[Company]:
    return [CompanyFactory.build(owner=owner) for owner in users(number)]


def messages(number: int) -> list[EmlMessage]:
    return [EmlMessageFactory.build(owner=owner) for owner in users(number)]


def mailing_outs(number: int) -> list[MailingOut]:
    """Make drafts, half of them running: each of an owner and with a message of their own."""
    found = EmlMessage.objects.bulk_create(messages(number))
    kind = ContentType.objects.get_for_model(Contact)
    return [
        MailingOut(
            owner=message.owner, message=message, content_type=kind, name=f"m{index}",
            status="A" if index % 2 else "P",
        )
        for index, message in enumerate(found)
    ]  # fmt: skip


def mass_contacts(number: int) -> list[MassContact]:
    found = Contact.objects.bulk_create(contacts(number))
    accounts = EmailAccount.objects.bulk_create(
        EmailAccountFactory.build(owner=contact.owner) for contact in found
    )
    return [
        MassContact(content_object=contact, email_account=account)
        for contact, account in zip(found, accounts, strict=True)
    ]


def named(model: type[Model]) -> Callable[[int], list[Model]]:
    return lambda number: [model(name=f"n{next(numbers)}") for _ in range(number)]


def cities(number: int) -> list[City]:
    countries = Country.objects.bulk_create(
        Country(name=f"n{next(numbers)}") for _ in range(number)
    )
    return [City(name=f"c{next(numbers)}", country=country) for country in countries]


MAKERS: dict[type[Model], Callable[[int], Iterable[Model]]] = {
    User: lambda number: [User(username=f"v{next(numbers)}", is_staff=True) for _ in range(number)],
    Company: companies,
    Contact: contacts,
    Lead: lambda number: [LeadFactory.build(owner=owner) for owner in users(number)],
    Guest: lambda number: [
        Guest(owner=owner, guest_name="Zoë", email="zoe@example.com") for owner in users(number)
    ],
    City: cities,
    **{
        model: named(model)
        for model in (Department, Group, Country, ClientType, Industry, LeadSource, Tag)
    },
    EmailAccount: lambda number: [
        EmailAccountFactory.build(owner=owner) for owner in users(number)
    ],
    EmlMessage: messages,
    Signature: lambda number: [SignatureFactory.build(owner=owner) for owner in users(number)],
    MailingOut: mailing_outs,
    MassContact: mass_contacts,
    EmlAccountsQueue: lambda number: [EmlAccountsQueue(owner=owner) for owner in users(number)],
    Suppression: lambda number: [
        Suppression(address_key=f"s{next(numbers)}@x.org", kind="manual") for _ in range(number)
    ],
}


def test_every_list_has_a_maker_of_rows():
    assert [model for model in admin.site._registry if model not in {*MAKERS, *NO_LIST}] == []


def test_every_list_has_an_order():
    """Without one, rows would come twice or never while somebody pages."""
    orderless = [
        model
        for model, model_admin in admin.site._registry.items()
        if model not in NO_LIST and not (model._meta.ordering or model_admin.ordering)
    ]

    assert orderless == []


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)
def test_list_asks_as_many_statements_for_many_rows_as_for_few(model, client, record_property):
    if model not in admin.site._registry:
        pytest.fail(f"{model.__name__} is not in the admin: take its maker away.")
    client.force_login(SuperuserFactory.create())
    insert(model, MAKERS[model](FEW))
    few = statements_of(client, model)
    insert(model, MAKERS[model](MANY - FEW))

    many = statements_of(client, model)

    record_property("statements", many)
    assert many <= few + 2  # the count and the page links of a longer list
    assert many <= MOST_STATEMENTS


def insert(model: type[Model], rows: Iterable[Model]) -> None:
    """Write the rows at once, unless they are of two tables."""
    if not model._meta.parents:
        model._default_manager.bulk_create(rows)
        return
    for row in rows:
        row.save()


def statements_of(client, model: type[Model]) -> int:
    meta = model._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    client.get(url)  # content types and the like are read once a process
    with CaptureQueriesContext(connection) as statements:
        answer = client.get(url)
    assert answer.status_code == 200
    return len(statements)
