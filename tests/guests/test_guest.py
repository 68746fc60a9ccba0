"""A type of recipient that the product does not know fulfils the contract."""

import pytest

from massmail.testing.recipient_contract import RecipientContract
from tests.factories import UserFactory
from tests.guests.models import Guest


@pytest.mark.django_db
class TestGuestAsRecipient(RecipientContract):
    def make(self, **fields):
        values = {"guest_name": "Zoë O'Neil", "email": "zoe@example.com", "room": "12"} | fields
        return Guest.objects.create(owner=UserFactory.create(), **values)
