"""The life of a mailing out: every step from every state, and what a start refuses and freezes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.base import ContentFile

from common.models import TheFile
from crm.models import Contact
from massmail.clock import database_now
from massmail.errors import IllegalTransition, StartRefused
from massmail.models import (
    AccountShare,
    Delivery,
    EmlMessage,
    FailReason,
    MailingOut,
    MessageVersion,
    SkipReason,
)
from massmail.services import audience, bulk_moves, campaign, installation, versions
from massmail.utils import sendmassmail
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    MainAccountFactory,
    MassContactFactory,
    SignatureFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

Status, State = MailingOut.Status, MailingOut.State
Step = Callable[[MailingOut], None]


@pytest.fixture
def owner():
    return UserFactory.create(username="olga")


@pytest.fixture
def account(owner):
    return EmailAccountFactory.create(owner=owner)


def draft(owner, *, people: int = 2, **values: Any) -> MailingOut:
    """A draft of the owner to people of theirs."""
    chosen = [ContactFactory.create(owner=owner).pk for _ in range(people)]
    values.setdefault("name", "Spring")
    if "message" not in values:
        values["message"] = EmlMessageFactory.create(owner=owner)
    return MailingOut.objects.create_for(
        Contact.objects.filter(pk__in=[*chosen, 0]), owner=owner, **values
    )


@pytest.fixture
def running(owner, account):
    mailing_out = draft(owner)
    mailing_out.start()
    return mailing_out


def now_is(mailing_out: MailingOut) -> tuple[str, int]:
    """The state by the database, and how many rows are pending."""
    found = MailingOut.objects.get(pk=mailing_out.pk)
    return found.state_at(database_now()).value, found.pending_count


# --- what a start refuses


def refusal(mailing_out: MailingOut) -> str:
    """The sentence of a refused start, which leaves everything as it was."""
    with pytest.raises(StartRefused) as refused:
        mailing_out.start()
    found = MailingOut.objects.get(pk=mailing_out.pk)
    assert (found.status, found.started_at, found.message_version) == (Status.PAUSED, None, None)
    assert MessageVersion.objects.count() == AccountShare.objects.count() == 0
    return str(refused.value)


def test_no_message(owner, account):
    assert refusal(draft(owner, message=None)) == "Choose a message first."


def test_a_message_that_does_not_compile(owner, account):
    message = EmlMessageFactory.create(owner=owner, content="<p>{% if full_name %}Dear</p>")
    text = refusal(draft(owner, message=message))
    assert text.startswith("The message cannot be sent as it is: ")


def test_a_variable_that_nobody_has(owner, account):
    message = EmlMessageFactory.create(owner=owner, subject="Dear {{ nickname }}")
    text = refusal(draft(owner, message=message))
    assert text == "The message cannot be sent as it is: There is no variable “nickname”."


def test_a_picture_that_is_missing(owner, account):
    content = "<img src=\"{% cid_media 'pics/none.png' %}\">"
    message = EmlMessageFactory.create(owner=owner, content=content)
    text = refusal(draft(owner, message=message))
    assert text == "The message cannot be sent as it is: The picture “pics/none.png” is missing."


def test_nobody_chosen(owner, account):
    assert refusal(draft(owner, people=0)) == "Nobody is chosen. Add people first."


def test_everybody_left_out(owner, account):
    mailing_out = draft(owner)
    Contact.objects.update(massmail=False)
    assert refusal(mailing_out) == "Everybody chosen is left out: nobody remains to be written to."


@pytest.mark.parametrize("off", [True, False])
def test_no_account_that_is_on(owner, off):
    if off:
        EmailAccountFactory.create(owner=owner, massmail=False)
    EmailAccountFactory.create()
    text = "olga has no email account that is on. Add one, or switch one on."
    assert refusal(draft(owner)) == text


def test_only_a_main_account_and_no_vip(owner):
    MainAccountFactory.create(owner=owner)
    assert refusal(draft(owner)) == (
        "There is only a main account, which writes to VIPs alone, and nobody here is a VIP."
        " Add another account, or make some people VIPs."
    )


def test_an_end_before_the_start(owner, account):
    mailing_out = draft(owner)
    MailingOut.objects.update(not_after=database_now() - timedelta(seconds=1))
    assert refusal(mailing_out) == "“Not after” is before the start. Change one of them."


def test_an_end_before_a_later_start(owner, account):
    mailing_out = draft(owner)
    now = database_now()
    MailingOut.objects.update(not_after=now + timedelta(hours=1))
    with pytest.raises(StartRefused):
        mailing_out.start(at=now + timedelta(hours=1))


def test_it_starts_once_what_was_missing_is_there(owner):
    mailing_out = draft(owner)
    refusal(mailing_out)
    EmailAccountFactory.create(owner=owner)
    mailing_out.start()
    assert now_is(mailing_out) == ("running", 2)


# --- what a start does


def test_with_only_a_main_account_vips_are_written_to(owner):
    main = MainAccountFactory.create(owner=owner)
    mailing_out = draft(owner)
    vip, other = mailing_out.deliveries.order_by("recipient_id")
    MassContactFactory.create(
        content_object=Contact.objects.get(pk=vip.recipient_id), email_account=main
    )
    mailing_out.start()
    vip.refresh_from_db()
    other.refresh_from_db()
    assert (vip.status, vip.email_account) == (Delivery.Status.PENDING, main)
    assert (other.reason, other.email_account) == (SkipReason.NO_ACCOUNT, None)
    assert (mailing_out.pending_count, mailing_out.skipped_count) == (1, 1)


def test_the_object_is_as_the_database_has_it(owner, account):
    mailing_out = draft(owner)
    now = database_now()
    campaign.start(mailing_out, now=now)
    assert (mailing_out.status, mailing_out.started_at, mailing_out.start_at) == ("A", now, now)
    version = mailing_out.message_version
    assert version is not None
    assert version.message == mailing_out.message


def test_a_later_start_settles_everything_now(owner, account):
    mailing_out = draft(owner)
    at = database_now() + timedelta(days=1)
    mailing_out.start(at=at)
    assert mailing_out.started_at is not None
    assert (mailing_out.start_at, mailing_out.started_at < at) == (at, True)
    assert now_is(mailing_out) == ("scheduled", 2)
    assert mailing_out.state_at(at) is State.RUNNING
    assert set(mailing_out.deliveries.values_list("email_account", flat=True)) == {account.pk}
    assert AccountShare.objects.get().exhausted is False


def test_it_starts_once(running):
    before = MailingOut.objects.values().get()
    with pytest.raises(IllegalTransition) as refused:
        running.start()
    assert str(refused.value) == "“Spring” is running already."
    assert MailingOut.objects.values().get() == before


def test_another_object_of_the_same_row_does_not_start_it_again(owner, account):
    mailing_out = draft(owner)
    other = MailingOut.objects.get(pk=mailing_out.pk)
    mailing_out.start()
    with pytest.raises(IllegalTransition):
        other.start()


# --- what a start freezes


@pytest.fixture
def attached(owner):
    signature = SignatureFactory.create(owner=owner, content="<p>Olga</p>")
    message = EmlMessageFactory.create(owner=owner, signature=signature)
    TheFile.objects.create(content_object=message, file=ContentFile(b"old", name="facts.txt"))
    return message


def frozen(mailing_out: MailingOut):
    version = MailingOut.objects.get(pk=mailing_out.pk).message_version
    assert version is not None
    return versions.frozen_source(version)


def test_later_edits_change_nothing(owner, account, attached):
    mailing_out = draft(owner, message=attached)
    mailing_out.start()
    before = frozen(mailing_out)

    EmlMessage.objects.update(subject="New", content="<p>New</p>", styles="p {color: red}")
    attached.signature.content = "<p>New</p>"
    attached.signature.save()
    stored = attached.files.get().file
    stored.storage.delete(stored.name)
    stored.storage.save(stored.name, ContentFile(b"new"))
    attached.files.get().delete()
    attached.signature.delete()

    after = frozen(mailing_out)
    assert after == before
    assert (after.signature, after.attachments[0].data) == ("<p>Olga</p>", b"old")


def test_equal_versions_are_stored_once_and_others_beside_them(owner, account, attached):
    first, second, third = (draft(owner, message=attached) for _ in range(3))
    first.start()
    second.start()
    assert first.message_version == second.message_version
    stored = attached.files.get().file
    stored.storage.delete(stored.name)
    stored.storage.save(stored.name, ContentFile(b"new"))
    third.start()
    assert third.message_version != first.message_version
    assert [f.data for f in frozen(third).attachments] == [b"new"]


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
    assert campaign.may_send(running.pk)
    running.pause()
    assert not campaign.may_send(running.pk)
    campaign.resume(running)
    installation.pause_all()
    assert not campaign.may_send(running.pk)
    installation.resume_all()
    assert campaign.may_send(running.pk)


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
