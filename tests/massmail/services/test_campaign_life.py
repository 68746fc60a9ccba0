"""The life of a mailing out: every step from every state, and how it ends."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail

from crm.models import Contact
from massmail.clock import database_now
from massmail.errors import IllegalTransition
from massmail.models import (
    Delivery,
    FailReason,
    MailingOut,
    SkipReason,
)
from massmail.services import audience, bulk_moves, campaign, installation
from massmail.utils import sendmassmail
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    UserFactory,
)
from tests.massmail.drafts import draft, now_is

pytestmark = pytest.mark.django_db

Status, State = MailingOut.Status, MailingOut.State
Step = Callable[[MailingOut], None]


# --- the table of transitions


def start(mailing_out: MailingOut) -> None:
    campaign.start(mailing_out)


def prepare_start(mailing_out: MailingOut) -> None:
    campaign.start_later_in_task(mailing_out)


def schedule(mailing_out: MailingOut) -> None:
    mailing_out.start(at=database_now() + timedelta(days=1))


def meet_errors(mailing_out: MailingOut) -> None:
    mailing_out.start()
    MailingOut.objects.update(status=Status.ERRORS)


def be_done(mailing_out: MailingOut) -> None:
    mailing_out.start()
    MailingOut.objects.update(pending_count=0, sent_count=2)
    mailing_out.deliveries.update(status=Delivery.Status.SENT)
    campaign.finish(now=database_now())


def be_paused(mailing_out: MailingOut) -> None:
    mailing_out.start()
    mailing_out.pause()


def be_cancelled(mailing_out: MailingOut) -> None:
    mailing_out.start()
    mailing_out.cancel()


def nothing(mailing_out: MailingOut) -> None:
    """It stays a draft."""


WAYS: dict[str, Step] = {
    "draft": nothing,
    "preparing": prepare_start,
    "scheduled": schedule,
    "running": start,
    "running-with-errors": meet_errors,
    "paused": be_paused,
    "cancelled": be_cancelled,
    "done": be_done,
}
STEPS: dict[str, Step] = {
    "start": start,
    "start in a task": prepare_start,
    "pause": campaign.pause,
    "resume": campaign.resume,
    "cancel": campaign.cancel,
    "delete": campaign.delete_draft,
}
LEGAL = {
    ("draft", "start"): "running",
    ("draft", "start in a task"): "preparing",
    ("draft", "cancel"): "cancelled",
    ("scheduled", "pause"): "paused",
    ("scheduled", "cancel"): "cancelled",
    ("running", "pause"): "paused",
    ("running", "cancel"): "cancelled",
    ("running-with-errors", "pause"): "paused",
    ("running-with-errors", "cancel"): "cancelled",
    ("paused", "resume"): "running",
    ("paused", "cancel"): "cancelled",
}
DELETABLE = {"draft", "preparing"}


def test_every_state_is_in_the_table():
    assert set(WAYS) == set(State.values)


@pytest.mark.parametrize(("state", "step"), LEGAL)
def test_a_legal_step(owner, account, state, step):
    mailing_out = draft(owner)
    WAYS[state](mailing_out)
    STEPS[step](mailing_out)
    after = LEGAL[state, step]
    assert now_is(mailing_out) == (after, 0 if after == "cancelled" else 2)


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("step", STEPS)
def test_any_other_step_raises_and_changes_nothing(owner, account, state, step):
    if (state, step) in LEGAL or (step == "delete" and state in DELETABLE):
        return
    mailing_out = draft(owner)
    WAYS[state](mailing_out)
    before = MailingOut.objects.values().get(), list(Delivery.objects.order_by("pk").values())
    stale = MailingOut.objects.get()
    with pytest.raises(IllegalTransition):
        STEPS[step](stale)
    after = MailingOut.objects.values().get(), list(Delivery.objects.order_by("pk").values())
    assert after == before


# --- pause and resume


def test_a_pause_notes_who_and_why(running):
    person = UserFactory.create()
    campaign.pause(running, by=person)
    assert (running.paused_by, running.pause_reason) == (person, "by_hand")
    campaign.resume(running)
    assert (running.paused_by, running.pause_reason) == (None, "")
    assert running.status == Status.ACTIVE


def test_the_system_pauses_once_and_says_why(running, django_capture_on_commit_callbacks):
    MailingOut.objects.update(report="older\n")
    with django_capture_on_commit_callbacks(execute=True):
        first = campaign.pause_by_system(
            running.pk, MailingOut.PauseReason.POLICY, detail="554 spam"
        )
        second = campaign.pause_by_system(running.pk, MailingOut.PauseReason.TROUBLE)
    running.refresh_from_db()
    assert (first, second) == (True, False)
    assert (running.status, running.paused_by, running.pause_reason) == ("P", None, "policy")
    text = "the servers refuse this message or its sender. 554 spam"
    assert running.report == f"{text}\nolder\n"
    (notice,) = mail.outbox
    assert text in notice.body


def test_pausing_all_and_pausing_one_both_stop_it(running):
    assert campaign.sendable([running.pk]) == {running.pk}
    running.pause()
    assert campaign.sendable([running.pk]) == set()
    campaign.resume(running)
    installation.pause_all()
    assert campaign.sendable([running.pk]) == set()
    installation.resume_all()
    assert campaign.sendable([running.pk]) == {running.pk}


def test_what_belongs_to_a_deactivated_owner_pauses_and_nothing_else(running, owner):
    other = UserFactory.create()
    EmailAccountFactory.create(owner=other)
    theirs = draft(other)
    theirs.start()
    owner.is_active = False
    owner.save()
    campaign.pause_those_of_deactivated_owners()
    running.refresh_from_db()
    assert (running.status, running.pause_reason) == (Status.PAUSED, "owner_deactivated")
    assert now_is(theirs) == ("running", 2)


# --- cancel, expire, finish, reopen


def test_a_cancel_leaves_what_has_left(running):
    sent, _waiting = running.deliveries.order_by("pk")
    Delivery.objects.filter(pk=sent.pk).update(status=Delivery.Status.SENT)
    MailingOut.objects.update(pending_count=1, sent_count=1)
    running.cancel()
    reasons = running.deliveries.order_by("pk").values_list("status", "reason")
    assert list(reasons) == [("sent", ""), ("skipped", SkipReason.CANCELLED)]
    assert (running.sent_count, running.skipped_count, running.pending_count) == (1, 1, 0)
    assert running.finished_at is not None


def test_a_row_that_comes_back_to_a_cancelled_one_is_left_out(running):
    row = running.deliveries.order_by("pk").first()
    Delivery.objects.filter(pk=row.pk).update(status=Delivery.Status.UNCERTAIN)
    MailingOut.objects.update(pending_count=1, uncertain_count=1)
    running.cancel()
    bulk_moves.send_again(running.deliveries.all())
    campaign.settle_ended(now=database_now())
    row.refresh_from_db()
    assert (row.status, row.reason, row.due_at) == ("skipped", SkipReason.CANCELLED, None)
    assert now_is(running) == ("cancelled", 0)


@pytest.mark.parametrize("paused", [True, False])
def test_what_is_late_expires_also_while_paused(running, paused):
    end = database_now() + timedelta(hours=1)
    MailingOut.objects.update(not_after=end)
    if paused:
        running.pause()
    campaign.settle_ended(now=end - timedelta(seconds=1))
    assert now_is(running)[1] == 2
    campaign.settle_ended(now=end)
    assert set(running.deliveries.values_list("reason", flat=True)) == {FailReason.EXPIRED}
    assert now_is(running)[1] == 0


def test_a_draft_does_not_expire(owner, account):
    mailing_out = draft(owner)
    MailingOut.objects.update(not_after=database_now() - timedelta(days=1))
    campaign.settle_ended(now=database_now())
    assert now_is(mailing_out) == ("draft", 2)


def test_it_is_done_when_no_row_is_left_to_send(running):
    now = database_now()
    assert campaign.finish(now=now) == 0
    MailingOut.objects.update(pending_count=0, in_flight_count=1, sent_count=1)
    assert campaign.finish(now=now) == 0
    MailingOut.objects.update(in_flight_count=0, uncertain_count=1)
    assert campaign.finish(now=now) == 1
    running.refresh_from_db()
    assert (running.status, running.finished_at) == (Status.DONE, now)
    assert campaign.finish(now=now) == 0


def test_a_retry_opens_it_again(running):
    running.deliveries.update(status=Delivery.Status.FAILED, reason=FailReason.ADDRESS)
    MailingOut.objects.update(pending_count=0, failed_count=2)
    campaign.finish(now=database_now())
    assert bulk_moves.retry_failed(running.deliveries.all()) == 2
    assert campaign.finish(now=database_now()) == 1
    running.refresh_from_db()
    assert (running.status, running.finished_at, running.pending_count) == ("A", None, 2)


# --- large starts


def test_a_noted_start_is_made_by_a_task(owner, account):
    mailing_out = draft(owner)
    at = database_now() + timedelta(days=1)
    campaign.start_later_in_task(mailing_out, at=at)
    assert now_is(mailing_out)[0] == "preparing"
    assert sendmassmail.mailing_outs_to_prepare() == [mailing_out.pk]
    sendmassmail.prepare(mailing_out.pk)
    sendmassmail.prepare(mailing_out.pk)
    mailing_out.refresh_from_db()
    assert (mailing_out.preparing, mailing_out.start_at, mailing_out.status) == ("", at, "A")
    assert sendmassmail.mailing_outs_to_prepare() == []


def test_a_refused_noted_start_is_a_draft_again_that_says_why(owner):
    mailing_out = draft(owner)
    campaign.start_later_in_task(mailing_out, at=database_now() + timedelta(days=1))
    sendmassmail.prepare(mailing_out.pk)
    mailing_out.refresh_from_db()
    assert now_is(mailing_out)[0] == "draft"
    assert mailing_out.start_at is None
    assert mailing_out.report.startswith("olga has no email account that is on.")


# --- deleting


def test_a_draft_goes_with_its_rows(owner, account):
    mailing_out = draft(owner)
    contact = ContactFactory.create(owner=owner, email="same@example.com")
    copy = ContactFactory.create(owner=owner, email="same@example.com")
    doubled = MailingOut.objects.create_for(
        Contact.objects.filter(pk__in=[contact.pk, copy.pk]), owner=owner, message=None, name="x"
    )
    campaign.delete_draft(doubled)
    assert list(MailingOut.objects.all()) == [mailing_out]
    assert Delivery.objects.count() == 2


def test_a_large_draft_goes_with_whom_it_noted(owner):
    mailing_out = audience.choose_for_later(
        Contact.objects.all(), owner=owner, message=None, name="Big"
    )
    campaign.delete_draft(mailing_out)
    assert MailingOut.objects.count() == 0


def test_what_was_started_is_kept(running):
    with pytest.raises(IllegalTransition) as refused:
        campaign.delete_draft(running)
    assert str(refused.value) == "“Spring” was started: it is kept."
