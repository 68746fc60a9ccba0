"""The number of people before they are chosen is the number that the draft then shows."""

import pytest
from django.utils import timezone

from crm.models import Contact
from massmail.models import Delivery, MailingOut, SkipReason, Suppression
from massmail.services import audience, audience_changes
from massmail.services.audience_count import AudienceCount, count_new, count_waiting
from tests.factories import ContactFactory, MassContactFactory
from tests.massmail.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def count(people=None, draft: MailingOut | None = None) -> AudienceCount:
    people = Contact.objects.all() if people is None else people
    return count_new(people, now=timezone.now(), draft=draft)


def everybody_of_each_kind(cast: Cast) -> None:
    make = ContactFactory.create
    make(owner=cast.owner, email="a@example.com")
    make(owner=cast.owner, email="A@example.com")
    make(owner=cast.owner, email="nobody")
    make(owner=cast.owner, massmail=False)
    make(owner=cast.owner, disqualified=True)
    MassContactFactory.create(content_object=make(owner=cast.owner), massmail=False)
    Suppression.objects.create(address_key="gone@example.com", kind="bounced")
    make(owner=cast.owner, email="gone@example.com")


def test_sum_adds_up_and_is_what_the_draft_shows(cast: Cast) -> None:
    everybody_of_each_kind(cast)

    found = count()
    draft = MailingOut.objects.create_for(
        Contact.objects.all(), owner=cast.owner, message=None, name="News"
    )

    reasons = draft.deliveries.filter(status="skipped").values_list("reason", flat=True)
    expected = {reason: list(reasons).count(reason) for reason in reasons}
    assert (found.chosen, found.to_send) == (draft.recipients_number, draft.pending_count) == (7, 1)
    assert dict(found.left_out) == expected
    assert found.left_out_number == draft.skipped_count


def test_nobody_is_nobody(db: None) -> None:
    assert count() == AudienceCount(chosen=0, to_send=0)


def test_addresses_not_read_yet_count_as_good(cast: Cast) -> None:
    contact = ContactFactory.create(owner=cast.owner, email="a@example.com")
    Contact.objects.filter(pk=contact.pk).update(address_key=None)
    ContactFactory.create(owner=cast.owner, email="A@example.com")

    found = count()

    assert (found.chosen, found.to_send) == (2, 1)


def test_for_a_draft_those_in_it_are_told_apart(cast: Cast) -> None:
    present = ContactFactory.create(owner=cast.owner, email="a@example.com")
    draft = MailingOut.objects.create_for(
        Contact.objects.filter(pk=present.pk), owner=cast.owner, message=None, name="News"
    )
    ContactFactory.create(owner=cast.owner, email="A@example.com")
    ContactFactory.create(owner=cast.owner, email="b@example.com")

    found = count(draft=draft)
    audience_changes.add(draft, people=Contact.objects.all())
    draft.refresh_from_db()

    assert found == AudienceCount(
        chosen=2, to_send=1, left_out=((SkipReason.DUPLICATE, 1),), present=1
    )
    assert (draft.recipients_number, draft.pending_count) == (3, 2)


def test_for_a_draft_who_got_its_message_is_left_out(cast: Cast) -> None:
    earlier = cast.draft(number=2)
    earlier.deliveries.update(status=Delivery.Status.SENT)
    audience.recount(earlier)
    draft = MailingOut.objects.create_for(
        Contact.objects.none(), owner=cast.owner, message=earlier.message, name="Again"
    )

    assert count(draft=draft).left_out == ((SkipReason.ALREADY_RECEIVED, 2),)


def test_waiting_are_those_whom_leaving_out_spares(cast: Cast) -> None:
    everybody_of_each_kind(cast)
    draft = MailingOut.objects.create_for(
        Contact.objects.all(), owner=cast.owner, message=None, name="News"
    )

    assert count_waiting(Contact.objects.all(), draft=draft).chosen == 1


def test_number_of_statements(cast: Cast, django_assert_num_queries) -> None:
    draft = cast.draft(number=3)
    cast.contacts(4)
    count()

    with django_assert_num_queries(1):
        count()
    with django_assert_num_queries(2):
        count(draft=draft)
