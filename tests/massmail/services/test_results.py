"""What became of a mailing out: by reason, by account, over time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from massmail.models import Delivery, DeliveryAttempt, MailingOut
from massmail.services import results
from massmail.services.results import Bar
from tests.massmail.campaigns import campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def mailing_out() -> MailingOut:
    """Two sent at noon, one at one o'clock; one failed at one, one left out."""
    made = campaign_on(SmtpServer(port=2525), people=5)
    rows = list(made.deliveries.order_by("pk"))
    for row, at in zip(
        rows, (NOON, NOON + timedelta(minutes=5), NOON + timedelta(hours=1)), strict=False
    ):
        Delivery.objects.filter(pk=row.pk).update(status="sent", sent_at=at)
    Delivery.objects.filter(pk=rows[3].pk).update(status="failed", reason="address")
    Delivery.objects.filter(pk=rows[4].pk).update(status="skipped", reason="unsubscribed")
    DeliveryAttempt.objects.create(
        delivery=rows[3],
        mailing_out=made,
        at=NOON + timedelta(minutes=61),
        outcome="failed",
        number=1,
    )
    MailingOut.objects.update(
        sent_count=3, failed_count=1, skipped_count=1, pending_count=0, start_at=NOON
    )
    made.refresh_from_db()
    return made


def test_numbers_by_reason(mailing_out: MailingOut) -> None:
    assert results.numbers_by_reason(mailing_out) == {"address": 1, "unsubscribed": 1}


def test_states_by_account(mailing_out: MailingOut) -> None:
    account = mailing_out.deliveries.values_list("email_account", flat=True).first()
    expected = {(account, "sent"): 3, (account, "failed"): 1}
    assert results.states_by_account(mailing_out) == expected


@pytest.mark.parametrize(
    ("lasted", "unit"),
    [
        (timedelta(), "minute"),
        (timedelta(hours=2), "minute"),
        (timedelta(hours=3), "hour"),
        (timedelta(days=6), "day"),
    ],
)
def test_unit_fits_the_duration(mailing_out: MailingOut, lasted: timedelta, unit: str) -> None:
    assert results.unit_of(mailing_out, NOON + lasted) == unit


def test_unit_of_what_is_over_does_not_change(mailing_out: MailingOut) -> None:
    mailing_out.finished_at = NOON + timedelta(minutes=5)
    assert results.unit_of(mailing_out, NOON + timedelta(days=300)) == "minute"


def test_bars_count_outcomes(mailing_out: MailingOut, django_assert_num_queries) -> None:
    with timezone.override("UTC"), django_assert_num_queries(2):
        bars = results.over_time(mailing_out, "hour")

    assert bars == [Bar(NOON, sent=2), Bar(NOON + timedelta(hours=1), sent=1, failed=1)]


def test_days_are_those_of_the_user(mailing_out: MailingOut) -> None:
    with timezone.override("Pacific/Auckland"):  # 01:00 and 02:00 of the next day
        (bar,) = results.over_time(mailing_out, "day")
    assert timezone.localtime(bar.at, timezone.get_fixed_timezone(780)).day == 23
    assert bar.sent == 3


def test_large_ones_are_counted_once_until_a_counter_changes(
    mailing_out: MailingOut, monkeypatch, django_assert_num_queries
) -> None:
    monkeypatch.setattr(results, "SMALL_UP_TO", 1)
    mailing_out.attempts_count = 987_654  # so that no other test has counted the same
    results.numbers_by_reason(mailing_out)

    with django_assert_num_queries(0):
        assert results.numbers_by_reason(mailing_out) == {"address": 1, "unsubscribed": 1}
    mailing_out.attempts_count += 1
    with django_assert_num_queries(1):
        results.numbers_by_reason(mailing_out)
