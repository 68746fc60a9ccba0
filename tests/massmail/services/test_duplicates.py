import pytest
from django.utils import timezone

from crm.models import Contact
from massmail.models import Delivery, MailingOut, MassContact, Suppression
from massmail.services import audience, duplicates, unsubscribe
from tests.factories import LeadFactory, MassContactFactory
from tests.massmail.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def two(cast) -> list[Contact]:
    return list(cast.contacts(2).order_by("pk"))


def rows(mailing_out: MailingOut) -> dict[int, str]:
    return dict(mailing_out.deliveries.values_list("recipient_id", "status"))


def test_without_history_nothing_is_written(two):
    kept, other = two

    assert duplicates.absorb(kept, [other]) is True
    assert not MassContact.objects.exists()


def test_mass_contacts_are_kept_and_lead_to_the_kept_one(cast, two):
    kept, other = two
    account = cast.account()
    old = MassContactFactory.create(content_object=other, email_account=account)

    duplicates.absorb(kept, [other])

    old.refresh_from_db()
    assert old.standing.content_object == kept
    assert old.standing.email_account == account
    assert MassContact.objects.count() == 2


def test_links_lead_to_the_last_of_a_chain(cast):
    first, second, third = cast.contacts(3).order_by("pk")
    old = MassContactFactory.create(content_object=first)

    duplicates.absorb(second, [first])
    duplicates.absorb(third, [second])

    old.refresh_from_db()
    assert old.standing.content_object == third


@pytest.mark.parametrize("by", ["recipient", "mass contact", "suppression"])
@pytest.mark.parametrize("place", [0, 1])
def test_any_opt_out_wins(two, by, place):
    opted_out = two[place]
    for each in two:
        MassContactFactory.create(content_object=each)
    if by == "recipient":
        opted_out.massmail = False
    elif by == "mass contact":
        opted_out.mass_contacts.update(massmail=False)
    else:
        key, kind = opted_out.address_key, Suppression.Kind.UNSUBSCRIBED
        Suppression.objects.create(address_key=key, kind=kind)

    assert duplicates.absorb(two[0], two[1:]) is False
    assert two[0].mass_contacts.get().massmail is False


def test_bounced_address_is_no_opt_out(two):
    key = two[1].address_key
    Suppression.objects.create(address_key=key, kind=Suppression.Kind.BOUNCED)

    assert duplicates.absorb(two[0], two[1:]) is True


def test_deliveries_follow_where_the_kept_one_has_none(cast, two):
    kept, other = two
    chosen = Contact.objects.filter(pk=other.pk)
    mailing_out = MailingOut.objects.create_for(
        chosen, owner=cast.owner, message=None, name="To the other"
    )

    duplicates.absorb(kept, [other])

    assert rows(mailing_out) == {kept.pk: "pending"}


def test_deliveries_stay_where_both_have_one(cast, two):
    kept, other = two
    people = Contact.objects.filter(pk__in=[kept.pk, other.pk])
    mailing_out = MailingOut.objects.create_for(
        people, owner=cast.owner, message=None, name="To both"
    )

    duplicates.absorb(kept, [other])

    assert rows(mailing_out) == {kept.pk: "pending", other.pk: "pending"}


def test_kept_one_takes_the_row_that_stands_for_the_address(cast, two):
    other, kept = two  # the lower id stands
    Contact.objects.update(email="same@example.com", address_key="same@example.com")
    people = Contact.objects.filter(pk__in=[kept.pk, other.pk])
    mailing_out = MailingOut.objects.create_for(
        people, owner=cast.owner, message=None, name="To both"
    )

    duplicates.absorb(kept, [other])

    assert rows(mailing_out) == {kept.pk: "pending", other.pk: "skipped"}


def test_mailing_outs_of_other_types_are_not_touched(cast, two):
    kept, other = two
    lead = LeadFactory.create(pk=other.pk, owner=cast.owner)
    to_leads = MailingOut.objects.create_for(
        type(lead).objects.all(), owner=cast.owner, message=None, name="Leads"
    )
    identity = MassContactFactory.create(content_object=lead, massmail=False)

    duplicates.absorb(kept, [other])

    identity.refresh_from_db()
    assert rows(to_leads) == {lead.pk: "pending"}
    assert identity.merged_into is None


def test_those_chosen_for_later_are_changed(cast, two):
    kept, other = two
    chosen = Contact.objects.filter(pk=other.pk)
    draft = audience.choose_for_later(chosen, owner=cast.owner, message=None, name="Large")

    duplicates.absorb(kept, [other])
    audience.write_chosen(draft)

    assert rows(draft) == {kept.pk: "pending"}


def test_old_link_unsubscribes_the_kept_one_and_every_mailed_address(cast, two):
    cast.account()
    kept, other = two
    mailing_out = cast.started(number=1)
    row = mailing_out.deliveries.get()
    Delivery.objects.filter(pk=row.pk).update(
        recipient_id=other.pk, status=Delivery.Status.SENT, address="old@example.com"
    )
    old = MassContactFactory.create(content_object=other)
    duplicates.absorb(kept, [other])
    other.delete()

    old.refresh_from_db()
    unsubscribe.unsubscribe(old.standing, source="page", now=timezone.now())

    kept.refresh_from_db()
    assert kept.massmail is False
    assert set(Suppression.objects.values_list("address_key", flat=True)) == {
        "old@example.com",
        kept.address_key,
    }


def test_addresses_of_rows_that_stayed_are_known_to_the_kept_one(cast, two):
    kept, other = two
    people = Contact.objects.filter(pk__in=[kept.pk, other.pk])
    mailing_out = MailingOut.objects.create_for(
        people, owner=cast.owner, message=None, name="To both"
    )
    mailing_out.deliveries.filter(recipient_id=other.pk).update(
        status=Delivery.Status.SENT, address="old@example.com"
    )
    for each in two:
        MassContactFactory.create(content_object=each)

    duplicates.absorb(kept, [other])

    found = unsubscribe.addresses_of(kept.mass_contacts.get())
    assert found == [kept.email, "old@example.com"]
