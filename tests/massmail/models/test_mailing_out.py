"""A mailing out: what the database refuses, what it is called, whom it protects."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError
from django.db.models import ProtectedError

from crm.models import City, Contact
from massmail.models import Delivery, MailingOut
from tests.factories import (
    DepartmentFactory,
    EmlMessageFactory,
    MailingOutFactory,
    SuperuserFactory,
    UserFactory,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
Status, State = MailingOut.Status, MailingOut.State
COUNTS = [f"{status}_count" for status in Delivery.Status.values]


# --- what the database refuses


@pytest.mark.django_db
@pytest.mark.parametrize("count", COUNTS)
def test_a_state_counts_among_the_people(count):
    mailing_out = MailingOutFactory.create(recipients_number=1, **{count: 1})
    with pytest.raises(IntegrityError):
        MailingOut.objects.filter(pk=mailing_out.pk).update(**{count: 2})


@pytest.mark.django_db
@pytest.mark.parametrize("count", COUNTS)
def test_no_state_counts_below_nothing(count):
    other = "sent_count" if count != "sent_count" else "failed_count"
    with pytest.raises(IntegrityError):
        MailingOutFactory.create(recipients_number=1, **{count: -1, other: 2})


@pytest.mark.django_db
def test_people_without_a_state_are_refused():
    with pytest.raises(IntegrityError):
        MailingOutFactory.create(recipients_number=1)


@pytest.mark.django_db
@pytest.mark.parametrize("not_after", [NOW, EARLIER])
def test_an_end_before_the_start_is_refused(not_after):
    with pytest.raises(IntegrityError):
        MailingOutFactory.create(start_at=NOW, not_after=not_after)


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [0, 51])
def test_a_window_has_one_to_fifty_mails(limit):
    with pytest.raises(IntegrityError):
        MailingOutFactory.create(window_limit=limit)


# --- whom it protects, and who outlives whom


@pytest.fixture
def started(db):
    mailing_out = MailingOutFactory.create(started_at=NOW, recipients_number=1, pending_count=1)
    Delivery.objects.create(mailing_out=mailing_out, recipient_id=1, address_key="a@example.com")
    return mailing_out


@pytest.mark.parametrize("what", ["owner", "message", "content_type"])
def test_what_it_refers_to_is_not_deleted(started, what):
    with pytest.raises(ProtectedError):
        getattr(started, what).delete()


def test_its_deliveries_keep_it(started):
    with pytest.raises(ProtectedError):
        started.delete()
    with pytest.raises(ProtectedError):
        MailingOut.objects.all().delete()


def test_who_paused_it_may_be_deleted(started):
    person = UserFactory.create()
    MailingOut.objects.update(paused_by=person)
    person.delete()
    started.refresh_from_db()
    assert started.paused_by is None


# --- what it is called


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"status": Status.PAUSED}, State.DRAFT),
        ({"status": Status.PAUSED, "start_at": LATER}, State.DRAFT),
        ({"status": Status.PAUSED, "preparing": "audience"}, State.PREPARING),
        ({"status": Status.PAUSED, "preparing": "start"}, State.PREPARING),
        ({"status": Status.ACTIVE, "started_at": NOW, "start_at": LATER}, State.SCHEDULED),
        ({"status": Status.ERRORS, "started_at": NOW, "start_at": LATER}, State.SCHEDULED),
        ({"status": Status.ACTIVE, "started_at": NOW, "start_at": NOW}, State.RUNNING),
        ({"status": Status.ACTIVE, "started_at": NOW, "start_at": EARLIER}, State.RUNNING),
        (
            {"status": Status.ERRORS, "started_at": NOW, "start_at": NOW},
            State.RUNNING_WITH_ERRORS,
        ),
        ({"status": Status.PAUSED, "started_at": NOW, "start_at": NOW}, State.PAUSED),
        ({"status": Status.PAUSED, "started_at": NOW, "start_at": LATER}, State.PAUSED),
        ({"status": Status.INTERRUPTED}, State.CANCELLED),
        ({"status": Status.INTERRUPTED, "started_at": NOW}, State.CANCELLED),
        ({"status": Status.DONE, "started_at": NOW, "start_at": NOW}, State.DONE),
    ],
)
def test_the_word_that_describes_it(values, state):
    assert MailingOut(**values).state_at(NOW) is state


def test_every_state_has_a_row_above():
    marks = [mark for mark in test_the_word_that_describes_it.pytestmark if mark.args]
    assert {row[1] for row in marks[0].args[1]} == set(State)


@pytest.mark.parametrize(
    ("status", "active"),
    [("A", True), ("E", True), ("P", False), ("I", False), ("D", False)],
)
def test_active_means_that_the_owner_wants_it_sent(status, active):
    assert MailingOut(status=status).is_active is active


def test_it_is_called_by_its_name():
    assert str(MailingOut(name="Spring")) == "Spring"


# --- querysets


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        ({"status": "A", "start_at": NOW}, True),
        ({"status": "E", "start_at": EARLIER}, True),
        ({"status": "A", "start_at": EARLIER, "not_after": LATER}, True),
        ({"status": "A", "start_at": LATER}, False),
        ({"status": "A", "start_at": EARLIER, "not_after": NOW}, False),
        ({"status": "A", "start_at": NOW, "preparing": "start"}, False),
        ({"status": "A", "start_at": None}, False),
        ({"status": "P", "start_at": NOW}, False),
        ({"status": "I", "start_at": NOW}, False),
        ({"status": "D", "start_at": NOW}, False),
    ],
)
@pytest.mark.django_db
def test_which_ones_run(values, runs):
    MailingOutFactory.create(**values)
    assert MailingOut.objects.running(NOW).exists() is runs


@pytest.mark.parametrize(
    ("values", "finished"),
    [
        ({"status": "A"}, True),
        ({"status": "E", "recipients_number": 2, "uncertain_count": 2}, True),
        ({"status": "A", "recipients_number": 1, "pending_count": 1}, False),
        ({"status": "A", "recipients_number": 1, "in_flight_count": 1}, False),
        ({"status": "A", "preparing": "audience"}, False),
        ({"status": "P"}, False),
        ({"status": "D"}, False),
    ],
)
@pytest.mark.django_db
def test_which_ones_have_nothing_left(values, finished):
    MailingOutFactory.create(**values)
    assert MailingOut.objects.finished().exists() is finished


@pytest.mark.django_db
def test_started_are_all_that_ever_were():
    MailingOutFactory.create()
    started = [MailingOutFactory.create(started_at=NOW, status=status) for status in "APID"]
    assert set(MailingOut.objects.started()) == set(started)


@pytest.mark.django_db
def test_owner_colleague_stranger_superuser():
    department = DepartmentFactory.create()
    owner = UserFactory.create(departments=[department])
    MailingOutFactory.create(owner=owner, department=department)
    people = [
        owner,
        UserFactory.create(departments=[department]),
        UserFactory.create(),
        SuperuserFactory.create(),
    ]
    visible = [MailingOut.objects.visible_to(user).exists() for user in people]
    changeable = [MailingOut.objects.changeable_by(user).exists() for user in people]
    assert visible == [True, True, False, True]
    assert changeable == [True, False, False, True]


# --- its people


@pytest.mark.django_db
def test_ids_by_what_became_of_them():
    mailing_out = MailingOutFactory.create()
    for number, status in enumerate(Delivery.Status.values):
        reason = {"failed": "address", "skipped": "cancelled"}.get(status, "")
        for recipient_id in (200 + number, 100 + number):
            Delivery.objects.create(
                mailing_out=mailing_out, recipient_id=recipient_id, status=status, reason=reason
            )
    assert mailing_out.get_recipient_ids() == [100, 101, 200, 201]
    assert mailing_out.get_successful_ids() == [102, 202]
    assert mailing_out.get_failed_ids() == [103, 203]


@pytest.mark.django_db
def test_its_recipients_are_of_one_type():
    assert MailingOutFactory.create().recipient_model is Contact
    wrong = MailingOutFactory.create(content_type=ContentType.objects.get_for_model(City))
    with pytest.raises(TypeError, match="is no recipient type"):
        _ = wrong.recipient_model


@pytest.mark.django_db
def test_a_draft_needs_no_message():
    mailing_out = MailingOut.objects.create_for(
        Contact.objects.all(), owner=UserFactory.create(), message=None, name="x" * 120
    )
    assert mailing_out.message is None
    assert len(mailing_out.name) == 100


@pytest.mark.django_db
@pytest.mark.parametrize("nobody", [{"pk__in": []}, {"pk": 0}])
def test_a_draft_needs_no_people(nobody):
    mailing_out = MailingOut.objects.create_for(
        Contact.objects.filter(**nobody), owner=UserFactory.create(), message=None, name="News"
    )
    assert (mailing_out.recipients_number, mailing_out.deliveries.count()) == (0, 0)


@pytest.mark.django_db
def test_a_draft_belongs_to_the_owners_first_department():
    departments = [DepartmentFactory.create(), DepartmentFactory.create()]
    owner = UserFactory.create(departments=departments)
    mailing_out = MailingOut.objects.create_for(
        Contact.objects.all(),
        owner=owner,
        message=EmlMessageFactory.create(owner=owner),
        name="News",
    )
    assert mailing_out.department == departments[0]
