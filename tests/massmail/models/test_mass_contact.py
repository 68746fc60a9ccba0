import uuid

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError

from massmail.models import MassContact
from tests.factories import (
    CompanyFactory,
    ContactFactory,
    EmailAccountFactory,
    LeadFactory,
    MassContactFactory,
)

pytestmark = pytest.mark.django_db


def test_a_recipient_has_one():
    contact = ContactFactory.create()
    MassContactFactory.create(content_object=contact)
    with pytest.raises(IntegrityError):
        MassContactFactory.create(content_object=contact)


def test_recipients_of_two_types_with_one_id_have_each_their_own():
    contact = ContactFactory.create()
    lead = LeadFactory.create(pk=contact.pk)
    mine = MassContactFactory.create(content_object=contact)
    theirs = MassContactFactory.create(content_object=lead)
    assert (contact.mass_contacts.get(), lead.mass_contacts.get()) == (mine, theirs)


def test_a_uuid_is_never_given_twice():
    public = uuid.uuid4()
    MassContactFactory.create(content_object=ContactFactory.create(), uuid=public)
    with pytest.raises(IntegrityError):
        MassContactFactory.create(content_object=ContactFactory.create(), uuid=public)


@pytest.mark.parametrize("factory", [CompanyFactory, ContactFactory, LeadFactory])
def test_it_outlives_its_recipient(factory):
    recipient = factory.create()
    mass_contact = MassContactFactory.create(content_object=recipient)
    assert str(mass_contact) == str(recipient)
    recipient.delete()
    kept = MassContact.objects.get(pk=mass_contact.pk)
    assert kept.uuid == mass_contact.uuid
    assert str(kept) == str(kept.uuid)


def test_it_outlives_recipients_deleted_at_once():
    contacts = ContactFactory.create_batch(2)
    for contact in contacts:
        MassContactFactory.create(content_object=contact)
    type(contacts[0]).objects.all().delete()
    assert MassContact.objects.count() == 2


def test_it_outlives_its_account():
    account = EmailAccountFactory.create()
    mass_contact = MassContactFactory.create(
        content_object=ContactFactory.create(), email_account=account
    )
    account.delete()
    mass_contact.refresh_from_db()
    assert mass_contact.email_account is None


def test_the_type_of_its_recipient_is_not_deleted():
    mass_contact = MassContactFactory.create(content_object=ContactFactory.create())
    with pytest.raises(ProtectedError):
        mass_contact.content_type.delete()


def test_that_of_a_duplicate_leads_to_the_one_that_holds():
    kept = MassContactFactory.create(content_object=ContactFactory.create())
    old = MassContactFactory.create(content_object=ContactFactory.create(), merged_into=kept)

    assert (kept.standing, old.standing) == (kept, kept)
    with pytest.raises(ProtectedError):
        kept.delete()
