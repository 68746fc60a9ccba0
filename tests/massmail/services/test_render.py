"""What a mail is given: its person, its sender, and the link by which they leave."""

import uuid

import pytest
from django.core import signing
from django.urls import resolve

from massmail.models import MassContact
from massmail.services import eligibility, render
from massmail.utils.email_creators import Sender
from tests.factories import (
    ContactFactory,
    DepartmentFactory,
    EmailAccountFactory,
    MailingOutFactory,
    MassContactFactory,
)

pytestmark = pytest.mark.django_db

PUBLIC = uuid.UUID("12345678123456781234567812345678")


def verdict(contact, public: uuid.UUID | None) -> eligibility.Verdict:
    return eligibility.Verdict(
        delivery_id=1,
        recipient=contact,
        address="Zoe@example.com",
        message_id="<1@example.org>",
        mass_contact_uuid=public,
        attempts=0,
        first_attempt_at=None,
    )


def test_a_person_is_as_the_row_was_claimed():
    contact = ContactFactory.create(first_name="Zoë", last_name="Noël", email="other@example.com")
    person = render.person_of(MailingOutFactory.create(), verdict(contact, PUBLIC))
    assert (person.address, person.name) == ("Zoe@example.com", "Zoë Noël")
    assert person.message_id == "<1@example.org>"
    assert person.variables == contact.variables()
    link = "https://mail.example.com/unsubscribe/12345678-1234-5678-1234-567812345678/"
    assert person.unsubscribe_url == link
    assert MassContact.objects.count() == 0


def test_a_person_without_a_mass_contact_gets_one():
    contact = ContactFactory.create()
    mailing_out = MailingOutFactory.create()
    first = render.person_of(mailing_out, verdict(contact, None))
    again = render.person_of(mailing_out, verdict(contact, None))
    mass_contact = MassContact.objects.get()
    assert mass_contact.content_object == contact
    assert first.unsubscribe_url == again.unsubscribe_url
    assert str(mass_contact.uuid) in first.unsubscribe_url


def test_the_link_of_a_sample_changes_nothing_and_is_signed():
    contact = ContactFactory.create()
    MassContactFactory.create(content_object=contact, uuid=PUBLIC)
    person = render.sample_person(contact)
    path = person.unsubscribe_url.removeprefix("https://mail.example.com")
    match = resolve(path)
    assert match.url_name == "unsubscribe_test"
    assert signing.loads(match.kwargs["signed"], salt=render.TEST_SALT) == "test"
    assert str(PUBLIC) not in person.unsubscribe_url
    assert (person.name, person.address) == (contact.display_name, contact.email)


def test_two_samples_are_two_mails():
    contact = ContactFactory.create()
    ids = {render.sample_person(contact).message_id for _ in range(2)}
    assert len(ids) == 2
    assert {each.rpartition("@")[2] for each in ids} == {"mail.example.com>"}


def test_a_sample_without_an_address_has_one_that_reaches_nobody():
    contact = ContactFactory.create(email="nonsense")
    assert render.sample_person(contact).address == "nobody@example.com"


def test_the_sender_is_the_account():
    mailing_out = MailingOutFactory.create()
    account = EmailAccountFactory.create(from_email="Sales <a@example.org>", reply_to="b@x.org")
    expected = Sender("Sales <a@example.org>", "b@x.org", render.list_id(mailing_out), "Sales")
    assert render.sender_of(account, mailing_out) == expected


@pytest.mark.parametrize(
    ("from_email", "name"),
    [
        ("Sales <a@example.org>", "Sales"),
        ('"Sales, Europe" <a@example.org>', "Sales, Europe"),
        ("a@example.org", "Ann Owner"),
        ("<a@example.org>", "Ann Owner"),
    ],
)
def test_sender_name_is_the_accounts_else_the_owners(from_email, name):
    mailing_out = MailingOutFactory.create(owner__first_name="Ann", owner__last_name="Owner")
    account = EmailAccountFactory.create(from_email=from_email)
    assert render.sender_of(account, mailing_out).name == name


def test_the_list_is_the_departments_or_the_owners():
    mailing_out = MailingOutFactory.create()
    assert render.list_id(mailing_out) == f"owner-{mailing_out.owner_id}.massmail.mail.example.com"
    mailing_out.department = DepartmentFactory.create()
    expected = f"department-{mailing_out.department_id}.massmail.mail.example.com"
    assert render.list_id(mailing_out) == expected


def test_a_slash_at_the_end_of_the_site_is_not_doubled(settings):
    settings.SITE_URL = "http://localhost:8000/"
    assert render.unsubscribe_url(PUBLIC).startswith("http://localhost:8000/unsubscribe/1234")
    assert render.site_domain() == "localhost"


def test_a_row_without_a_recipient_is_a_mistake():
    with pytest.raises(AssertionError):
        render.person_of(MailingOutFactory.create(), verdict(None, PUBLIC))
