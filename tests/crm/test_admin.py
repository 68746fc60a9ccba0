import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from factory.django import DjangoModelFactory

from crm.models import Company, Contact
from crm.services import installation
from massmail.models import Suppression
from tests.factories import (
    CityFactory,
    CompanyFactory,
    ContactFactory,
    CountryFactory,
    DepartmentFactory,
    LeadFactory,
    SuperuserFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

FACTORIES: dict[str, type[DjangoModelFactory]] = {
    "company": CompanyFactory,
    "contact": ContactFactory,
    "lead": LeadFactory,
}


@pytest.fixture
def department():
    installation.install_groups()
    return DepartmentFactory.create()


def manager(department, **fields):
    groups = [department, Group.objects.get(name="managers")]
    return UserFactory.create(departments=groups, **fields)


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def url(kind, page, *args):
    return reverse(f"admin:crm_{kind}_{page}", args=args)


@pytest.fixture
def owner(department):
    return manager(department)


@pytest.fixture
def contact(owner, department):
    return ContactFactory.create(owner=owner, department=department)


def suppress(recipient, **fields):
    key = recipient.address_key
    Suppression.objects.create(address_key=key, kind=Suppression.Kind.BOUNCED, **fields)


def form_of(contact, **changes):
    """Return what the change form of a contact posts."""
    fields = (
        *("first_name", "middle_name", "last_name", "sex", "title", "company_id", "email"),
        *("language", "country_id", "city_id", "lead_source_id", "owner_id", "department_id"),
    )
    values = {name.removesuffix("_id"): getattr(contact, name) or "" for name in fields}
    return values | {"massmail": "on", "tags": []} | changes


def company_form(company, **changes):
    """Return what the change form of a company posts."""
    values = {"full_name": company.full_name, "email": company.email, "massmail": "on"}
    return values | {"owner": company.owner_id or ""} | changes


@pytest.mark.parametrize("kind", FACTORIES)
def test_list_shows_subscriptions_in_words(kind, owner):
    make = FACTORIES[kind].create
    make(owner=owner)
    make(owner=owner, massmail=False)
    make(owner=owner, disqualified=True)
    bounced = make(owner=owner)
    suppress(bounced)

    response = client_of(owner).get(url(kind, "changelist"))

    admin = response.context["cl"].model_admin
    words = {
        admin.subscription(row).partition(" on ")[0] for row in response.context["cl"].queryset
    }
    assert words >= {"subscribed", "unsubscribed", "disqualified", "bounced"}


def test_suppression_that_is_over_does_not_count(owner):
    contact = ContactFactory.create(owner=owner)
    suppress(contact, until=timezone.now())

    response = client_of(owner).get(url("contact", "changelist"))

    (row,) = response.context["cl"].queryset
    assert response.context["cl"].model_admin.subscription(row) == "subscribed"


@pytest.mark.parametrize("kind", FACTORIES)
def test_list_asks_as_many_queries_for_many_as_for_few(kind, owner):
    client = client_of(owner)

    def queries_for(number):
        for _ in range(number):
            city = CityFactory.create()
            FACTORIES[kind].create(owner=owner, city=city, country=city.country)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url(kind, "changelist")).status_code == 200
        return len(queries)

    queries_for(1)  # fills caches
    assert queries_for(1) == queries_for(8)


def test_list_begins_with_ones_own(owner, department, contact):
    colleague = manager(department)
    ContactFactory.create(owner=colleague, department=department)
    unassigned = ContactFactory.create(owner=None, company__owner=owner, department=department)
    client = client_of(owner)

    def listed(query):
        response = client.get(url("contact", "changelist"), query)
        return list(response.context["cl"].queryset.order_by("pk"))

    assert listed({}) == [contact]
    assert len(listed({"owner": "all"})) == 3
    assert [row.owner for row in listed({"owner": colleague.pk})] == [colleague]
    assert listed({"owner": "nobody"}) == [unassigned]
    assert listed({"owner": "somebody"}) == []


def test_list_of_a_superuser_begins_with_everybodys(contact):
    response = client_of(SuperuserFactory.create()).get(url("contact", "changelist"))

    assert list(response.context["cl"].queryset) == [contact]


def test_owner_filter_says_what_is_chosen(owner, contact):
    response = client_of(owner).get(url("contact", "changelist"))

    (spec, *_) = response.context["cl"].filter_specs
    chosen = [choice for choice in spec.choices(response.context["cl"]) if choice["selected"]]
    assert [str(choice["display"]) for choice in chosen] == ["mine"]


def test_search_stays_within_what_one_may_see(owner, contact):
    ContactFactory.create(last_name="Foreign", owner=manager(DepartmentFactory.create()))

    response = client_of(owner).get(url("contact", "changelist"), {"q": "Foreign", "owner": "all"})

    assert list(response.context["cl"].queryset) == []


def test_owner_changes_a_contact(owner, contact):
    response = client_of(owner).post(
        url("contact", "change", contact.pk), form_of(contact, first_name="Renée")
    )

    contact.refresh_from_db()
    assert response.status_code == 302
    assert (contact.first_name, contact.modified_by) == ("Renée", owner)


def test_colleague_reads_but_cannot_change(contact, department):
    client = client_of(manager(department))

    shown = client.get(url("contact", "change", contact.pk))
    changed = client.post(url("contact", "change", contact.pk), form_of(contact, first_name="No"))
    deleted = client.post(url("contact", "delete", contact.pk), {"post": "yes"})

    contact.refresh_from_db()
    assert (shown.status_code, changed.status_code, deleted.status_code) == (200, 403, 403)
    assert shown.context["has_change_permission"] is False
    assert contact.first_name == "Zoë"


def test_stranger_finds_nothing(contact):
    client = client_of(manager(DepartmentFactory.create()))

    for page in ("change", "delete", "history"):
        assert client.get(url("contact", page, contact.pk)).status_code == 404
    client.post(url("contact", "change", contact.pk), form_of(contact, first_name="No"))

    contact.refresh_from_db()
    assert contact.first_name == "Zoë"


def test_bulk_deletion_spares_what_is_a_colleagues(contact, department):
    data = {"action": "delete_selected", "_selected_action": [contact.pk], "post": "yes"}

    response = client_of(manager(department)).post(
        f"{url('contact', 'changelist')}?owner=all", data
    )

    assert response.status_code == 403
    assert Contact.objects.filter(pk=contact.pk).exists()


def test_new_company_gets_owner_and_department(owner, department):
    data = {"full_name": "New", "email": "new@example.com", "massmail": "on", "owner": ""}

    response = client_of(owner).post(url("company", "add"), data)

    assert response.status_code == 302
    new = Company.objects.get()
    assert (new.owner, new.department_id, new.modified_by) == (owner, department.pk, owner)


def test_contact_belongs_to_whom_the_company_belongs(owner, department, contact):
    colleague = manager(department)
    company = CompanyFactory.create(owner=colleague, department=department)
    client = client_of(owner)

    client.post(url("contact", "add"), form_of(contact, first_name="New", company=company.pk))
    client.post(url("contact", "change", contact.pk), form_of(contact, owner=colleague.pk))

    new = Contact.objects.get(first_name="New")
    contact.refresh_from_db()
    assert (new.owner, new.department_id, new.modified_by) == (colleague, department.pk, owner)
    assert contact.owner == contact.company.owner == owner


def test_company_can_be_left_to_nobody(owner, contact):
    form = company_form(contact.company, owner="")

    client_of(owner).post(url("company", "change", contact.company.pk), form)

    contact.company.refresh_from_db()
    assert contact.company.owner is None


def test_company_can_be_given_to_colleagues_only(owner, contact, department):
    client, colleague = client_of(owner), manager(department)
    stranger = manager(DepartmentFactory.create())
    page = url("company", "change", contact.company.pk)

    refused = client.post(page, company_form(contact.company, owner=stranger.pk))
    client.post(page, company_form(contact.company, owner=colleague.pk))

    contact.company.refresh_from_db()
    assert list(refused.context["errors"])
    assert contact.company.owner == colleague


def test_company_of_strangers_cannot_be_chosen(owner, contact):
    foreign = CompanyFactory.create(owner=manager(DepartmentFactory.create()))
    client = client_of(owner)

    offered = client.get(
        reverse("admin:autocomplete"),
        {"app_label": "crm", "model_name": "contact", "field_name": "company", "term": ""},
    )
    client.post(url("contact", "change", contact.pk), form_of(contact, company=foreign.pk))

    contact.refresh_from_db()
    assert {row["id"] for row in offered.json()["results"]} == {str(contact.company.pk)}
    assert contact.company != foreign


def test_unsubscribed_stay_so_for_staff(owner, contact):
    Contact.objects.filter(pk=contact.pk).update(massmail=False)

    client_of(owner).post(url("contact", "change", contact.pk), form_of(contact))
    contact.refresh_from_db()
    after_owner = contact.massmail
    client_of(SuperuserFactory.create()).post(
        url("contact", "change", contact.pk), form_of(contact)
    )

    contact.refresh_from_db()
    assert (after_owner, contact.massmail) == (False, True)


def test_company_with_contacts_is_kept(owner, contact):
    Company.objects.filter(pk=contact.company.pk).update(owner=owner)

    response = client_of(owner).get(url("company", "delete", contact.company.pk))

    assert response.context["protected"]


def test_filters_by_country(owner):
    country = CountryFactory.create()
    here = ContactFactory.create(owner=owner, country=country)
    ContactFactory.create(owner=owner, country=CountryFactory.create())

    response = client_of(owner).get(
        url("contact", "changelist"), {"country__id__exact": country.pk}
    )

    assert list(response.context["cl"].queryset) == [here]


def test_user_without_permissions_sees_no_list(department):
    response = client_of(UserFactory.create(departments=[department])).get(
        url("contact", "changelist")
    )

    assert response.status_code == 403
