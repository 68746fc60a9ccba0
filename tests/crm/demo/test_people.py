import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.demo.people import Assignment, add_contacts, add_leads, insert_like
from crm.models import Company, Contact, Lead
from crm.services import installation
from massmail.models.recipient import key_of
from tests.factories import CompanyFactory, DepartmentFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def assignment():
    installation.install()
    department = DepartmentFactory.create()
    return Assignment(UserFactory.create(departments=[department]), department)


def test_contacts_have_valid_addresses_of_their_own(assignment):
    add_contacts(50, assignment)

    keys = [
        (contact.address_key, key_of(contact.email), contact.email.isascii())
        for contact in Contact.objects.all()
    ]
    assert [key for key, computed, is_ascii in keys if key != computed or not is_ascii] == []
    assert len({key for key, *_ in keys} - {""}) == 50


def test_contacts_are_as_good_as_saved_ones(assignment):
    add_contacts(3, assignment)

    for contact in Contact.objects.all():
        contact.full_clean()
        assert contact.owner == assignment.owner
        assert contact.department == assignment.department
        assert contact.massmail
        assert contact.country == contact.company.country


def test_companies_have_type_and_industry(assignment):
    add_contacts(30, assignment)

    companies = Company.objects.all()
    assert len(companies) == 2
    assert [company.industry.count() for company in companies] == [1, 1]
    assert None not in {company.type for company in companies}


def test_a_mark_keeps_two_lots_apart(assignment):
    add_contacts(12, assignment)
    add_contacts(12, Assignment(assignment.owner, None, "demo-1"))

    assert Contact.objects.values("address_key").distinct().count() == 24


def test_lots_that_begin_elsewhere_do_not_meet(assignment):
    add_contacts(24, assignment)
    add_contacts(24, Assignment(assignment.owner, None, first_company=2))

    assert Contact.objects.values("address_key").distinct().count() == 48
    assert Company.objects.count() == 4


def test_leads_have_companies_of_their_own(assignment):
    add_contacts(12, assignment)
    add_leads(12, assignment)

    assert Lead.objects.exclude(company_name="").count() == 12
    contacts = set(Contact.objects.values_list("address_key", flat=True))
    assert not contacts & set(Lead.objects.values_list("address_key", flat=True))


def test_number_of_statements_does_not_follow_the_number_of_people(assignment):
    def statements_for(count, mark):
        with CaptureQueriesContext(connection) as queries:
            add_contacts(count, Assignment(assignment.owner, None, mark))
        return [query["sql"][:30] for query in queries.captured_queries]

    statements_for(1, "first")  # adds the cities

    few, many = statements_for(2, "few"), statements_for(11, "many")

    inserts = [text for text in many if "crm_contact" in text]
    assert len(many) - len(inserts) == len([text for text in few if "crm_contact" not in text])


def test_insert_like_takes_the_example_for_the_rest(assignment):
    company = CompanyFactory.create(owner=assignment.owner)
    example = Contact(owner=assignment.owner, company=company, title="Buyer")

    insert_like(example, ({"first_name": name, "email": f"{name}@example.com"} for name in "ab"))

    rows = Contact.objects.order_by("first_name").values_list("first_name", "title", "email")
    assert list(rows) == [("a", "Buyer", "a@example.com"), ("b", "Buyer", "b@example.com")]
