import uuid
from datetime import UTC, datetime

import pytest

from massmail.models import Delivery
from massmail.services.write_rows import update_from_values
from tests.factories import MailingOutFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOSTILE = ["O'Neil", '"; DROP TABLE massmail_delivery; --', "%s %(x)s %%", "a\\b\nc", "日本 🎉", ""]


@pytest.fixture
def rows():
    mailing_out = MailingOutFactory.create()
    return [
        Delivery.objects.create(mailing_out=mailing_out, recipient_id=number)
        for number in range(len(HOSTILE))
    ]


def test_each_row_gets_its_own_texts(rows, django_assert_num_queries):
    claim = uuid.uuid4()
    texts = [(row.pk, text, text[::-1]) for row, text in zip(rows, HOSTILE, strict=True)]
    with django_assert_num_queries(1):
        changed = update_from_values(
            Delivery,
            ["address", "reply"],
            texts,
            constants={"status": "sent", "claim": claim, "sent_at": NOW, "due_at": None},
            expected={"status": "pending"},
            counted=["attempts"],
        )
    assert changed == {row.pk for row in rows}
    for row, text in zip(rows, HOSTILE, strict=True):
        row.refresh_from_db()
        assert (row.address, row.reply) == (text, text[::-1])
        assert (row.status, row.claim, row.sent_at, row.attempts) == ("sent", claim, NOW, 1)


def test_only_rows_that_are_as_expected_change(rows):
    claim = uuid.uuid4()
    Delivery.objects.filter(pk=rows[0].pk).update(claim=claim)
    Delivery.objects.filter(pk=rows[1].pk).update(claim=claim, status="sent")
    changed = update_from_values(
        Delivery,
        ["reply"],
        [(row.pk, "ok") for row in rows],
        constants={"status": "uncertain"},
        expected={"status": "pending", "claim": claim},
    )
    assert changed == {rows[0].pk}
    assert list(Delivery.objects.filter(reply="ok")) == [rows[0]]


def test_rows_that_are_not_there_are_passed_over(rows):
    changed = update_from_values(
        Delivery, ["reply"], [(0, "ok"), (rows[0].pk, "ok")], constants={}, expected={}
    )
    assert changed == {rows[0].pk}


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert update_from_values(Delivery, ["reply"], [], constants={}, expected={}) == set()
