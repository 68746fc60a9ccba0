"""Who is unsubscribed by whose link, what is remembered, and what comes back."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType

from crm.models import Contact
from massmail.clock import database_now
from massmail.models import Delivery, MailingOut, MassContact, OptOut, OptOutRecipient, Suppression
from massmail.services.unsubscribe import (
    SUBSCRIBE_AGAIN_WITHIN,
    addresses_of,
    masked,
    standing,
    subscribe_again,
    unsubscribe,
)
from tests.factories import (
    CompanyFactory,
    ContactFactory,
    DepartmentFactory,
    EmailAccountFactory,
    LeadFactory,
    MailingOutFactory,
    MassContactFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def mass_contact_of(recipient, **values) -> MassContact:
    return MassContactFactory.create(content_object=recipient, **values)


def mailed(recipient, address: str, **values) -> Delivery:
    """A delivery of this recipient whose mail went to an address."""
    content_type = ContentType.objects.get_for_model(recipient)
    mailing_out = values.pop("mailing_out", None) or MailingOutFactory.create(
        content_type=content_type
    )
    values = {"status": Delivery.Status.SENT, "address": address} | values
    return Delivery.objects.create(
        mailing_out=mailing_out,
        recipient_id=recipient.pk,
        address_key=address.lower(),
        **values,
    )


def opt_out(mass_contact, now=None) -> OptOut | None:
    return unsubscribe(mass_contact, source="test", now=now or database_now())


def suppressed() -> set[str]:
    active = Suppression.objects.active(database_now())
    return set(active.filter(kind="unsubscribed").values_list("address_key", flat=True))


def subscribed(*objects) -> list[bool]:
    for each in objects:
        each.refresh_from_db()
    return [each.massmail for each in objects]


def table_dump() -> list[list[tuple]]:
    """All rows that an opt-out could change."""
    models: list[Any] = [Suppression, MassContact, OptOut, OptOutRecipient, Contact]
    return [list(model.objects.order_by("pk").values_list()) for model in models]


def test_the_present_address_and_every_mailed_one_are_suppressed():
    contact = ContactFactory.create(email="Zoë <zoe@New.example.com>, second@example.com")
    mailed(contact, "Zoe@old.example.com")
    mailed(contact, "doubt@example.com", status=Delivery.Status.UNCERTAIN)
    mailed(contact, "leaving@example.com", status=Delivery.Status.IN_FLIGHT)
    mailed(contact, "waits@example.com", status=Delivery.Status.PENDING)
    mailed(contact, "again@example.com", status=Delivery.Status.PENDING, travels_alone=True)
    mass_contact = mass_contact_of(contact)

    opt_out(mass_contact)

    assert suppressed() == {
        "zoe@new.example.com",
        "zoe@old.example.com",
        "doubt@example.com",
        "leaving@example.com",
        "again@example.com",
    }
    assert subscribed(contact, mass_contact) == [False, False]


def test_mails_to_another_type_with_the_same_id_are_not_this_persons():
    contact = ContactFactory.create(email="zoe@example.com")
    lead = LeadFactory.create(pk=contact.pk, email="lead@example.com")
    mailed(lead, "lead@example.com")
    opt_out(mass_contact_of(contact))
    assert suppressed() == {"zoe@example.com"}
    assert subscribed(lead) == [True]


def test_everybody_with_that_address_is_unsubscribed_whatever_their_type():
    contact = ContactFactory.create(email="zoe@example.com")
    others = [
        ContactFactory.create(email="ZOE@Example.COM"),
        LeadFactory.create(email="Zoe@example.com"),
        CompanyFactory.create(email="Company <zoe@EXAMPLE.com>"),
    ]
    theirs = mass_contact_of(others[1])
    stranger = ContactFactory.create(email="stranger@example.com")
    strangers = mass_contact_of(stranger)

    opt_out(mass_contact_of(contact))

    assert subscribed(*others, theirs) == [False, False, False, False]
    assert subscribed(stranger, strangers) == [True, True]


def test_people_written_without_save_are_found():
    contact = ContactFactory.create(email="zoe@bücher.example")
    unread = ContactFactory.build(
        email="Zoe@Bücher.example", owner=contact.owner, company=contact.company
    )
    Contact.objects.bulk_create([unread])
    assert Contact.objects.get(pk=unread.pk).address_key is None

    opt_out(mass_contact_of(contact))

    assert suppressed() == {"zoe@xn--bcher-kva.example"}
    assert subscribed(unread) == [False]


def test_unsubscribing_twice_changes_nothing():
    contact = ContactFactory.create()
    mass_contact = mass_contact_of(contact)
    assert opt_out(mass_contact) is not None
    before = table_dump()

    assert opt_out(mass_contact, database_now() + timedelta(days=1)) is None

    assert table_dump() == before


def test_unsubscribing_again_covers_who_was_added_since():
    contact = ContactFactory.create(email="zoe@example.com")
    mass_contact = mass_contact_of(contact)
    opt_out(mass_contact)
    lead = LeadFactory.create(email="zoe@example.com")

    second = opt_out(mass_contact)

    assert subscribed(lead) == [False]
    assert second is not None
    assert [row.object_id for row in second.recipients.all()] == [lead.pk]
    assert second.suppressions.count() == second.mass_contacts.count() == 0


def test_a_deleted_recipient_is_known_by_the_addresses_mailed():
    contact = ContactFactory.create(email="zoe@example.com")
    mailed(contact, "Zoe@example.com")
    mass_contact = mass_contact_of(contact)
    lead = LeadFactory.create(email="zoe@example.com")
    contact.delete()

    opt_out(mass_contact)

    assert suppressed() == {"zoe@example.com"}
    assert subscribed(mass_contact, lead) == [False, False]


def test_a_recipient_without_any_address_is_still_unsubscribed():
    contact = ContactFactory.create(email="none")
    mass_contact = mass_contact_of(contact)
    opt_out(mass_contact)
    assert subscribed(contact, mass_contact) == [False, False]
    assert standing(mass_contact, now=database_now()).is_unsubscribed


def test_subscribing_again_restores_exactly_what_was_changed():
    contact = ContactFactory.create(email="zoe@example.com")
    mailed(contact, "old@example.com")
    off_before = ContactFactory.create(email="zoe@example.com", massmail=False)
    lead = LeadFactory.create(email="old@example.com")
    Suppression.objects.create(address_key="old@example.com", kind="unsubscribed")
    Suppression.objects.create(address_key="zoe@example.com", kind="bounced")
    mass_contact = mass_contact_of(contact)
    off_too = mass_contact_of(off_before, massmail=False)
    opt_out(mass_contact)

    assert subscribe_again(mass_contact, now=database_now())

    assert subscribed(contact, lead, mass_contact) == [True, True, True]
    assert subscribed(off_before, off_too) == [False, False]
    kept = set(Suppression.objects.values_list("address_key", "kind"))
    assert kept == {("old@example.com", "unsubscribed"), ("zoe@example.com", "bounced")}


def test_subscribing_again_works_once_and_one_can_leave_again():
    mass_contact = mass_contact_of(ContactFactory.create())
    opt_out(mass_contact)
    now = database_now()
    assert [subscribe_again(mass_contact, now=now) for _ in range(2)] == [True, False]
    assert opt_out(mass_contact) is not None
    assert subscribed(mass_contact) == [False]


@pytest.mark.parametrize(("late", "restored"), [(0, True), (1, False)])
def test_subscribing_again_is_for_a_day(late, restored):
    mass_contact = mass_contact_of(ContactFactory.create())
    now = database_now()
    opt_out(mass_contact, now)
    then = now + SUBSCRIBE_AGAIN_WITHIN + timedelta(seconds=late)
    assert standing(mass_contact, now=then).may_subscribe_again == restored
    assert subscribe_again(mass_contact, now=then) == restored


def test_an_opt_out_of_another_person_is_not_undone():
    mover = ContactFactory.create(email="new@example.com")
    mailed(mover, "shared@example.com")
    stayer = ContactFactory.create(email="shared@example.com")
    movers, stayers = mass_contact_of(mover), mass_contact_of(stayer)
    opt_out(movers)
    opt_out(stayers)

    subscribe_again(movers, now=database_now())
    assert subscribed(mover, movers, stayer, stayers) == [True, True, False, False]
    assert suppressed() == {"shared@example.com"}

    subscribe_again(stayers, now=database_now())
    assert subscribed(stayer, stayers) == [True, True]
    assert suppressed() == set()


def test_a_suppression_that_was_to_end_holds_for_ever():
    now = database_now()
    contact = ContactFactory.create(email="zoe@example.com")
    row = Suppression.objects.create(
        address_key="zoe@example.com", kind="unsubscribed", until=now - timedelta(days=1)
    )
    opt_out(mass_contact_of(contact))
    row.refresh_from_db()
    assert row.until is None


def test_a_complaint_is_lifted_by_nobody():
    contact = ContactFactory.create(email="zoe@example.com")
    mass_contact = mass_contact_of(contact)
    opt_out(mass_contact)
    Suppression.objects.create(address_key="zoe@example.com", kind="complained")
    subscribe_again(mass_contact, now=database_now())
    assert [row.kind for row in Suppression.objects.all()] == ["complained"]


def test_addresses_come_once_the_present_first_then_the_newest():
    contact = ContactFactory.create(email="now@example.com")
    for address in ("oldest@example.com", "now@example.com", "newest@example.com"):
        mailed(contact, address)
    assert addresses_of(mass_contact_of(contact)) == [
        "now@example.com",
        "newest@example.com",
        "oldest@example.com",
    ]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("zoe@example.com", "z…@example.com"), ("z@example.com", "z…@example.com")],
)
def test_masked(address, expected):
    assert masked(address) == expected


def test_the_senders_name_is_the_department_of_the_last_mail():
    contact = ContactFactory.create()
    department = DepartmentFactory.create(name="Sales")
    mailed(contact, contact.email)
    mailed(contact, contact.email, mailing_out=MailingOutFactory.create(department=department))
    assert standing(mass_contact_of(contact), now=database_now()).sender_name == "Sales"


def test_the_senders_name_is_else_the_accounts_or_the_owners():
    owner = UserFactory.create(first_name="Olga", last_name="Owner")
    contact, mailing_out = ContactFactory.create(), MailingOutFactory.create(owner=owner)
    mass_contact = mass_contact_of(contact)
    delivery = mailed(contact, contact.email, mailing_out=mailing_out)
    now = database_now()
    assert standing(mass_contact, now=now).sender_name == "Olga Owner"
    delivery.email_account = EmailAccountFactory.create(from_email="News desk <news@example.org>")
    delivery.save(update_fields=["email_account"])
    assert standing(mass_contact, now=now).sender_name == "News desk"


def test_one_is_unsubscribed_only_when_the_address_is_too():
    contact = ContactFactory.create(email="zoe@example.com", massmail=False)
    mass_contact = mass_contact_of(contact, massmail=False)
    assert not standing(mass_contact, now=database_now()).is_unsubscribed
    opt_out(mass_contact)
    assert standing(mass_contact, now=database_now()).is_unsubscribed


def test_the_number_of_statements_does_not_grow_with_the_people(django_assert_max_num_queries):
    contact = ContactFactory.create(email="zoe@example.com")
    for _ in range(20):
        mass_contact_of(LeadFactory.create(email="zoe@example.com"))
    mass_contact = mass_contact_of(contact)
    with django_assert_max_num_queries(60):
        opt_out(mass_contact)
    assert MassContact.objects.filter(massmail=True).count() == 0


def test_a_mailing_out_under_way_skips_them():
    owner = UserFactory.create()
    EmailAccountFactory.create(owner=owner)
    contact = ContactFactory.create(owner=owner)
    opt_out(mass_contact_of(contact))
    mailing_out = MailingOut.objects.create_for(
        Contact.objects.filter(pk=contact.pk), owner=owner, message=None, name="News"
    )
    row = Delivery.objects.get(mailing_out=mailing_out)
    assert (row.status, row.reason) == ("skipped", "unsubscribed")
