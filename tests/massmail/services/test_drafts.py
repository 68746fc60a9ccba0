import pytest

from crm.models import Contact
from massmail.models import Delivery, MailingOut, SkipReason
from massmail.services import audience, drafts
from tests.massmail.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def recipients(mailing_out: MailingOut, **filters) -> list[int]:
    rows = mailing_out.deliveries.filter(**filters).order_by("recipient_id")
    return list(rows.values_list("recipient_id", flat=True))


def settle(mailing_out: MailingOut, **states: int) -> None:
    """Give the first rows these states, in order: `sent=1, failed=2`."""
    rows = list(mailing_out.deliveries.order_by("pk"))
    for status, number in states.items():
        reason = "address" if status == "failed" else ""
        ids = [rows.pop(0).pk for _ in range(number)]
        Delivery.objects.filter(pk__in=ids).update(status=status, reason=reason)
    audience.recount(mailing_out)


def test_copy_is_a_draft_with_the_same_message_and_people(cast):
    mailing_out = cast.draft(number=3)

    copy = drafts.copy(mailing_out, by=cast.owner)

    assert (copy.name, copy.message, copy.owner) == (
        "Copy of Spring offer",
        mailing_out.message,
        cast.owner,
    )
    assert copy.started_at is None
    assert recipients(copy) == recipients(mailing_out)


def test_copy_asks_anew_who_can_be_written_to(cast):
    mailing_out = cast.started(number=3)
    settle(mailing_out, sent=1, failed=1)
    unsubscribed = mailing_out.deliveries.order_by("pk").last()
    Contact.objects.filter(pk=unsubscribed.recipient_id).update(massmail=False)

    copy = drafts.copy(mailing_out, by=cast.owner)

    reasons = list(copy.deliveries.order_by("recipient_id").values_list("reason", flat=True))
    assert reasons == [SkipReason.ALREADY_RECEIVED, "", SkipReason.UNSUBSCRIBED]


def test_copy_takes_over_options(cast):
    mailing_out = cast.started(number=1)
    settle(mailing_out, sent=1)
    MailingOut.objects.update(exclude_already_received=False, pictures="linked")
    mailing_out.refresh_from_db()

    copy = drafts.copy(mailing_out, by=cast.owner)

    assert (copy.exclude_already_received, copy.pictures) == (False, "linked")
    assert (copy.pending_count, copy.skipped_count) == (1, 0)


def test_copy_by_a_colleague_is_the_colleagues(cast):
    mailing_out = cast.draft(number=2)

    copy = drafts.copy(mailing_out, by=cast.colleague)

    assert copy.owner == cast.colleague
    assert len(recipients(copy)) == 2


def test_copy_leaves_out_whom_its_maker_may_not_see(cast):
    mailing_out = cast.draft(number=2)
    hidden = recipients(mailing_out)[0]
    Contact.objects.filter(pk=hidden).update(owner=cast.stranger, department=None)

    copy = drafts.copy(mailing_out, by=cast.owner)

    assert recipients(copy) == recipients(mailing_out)[1:]


def test_copy_passes_over_who_was_left_out_by_hand(cast):
    mailing_out = cast.draft(number=2)
    first = mailing_out.deliveries.order_by("recipient_id")[0]
    mailing_out.deliveries.filter(pk=first.pk).update(
        status="skipped", reason="left_out", left_out=True
    )

    copy = drafts.copy(mailing_out, by=cast.owner)

    assert recipients(copy) == recipients(mailing_out)[1:]


def test_copy_passes_over_who_has_the_address_of_one_left_out_by_hand(cast):
    mailing_out = cast.draft(number=2)
    first = mailing_out.deliveries.order_by("recipient_id")[0]
    mailing_out.deliveries.filter(pk=first.pk).update(status="skipped", reason="left_out")

    copy = drafts.copy(mailing_out, by=cast.owner)

    assert recipients(copy) == recipients(mailing_out)[1:]


def test_copy_of_nobody_is_refused(cast):
    mailing_out = cast.draft(number=1)
    Contact.objects.all().delete()

    with pytest.raises(drafts.NobodyToWriteTo):
        drafts.copy(mailing_out, by=cast.owner)

    assert MailingOut.objects.count() == 1


def test_large_copy_is_left_to_a_task(cast, monkeypatch):
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 1)

    copy = drafts.copy(cast.draft(number=2), by=cast.owner)

    assert copy.preparing == MailingOut.Preparing.AUDIENCE
    assert copy.chosen.count() == 2


def test_draft_to_the_people_of_some_rows(cast):
    mailing_out = cast.started(number=3)
    settle(mailing_out, sent=1, failed=1)
    failed = mailing_out.deliveries.filter(status="failed")

    draft = drafts.to_these(mailing_out, failed, by=cast.owner, name="Again", keeps_message=True)

    assert (draft.name, draft.message) == ("Again", mailing_out.message)
    assert recipients(draft) == [failed.get().recipient_id]
    assert draft.pending_count == 1


def test_draft_without_message(cast):
    mailing_out = cast.draft(number=1)

    draft = drafts.to_these(
        mailing_out,
        mailing_out.deliveries.all(),
        by=cast.owner,
        name="n" * 120,
        keeps_message=False,
    )

    assert draft.message is None
    assert draft.name == "n" * 100


def test_message_that_the_maker_may_not_see_is_not_taken(cast):
    mailing_out = cast.draft(number=1)
    type(mailing_out.message).objects.update(owner=cast.stranger, department=None)

    copy = drafts.copy(mailing_out, by=cast.owner)

    assert copy.message is None
