"""Whether people get mailings, in words, and who may lift it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from crm.models import Contact
from massmail.models import Delivery, Suppression
from massmail.services import subscription
from tests.factories import ContactFactory, LeadFactory, MassContactFactory, UserFactory
from tests.massmail.cast import Cast, make_cast

DAY = datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def text_of(contact: Contact) -> str:
    people = subscription.with_subscription(Contact.objects.all(), now=timezone.now())
    return subscription.subscription_text(people.get(pk=contact.pk))


def suppress(contact: Contact, kind: str, **values) -> Suppression:
    values = {"created_at": DAY} | values
    return Suppression.objects.create(address_key=contact.address_key or "", kind=kind, **values)


@pytest.mark.parametrize(
    ("fields", "kinds", "text"),
    [
        ({}, [], "subscribed"),
        ({"massmail": False}, [], "unsubscribed"),
        ({"massmail": False}, ["unsubscribed"], "unsubscribed on May 3, 2026"),
        ({"massmail": False}, ["bounced"], "unsubscribed"),
        ({}, ["bounced"], "bounced on May 3, 2026"),
        ({}, ["manual"], "by hand on May 3, 2026"),
        ({}, ["bounced", "complained"], "complained on May 3, 2026"),
        ({"disqualified": True}, [], "disqualified"),
        ({"disqualified": True}, ["bounced"], "bounced on May 3, 2026"),
    ],
)
def test_text_names_the_gravest_reason(
    cast: Cast, fields: dict[str, bool], kinds: list[str], text: str
) -> None:
    contact = ContactFactory.create(owner=cast.owner, **fields)
    for kind in kinds:
        suppress(contact, kind)

    assert text_of(contact) == text


def test_mark_of_the_mass_contact_counts(cast: Cast) -> None:
    contact = ContactFactory.create(owner=cast.owner)
    MassContactFactory.create(content_object=contact, massmail=False)

    assert text_of(contact) == "unsubscribed"


def test_suppression_that_is_over_does_not_count(cast: Cast) -> None:
    contact = ContactFactory.create(owner=cast.owner)
    suppress(contact, "bounced", until=timezone.now() - timedelta(days=1))

    assert text_of(contact) == "subscribed"


def test_received_counts_what_was_sent_to_that_type(cast: Cast) -> None:
    mailing_out = cast.started(number=2)
    one, two = Contact.objects.order_by("pk")
    lead = LeadFactory.create(pk=one.pk, owner=cast.owner)
    mailing_out.deliveries.filter(recipient_id=one.pk).update(status=Delivery.Status.SENT)

    people = subscription.with_received(Contact.objects.all())
    leads = subscription.with_received(type(lead).objects.all())

    assert dict(people.values_list("pk", "received_number")) == {one.pk: 1, two.pk: 0}
    assert set(leads.values_list("received_number", flat=True)) == {0}


@pytest.mark.parametrize(
    ("kind", "decided"),
    [("unsubscribed", True), ("complained", True), ("bounced", False), ("manual", False)],
)
def test_what_people_decided_is_theirs(cast: Cast, kind: str, decided: bool) -> None:
    contact = ContactFactory.create(owner=cast.owner)
    row = suppress(contact, kind)

    assert subscription.is_decided_by_person(contact) is decided
    assert subscription.is_liftable(row) is not decided


@pytest.mark.parametrize(("kind", "note"), [("unsubscribed", "Why not"), ("bounced", " ")])
def test_lifting_is_refused_in_words(db: None, kind: str, note: str) -> None:
    row = Suppression.objects.create(address_key="a@example.com", kind=kind)

    with pytest.raises(subscription.LiftRefused):
        subscription.lift(row, by=UserFactory.create(), note=note)

    assert Suppression.objects.exists()
