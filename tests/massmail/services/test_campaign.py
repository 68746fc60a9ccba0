"""What a start refuses, does and freezes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile

from common.models import TheFile
from crm.models import Contact
from massmail.clock import database_now
from massmail.errors import IllegalTransition, StartRefused
from massmail.models import (
    AccountShare,
    Delivery,
    EmlMessage,
    MailingOut,
    MessageVersion,
    SkipReason,
)
from massmail.services import campaign, versions
from tests.factories import (
    EmailAccountFactory,
    EmlMessageFactory,
    MainAccountFactory,
    MassContactFactory,
    SignatureFactory,
)
from tests.massmail.drafts import draft, now_is

pytestmark = pytest.mark.django_db

Status, State = MailingOut.Status, MailingOut.State
Step = Callable[[MailingOut], None]


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
