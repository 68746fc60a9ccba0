from datetime import date

import pytest
from django.db import IntegrityError

from massmail.models import Delivery, MailingOut
from massmail.services.tally import Tally
from tests.factories import MailingOutFactory

pytestmark = pytest.mark.django_db

S = Delivery.Status


@pytest.fixture
def mailing_out():
    return MailingOutFactory.create(recipients_number=10, pending_count=10, status="A")


def values(mailing_out: MailingOut, *names: str) -> tuple:
    return MailingOut.objects.values_list(*names).get(pk=mailing_out.pk)


def test_moves_are_added_up_into_one_statement(mailing_out, django_assert_num_queries):
    tally = Tally()
    tally.move(mailing_out.pk, 6, source=S.PENDING, target=S.IN_FLIGHT)
    tally.move(mailing_out.pk, 4, source=S.IN_FLIGHT, target=S.SENT)
    tally.move(mailing_out.pk, 1, source=S.IN_FLIGHT, target=S.PENDING)
    tally.attempt(mailing_out.pk, 4)
    with django_assert_num_queries(1):
        tally.write()
    names = ("pending_count", "in_flight_count", "sent_count", "attempts_count", "status")
    assert values(mailing_out, *names) == (5, 1, 4, 4, "A")


def test_nothing_noted_is_nothing_written(mailing_out, django_assert_num_queries):
    tally = Tally()
    tally.move(mailing_out.pk, 0, source=S.PENDING, target=S.SENT)
    tally.attempt(mailing_out.pk, 0)
    with django_assert_num_queries(0):
        tally.write()


def test_a_row_moved_there_and_back_is_no_change(mailing_out, django_assert_num_queries):
    tally = Tally()
    tally.move(mailing_out.pk, 3, source=S.PENDING, target=S.IN_FLIGHT)
    tally.move(mailing_out.pk, 3, source=S.IN_FLIGHT, target=S.PENDING)
    with django_assert_num_queries(0):
        tally.write()


def test_several_mailing_outs_are_written_in_the_order_of_their_ids(
    mailing_out, django_assert_num_queries
):
    other = MailingOutFactory.create(recipients_number=1, pending_count=1)
    tally = Tally()
    tally.move(other.pk, 1, source=S.PENDING, target=S.SENT)
    tally.move(mailing_out.pk, 1, source=S.PENDING, target=S.SENT)
    with django_assert_num_queries(2) as captured:
        tally.write()
    order = [query["sql"].rpartition(" = ")[2].strip() for query in captured.captured_queries]
    assert order == [str(mailing_out.pk), str(other.pk)]
    assert values(mailing_out, "sent_count") == values(other, "sent_count") == (1,)


@pytest.mark.parametrize("status", ["A", "E", "P", "I", "D"])
@pytest.mark.parametrize("trouble", ["failed row", "account"])
def test_trouble_marks_what_runs_and_nothing_else(mailing_out, status, trouble):
    MailingOut.objects.update(status=status)
    tally = Tally()
    if trouble == "account":
        tally.trouble(mailing_out.pk)
    else:
        tally.move(mailing_out.pk, 1, source=S.PENDING, target=S.FAILED)
    tally.write()
    assert values(mailing_out, "status") == ("E" if status == "A" else status,)


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (16, 16), (64, 50)])
def test_windows_are_limited_to_what_a_window_may_have(mailing_out, limit, expected):
    tally = Tally()
    tally.limit_windows(mailing_out.pk, limit)
    tally.write()
    assert values(mailing_out, "window_limit") == (expected,)


def test_more_than_there_is_cannot_be_taken(mailing_out):
    tally = Tally()
    tally.move(mailing_out.pk, 11, source=S.PENDING, target=S.SENT)
    with pytest.raises(IntegrityError):
        tally.write()


def test_mails_of_a_day_are_counted_from_nothing_each_day(mailing_out):
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    for today, number in ((monday, 3), (monday, 2), (tuesday, 4)):
        tally = Tally()
        tally.sent(mailing_out.pk, number, today=today)
        tally.sent(mailing_out.pk, 0, today=today)
        tally.write()
    mailing_out.refresh_from_db()
    assert (mailing_out.sent_on(tuesday), mailing_out.sent_on(monday)) == (4, 0)
