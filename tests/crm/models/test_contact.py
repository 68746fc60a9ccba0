import pytest

from crm.models import Contact
from tests.factories import (
    CompanyFactory,
    ContactFactory,
    CountryFactory,
    IndustryFactory,
    TagFactory,
)

pytestmark = pytest.mark.django_db


def test_variables_of_a_full_name():
    contact = ContactFactory.create(
        first_name="Zoë",
        middle_name="Ann",
        last_name="O'Neil",
        title="Buyer",
        company=CompanyFactory.create(full_name="Acme"),
    )

    assert contact.get_variables() == {
        "first_name": "Zoë",
        "first_middle_name": "Zoë Ann",
        "last_name": "O'Neil",
        "full_name": "Zoë Ann O'Neil",
        "title": "Buyer",
        "company": "Acme",
    }


def test_missing_names_leave_no_gaps():
    contact = ContactFactory.create(first_name="Zoë", middle_name="", last_name="")

    assert contact.full_name == "Zoë"
    assert contact.first_middle_name == "Zoë"
    assert contact.display_name == "Zoë"


def test_filters_reach_people_by_their_company():
    industry, country, tag = IndustryFactory.create(), CountryFactory.create(), TagFactory.create()
    company = CompanyFactory.create()
    company.industry.add(industry)
    wanted = ContactFactory.create(company=company, country=country)
    wanted.tags.add(tag)
    ContactFactory.create()
    values = {"company__industry": industry, "country": country, "tags": tag}

    found = {
        choice.lookup: list(Contact.objects.filter(**{choice.lookup: values[choice.lookup]}))
        for choice in Contact.FILTERS
        if choice.lookup in values
    }

    assert found == {lookup: [wanted] for lookup in values}
