"""The registry of recipient types; the contract of each type is tested by that type."""

import pytest

from crm.models import Company, Contact, Lead
from massmail.models import Recipient, known_variables, recipient_models
from massmail.models.recipient import key_of
from tests.factories import ContactFactory
from tests.guests.models import Guest


def test_every_concrete_subclass_is_a_type_by_its_label():
    labels = [model._meta.label for model in recipient_models()]
    assert labels == ["crm.Company", "crm.Contact", "crm.Lead", "guests.Guest"]


def test_known_variables_are_those_of_all_types():
    assert known_variables() == {
        name for model in (Company, Contact, Lead, Guest) for name in model.variable_labels()
    }
    assert {"company", "company_name", "full_name"} <= known_variables()


def test_a_type_must_say_its_variables():
    with pytest.raises(TypeError, match="Contact must override get_variables"):
        Recipient.get_variables(Contact())


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("", ""),
        ("nonsense", ""),
        ("A@Example.COM", "a@example.com"),
        ("nonsense; <B@example.com>", "b@example.com"),
    ],
)
def test_the_key_of_a_field(email, key):
    assert key_of(email) == key


@pytest.mark.django_db
def test_saving_other_fields_leaves_the_key_alone():
    contact = ContactFactory.create(email="a@example.com")
    Contact.objects.update(email="b@example.com", address_key="b@example.com")
    contact.first_name = "Ann"
    contact.save(update_fields=["first_name"])
    contact.refresh_from_db()
    assert (contact.first_name, contact.address_key) == ("Ann", "b@example.com")
