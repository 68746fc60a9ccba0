"""The three types of recipient fulfil the contract."""

import pytest

from massmail.testing.recipient_contract import RecipientContract
from tests.factories import CompanyFactory, ContactFactory, LeadFactory

pytestmark = pytest.mark.django_db


class TestCompanyAsRecipient(RecipientContract):
    def make(self, **fields):
        return CompanyFactory.create(**fields)


class TestContactAsRecipient(RecipientContract):
    def make(self, **fields):
        return ContactFactory.create(**fields)


class TestLeadAsRecipient(RecipientContract):
    def make(self, **fields):
        return LeadFactory.create(**fields)
