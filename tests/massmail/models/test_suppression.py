from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError

from massmail.models import MassContact, OptOut, Suppression
from tests.factories import ContactFactory, MassContactFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_an_address_has_one_of_each_kind():
    for kind in Suppression.Kind.values:
        Suppression.objects.create(address_key="a@example.com", kind=kind)
    with pytest.raises(IntegrityError):
        Suppression.objects.create(address_key="a@example.com", kind="bounced")


@pytest.mark.parametrize(
    ("until", "active"),
    [
        (None, True),
        (NOW + timedelta(microseconds=1), True),
        (NOW, False),
        (NOW - timedelta(days=1), False),
    ],
)
def test_it_is_in_force_until_its_moment(until, active):
    Suppression.objects.create(address_key="a@example.com", kind="manual", until=until)
    assert Suppression.objects.active(NOW).exists() is active


def test_it_says_whom_and_why():
    row = Suppression(address_key="a@example.com", kind="manual")
    assert str(row) == "a@example.com (by hand)"


def test_a_mass_contact_that_opted_out_is_kept():
    mass_contact = MassContactFactory.create(content_object=ContactFactory.create())
    OptOut.objects.create(mass_contact=mass_contact)
    with pytest.raises(ProtectedError):
        MassContact.objects.all().delete()
