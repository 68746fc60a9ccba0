"""Whom a mailing out goes to: every chosen recipient has one row, with the reason if left out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crm.models import Contact
from massmail.models import (
    Delivery,
    EmailAccount,
    EmlAccountsQueue,
    MailingOut,
    MassContact,
    SkipReason,
    Suppression,
)
from massmail.services import audience
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    MainAccountFactory,
    MassContactFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return UserFactory.create()


@pytest.fixture
def message(owner):
    return EmlMessageFactory.create(owner=owner)


def create(owner, message=None, queryset=None) -> MailingOut:
    people = Contact.objects.all() if queryset is None else queryset
    return MailingOut.objects.create_for(people, owner=owner, message=message, name="News")


def reasons(mailing_out: MailingOut) -> dict[int, str]:
    return dict(mailing_out.deliveries.values_list("recipient_id", "reason"))


def test_everybody_chosen_has_one_row(owner, message):
    EmailAccountFactory.create(owner=owner)
    people = [ContactFactory.create(owner=owner) for _ in range(5)]

    mailing_out = create(owner, message)

    assert sorted(reasons(mailing_out)) == sorted(person.pk for person in people)
    assert mailing_out.recipients_number == mailing_out.pending_count == 5
    assert set(mailing_out.deliveries.values_list("status", flat=True)) == {"pending"}


def test_those_who_cannot_be_written_to_have_the_reason(owner, message):
    now = timezone.now()
    invalid = ContactFactory.create(owner=owner, email="not an address")
    empty = ContactFactory.create(owner=owner, email="")
    unsubscribed = ContactFactory.create(owner=owner, massmail=False)
    opted_out = ContactFactory.create(owner=owner)
    MassContactFactory.create(content_object=opted_out, massmail=False)
    bounced = ContactFactory.create(owner=owner, email="Bounced@Example.com")
    Suppression.objects.create(address_key="bounced@example.com", kind="bounced")
    left = ContactFactory.create(owner=owner, email="left@example.com")
    Suppression.objects.create(address_key="left@example.com", kind="unsubscribed")
    over = ContactFactory.create(owner=owner, email="over@example.com")
    Suppression.objects.create(
        address_key="over@example.com", kind="bounced", until=now - timedelta(days=1)
    )
    disqualified = ContactFactory.create(owner=owner, disqualified=True)

    mailing_out = create(owner, message)

    assert reasons(mailing_out) == {
        invalid.pk: SkipReason.NO_ADDRESS,
        empty.pk: SkipReason.NO_ADDRESS,
        unsubscribed.pk: SkipReason.UNSUBSCRIBED,
        opted_out.pk: SkipReason.UNSUBSCRIBED,
        bounced.pk: SkipReason.SUPPRESSED,
        left.pk: SkipReason.UNSUBSCRIBED,
        over.pk: "",
        disqualified.pk: SkipReason.DISQUALIFIED,
    }
    assert (mailing_out.pending_count, mailing_out.skipped_count) == (1, 7)


def test_one_stands_for_all_with_the_same_address(owner, message):
    unsubscribed = ContactFactory.create(owner=owner, email="a@example.com", massmail=False)
    first = ContactFactory.create(owner=owner, email="A@EXAMPLE.com")
    vip = ContactFactory.create(owner=owner, email="a@example.com, other@example.com")
    MassContactFactory.create(
        content_object=vip, email_account=MainAccountFactory.create(owner=owner)
    )

    mailing_out = create(owner, message)

    rows = {row.recipient_id: row for row in mailing_out.deliveries.all()}
    assert rows[vip.pk].status == Delivery.Status.PENDING
    assert rows[first.pk].reason == rows[unsubscribed.pk].reason == SkipReason.DUPLICATE
    assert (
        rows[first.pk].duplicate_of_id == rows[unsubscribed.pk].duplicate_of_id == rows[vip.pk].pk
    )


def test_who_got_this_message_already_is_left_out(owner, message):
    EmailAccountFactory.create(owner=owner)
    ContactFactory.create(owner=owner, email="zoe@example.com")
    earlier = create(owner, message)
    earlier.deliveries.update(status=Delivery.Status.UNCERTAIN)
    audience.recount(earlier)

    again = create(owner, message)
    other = create(owner, EmlMessageFactory.create(owner=owner))

    assert [row.reason for row in again.deliveries.all()] == [SkipReason.ALREADY_RECEIVED]
    assert [row.reason for row in other.deliveries.all()] == [""]


def test_new_recipients_are_shared_over_the_queue(owner, message):
    accounts = [EmailAccountFactory.create(owner=owner) for _ in range(3)]
    MainAccountFactory.create(owner=owner)
    EmailAccountFactory.create(owner=owner, massmail=False)
    for _ in range(7):
        ContactFactory.create(owner=owner)

    mailing_out = create(owner, message)
    mailing_out.start()

    given = list(
        mailing_out.deliveries.order_by("recipient_id").values_list("email_account_id", flat=True)
    )
    turn = [account.pk for account in accounts]
    assert given == [*turn, *turn, turn[0]]
    assert EmlAccountsQueue.objects.get(owner=owner).position == 1
    contacts = MassContact.objects.order_by("object_id").values_list("email_account_id", flat=True)
    assert list(contacts) == given


def test_the_account_that_always_writes_stays(owner, message):
    one, other = EmailAccountFactory.create(owner=owner), EmailAccountFactory.create(owner=owner)
    faithful = ContactFactory.create(owner=owner)
    MassContactFactory.create(content_object=faithful, email_account=other)
    foreign = ContactFactory.create(owner=owner)
    strangers = MassContactFactory.create(
        content_object=foreign, email_account=EmailAccountFactory.create()
    )
    orphan = ContactFactory.create(owner=owner)
    off = EmailAccountFactory.create(owner=owner, massmail=False)
    orphans = MassContactFactory.create(content_object=orphan, email_account=off)

    mailing_out = create(owner, message)
    mailing_out.start()

    rows = dict(mailing_out.deliveries.values_list("recipient_id", "email_account_id"))
    assert rows[faithful.pk] == other.pk
    assert {rows[foreign.pk], rows[orphan.pk]} <= {one.pk, other.pk}
    strangers.refresh_from_db()
    orphans.refresh_from_db()
    assert strangers.email_account not in {one, other}
    assert orphans.email_account_id == rows[orphan.pk]


def test_a_shared_account_serves_but_a_colleagues_main_account_does_not(owner, message):
    from tests.factories import DepartmentFactory

    department = DepartmentFactory.create()
    colleague = UserFactory.create(departments=[department])
    owner.groups.add(department)
    shared = EmailAccountFactory.create(owner=colleague, department=department, shared=True)
    main = MainAccountFactory.create(owner=colleague, department=department, shared=True)

    usable = set(EmailAccount.objects.usable_by(owner))

    assert shared in usable
    assert main not in usable


def test_start_brings_the_rows_up_to_date(owner, message):
    EmailAccountFactory.create(owner=owner)
    back = ContactFactory.create(owner=owner, email="back@example.com", massmail=False)
    gone = ContactFactory.create(owner=owner, email="gone@example.com")
    deleted = ContactFactory.create(owner=owner, email="deleted@example.com")
    stands = ContactFactory.create(owner=owner, email="same@example.com")
    follows = ContactFactory.create(owner=owner, email="SAME@example.com")
    moved = ContactFactory.create(owner=owner, email="moved@example.com")
    mailing_out = create(owner, message)
    Contact.objects.filter(pk=back.pk).update(massmail=True)
    Contact.objects.filter(pk=gone.pk).update(disqualified=True)
    Contact.objects.filter(pk=deleted.pk).delete()
    Contact.objects.filter(pk=stands.pk).update(massmail=False)
    Contact.objects.filter(pk=moved.pk).update(email="gone@example.com")

    mailing_out.start()

    rows = {row.recipient_id: row for row in mailing_out.deliveries.all()}
    assert reasons(mailing_out) == {
        back.pk: "",
        gone.pk: SkipReason.DUPLICATE,
        deleted.pk: SkipReason.RECIPIENT_DELETED,
        stands.pk: SkipReason.DUPLICATE,
        follows.pk: "",
        moved.pk: "",
    }
    assert rows[stands.pk].duplicate_of_id == rows[follows.pk].pk
    assert rows[gone.pk].duplicate_of_id == rows[moved.pk].pk
    assert rows[moved.pk].address_key == "gone@example.com"
    assert (mailing_out.pending_count, mailing_out.skipped_count) == (3, 3)


def test_keys_of_imported_recipients_are_filled(owner, message):
    EmailAccountFactory.create(owner=owner)
    plain = ContactFactory.create(owner=owner)
    several = ContactFactory.create(owner=owner)
    german = ContactFactory.create(owner=owner)
    Contact.objects.filter(pk=plain.pk).update(email="Ann@Example.com", address_key=None)
    Contact.objects.filter(pk=several.pk).update(email="nope, Bob <Bob@x.org>", address_key=None)
    Contact.objects.filter(pk=german.pk).update(email="zoe@bücher.example", address_key=None)

    create(owner, message)

    keys = dict(Contact.objects.values_list("pk", "address_key"))
    assert keys[plain.pk] == "ann@example.com"
    assert keys[several.pk] == "bob@x.org"
    assert keys[german.pk] == "zoe@xn--bcher-kva.example"


def test_a_large_audience_is_noted_and_written_later(owner, message):
    EmailAccountFactory.create(owner=owner)
    chosen = [ContactFactory.create(owner=owner) for _ in range(3)]
    ContactFactory.create(owner=owner)
    queryset = Contact.objects.filter(pk__in=[person.pk for person in chosen])

    mailing_out = audience.choose_for_later(queryset, owner=owner, message=message, name="Big")
    with pytest.raises(Exception, match="being prepared"):
        mailing_out.start()
    audience.write_chosen(mailing_out)
    audience.write_chosen(mailing_out)

    mailing_out.refresh_from_db()
    assert mailing_out.recipients_number == 3
    assert mailing_out.preparing == ""
    assert mailing_out.chosen.count() == 0


def test_the_number_of_statements_does_not_grow(owner, message, django_assert_max_num_queries):
    EmailAccountFactory.create(owner=owner)
    for _ in range(30):
        ContactFactory.create(owner=owner)
    with django_assert_max_num_queries(30):
        mailing_out = create(owner, message)
    with django_assert_max_num_queries(55):
        mailing_out.start()


def test_a_queryset_of_something_else_is_refused(owner):
    with pytest.raises(TypeError, match="no recipient type"):
        create(owner, queryset=MassContact.objects.all())


def test_a_draft_follows_its_message(owner, message):
    EmailAccountFactory.create(owner=owner)
    ContactFactory.create(owner=owner)
    earlier = create(owner, message)
    earlier.deliveries.update(status=Delivery.Status.SENT)
    audience.recount(earlier)
    draft = create(owner)
    assert draft.pending_count == 1

    MailingOut.objects.filter(pk=draft.pk).update(message=message)
    audience.refresh(draft)

    assert [row.reason for row in draft.deliveries.all()] == [SkipReason.ALREADY_RECEIVED]
    draft.refresh_from_db()
    assert (draft.pending_count, draft.skipped_count) == (0, 1)


def test_what_was_started_is_not_refreshed(owner, message):
    EmailAccountFactory.create(owner=owner)
    person = ContactFactory.create(owner=owner)
    mailing_out = create(owner, message)
    mailing_out.start()
    Contact.objects.filter(pk=person.pk).update(disqualified=True)

    audience.refresh(mailing_out)

    assert [row.status for row in mailing_out.deliveries.all()] == [Delivery.Status.PENDING]
