import pytest
from django.core.exceptions import ValidationError

from crm.models import Contact
from tests.factories import (
    CityFactory,
    ContactFactory,
    DepartmentFactory,
    SuperuserFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def test_owner_colleague_and_stranger_see_and_change_what_they_may():
    department = DepartmentFactory.create()
    owner, colleague = (UserFactory.create(departments=[department]) for _ in range(2))
    stranger = UserFactory.create(departments=[DepartmentFactory.create()])
    contact = ContactFactory.create(owner=owner, department=department)
    people = [owner, colleague, stranger, SuperuserFactory.create()]

    visible = [contact in Contact.objects.visible_to(person) for person in people]
    changeable = [contact in Contact.objects.changeable_by(person) for person in people]

    assert visible == [True, True, False, True]
    assert changeable == [True, False, False, True]


def test_contact_of_nobody_is_seen_by_the_department():
    department = DepartmentFactory.create()
    member = UserFactory.create(departments=[department])
    contact = ContactFactory.create(owner=None, company__owner=member, department=department)

    assert list(Contact.objects.visible_to(member)) == [contact]
    assert list(Contact.objects.changeable_by(member)) == []


def test_city_of_another_country_is_refused():
    contact = ContactFactory.create()
    contact.city = CityFactory.create()

    with pytest.raises(ValidationError) as refusal:
        contact.full_clean()

    assert refusal.value.message_dict == {"city": ["This city is in another country."]}


def test_city_of_the_country_is_accepted():
    city = CityFactory.create()
    contact = ContactFactory.create(city=city, country=city.country)

    contact.full_clean()
