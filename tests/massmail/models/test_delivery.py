"""The rows of the ledger: one a recipient, one an address, kept whatever is deleted around them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection
from django.db.models import ProtectedError

from massmail.models import AccountShare, Delivery, DeliveryAttempt, FailReason, SkipReason
from tests.factories import ContactFactory, EmailAccountFactory, MailingOutFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def mailing_out():
    return MailingOutFactory.create()


def make(mailing_out, recipient_id=1, **values) -> Delivery:
    return Delivery.objects.create(mailing_out=mailing_out, recipient_id=recipient_id, **values)


# --- uniqueness


def test_a_recipient_has_one_delivery(mailing_out):
    make(mailing_out)
    make(MailingOutFactory.create())
    with pytest.raises(IntegrityError):
        make(mailing_out)


def test_an_address_has_one_delivery(mailing_out):
    make(mailing_out, 1, address_key="a@example.com")
    make(MailingOutFactory.create(), 2, address_key="a@example.com")
    with pytest.raises(IntegrityError):
        make(mailing_out, 2, address_key="a@example.com")


def test_duplicates_of_it_have_the_same_address(mailing_out):
    stands = make(mailing_out, 1, address_key="a@example.com")
    for number in (2, 3):
        make(
            mailing_out,
            number,
            address_key="a@example.com",
            duplicate_of=stands,
            status="skipped",
            reason="duplicate",
        )
    assert stands.duplicates.count() == 2


def test_those_without_an_address_do_not_clash(mailing_out):
    for number in (1, 2):
        make(mailing_out, number, address_key=None, status="skipped", reason="no_address")
    assert mailing_out.deliveries.count() == 2


def test_an_account_has_one_share_of_a_mailing_out(mailing_out):
    account = EmailAccountFactory.create()
    AccountShare.objects.create(mailing_out=mailing_out, email_account=account)
    with pytest.raises(IntegrityError):
        AccountShare.objects.create(mailing_out=mailing_out, email_account=account)


# --- a reason where there must be one, and only there


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_failed_and_skipped_have_a_reason(mailing_out, status):
    with pytest.raises(IntegrityError):
        make(mailing_out, status=status, reason="")


@pytest.mark.parametrize("status", ["pending", "in_flight", "sent", "uncertain"])
def test_the_others_have_none(mailing_out, status):
    make(mailing_out, 1, status=status)
    with pytest.raises(IntegrityError):
        make(mailing_out, 2, status=status, reason="policy")


def test_no_word_is_both_a_reason_to_skip_and_to_fail():
    assert set(SkipReason.values) & set(FailReason.values) == set()
    longest = Delivery._meta.get_field("reason").max_length or 0
    assert max(map(len, [*SkipReason.values, *FailReason.values])) <= longest


def test_there_are_six_states():
    expected = ["pending", "in_flight", "sent", "failed", "skipped", "uncertain"]
    assert Delivery.Status.values == expected


# --- what is deleted around them


def test_a_deleted_account_leaves_its_rows(mailing_out):
    account = EmailAccountFactory.create()
    row = make(mailing_out, email_account=account)
    attempt = DeliveryAttempt.objects.create(
        delivery=row, mailing_out=mailing_out, at=NOW, email_account=account, number=0
    )
    AccountShare.objects.create(mailing_out=mailing_out, email_account=account)
    account.delete()
    row.refresh_from_db()
    attempt.refresh_from_db()
    assert (row.status, row.email_account, attempt.email_account) == ("pending", None, None)
    assert AccountShare.objects.count() == 0


def test_a_deleted_recipient_leaves_its_row(mailing_out):
    contact = ContactFactory.create()
    row = make(mailing_out, contact.pk)
    contact.delete()
    assert Delivery.objects.get() == row


def test_a_row_with_duplicates_is_not_deleted(mailing_out):
    stands = make(mailing_out, 1, address_key="a@example.com")
    make(mailing_out, 2, duplicate_of=stands, status="skipped", reason="duplicate")
    with pytest.raises(ProtectedError):
        stands.delete()


# --- querysets


@pytest.mark.parametrize(
    ("values", "retry_due", "fresh"),
    [
        ({}, False, True),
        ({"due_at": NOW}, True, False),
        ({"due_at": NOW - timedelta(days=1)}, True, False),
        ({"due_at": NOW + timedelta(seconds=1)}, False, False),
        ({"status": "sent"}, False, False),
        ({"status": "sent", "due_at": NOW}, False, False),
        ({"status": "in_flight", "due_at": NOW}, False, False),
        ({"status": "uncertain"}, False, False),
    ],
)
def test_what_waits_for_what(mailing_out, values, retry_due, fresh):
    make(mailing_out, **values)
    assert Delivery.objects.retry_due(NOW).exists() is retry_due
    assert Delivery.objects.fresh().exists() is fresh


# --- a success stays within its page


def test_no_index_names_what_a_success_changes():
    changed = {"status", "claim", "attempts", "sent_at", "reply", "address", "message_id"}
    table = Delivery._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [table])
        else:
            cursor.execute("SELECT sql FROM sqlite_master WHERE tbl_name = %s", [table])
        texts = [text for (text,) in cursor.fetchall() if text and "INDEX" in text]
    words = {word.strip('"(),') for text in texts for word in text.split()}
    assert len(texts) >= 5
    assert words & changed == set()


def test_they_are_called_by_their_ids(mailing_out):
    row = make(mailing_out, 7)
    attempt = DeliveryAttempt(delivery=row, outcome="later", code=450)
    share = AccountShare(mailing_out=mailing_out, email_account_id=3, watermark=9)
    assert str(row) == f"{mailing_out.pk}/7: pending"
    assert str(attempt) == f"{row.pk} later 450"
    assert str(share) == f"{mailing_out.pk}/3: 9"
