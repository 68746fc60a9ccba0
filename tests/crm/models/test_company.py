import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from tests.factories import CompanyFactory, ContactFactory, CountryFactory

pytestmark = pytest.mark.django_db


def test_variables_are_the_name():
    company = CompanyFactory.create(full_name="Grünwald & Söhne")

    assert company.get_variables() == {"full_name": "Grünwald & Söhne"}
    assert company.display_name == "Grünwald & Söhne"


def test_name_is_unique_within_a_country():
    country = CountryFactory.create()
    CompanyFactory.create(full_name="Acme", country=country)
    CompanyFactory.create(full_name="Acme", country=CountryFactory.create())

    with pytest.raises(IntegrityError), transaction.atomic():
        CompanyFactory.create(full_name="Acme", country=country)


def test_name_is_unique_without_a_country():
    CompanyFactory.create(full_name="Acme")

    with pytest.raises(IntegrityError), transaction.atomic():
        CompanyFactory.create(full_name="Acme")


def test_second_company_of_a_name_is_refused_in_words():
    first = CompanyFactory.create(full_name="Acme")

    with pytest.raises(ValidationError) as refusal:
        CompanyFactory.build(full_name="Acme", owner=first.owner).full_clean()

    assert refusal.value.messages == ["There is a company of this name without a country."]


def test_company_with_contacts_cannot_be_deleted():
    contact = ContactFactory.create()

    with pytest.raises(ProtectedError):
        contact.company.delete()
