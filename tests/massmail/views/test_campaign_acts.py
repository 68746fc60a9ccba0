"""What the buttons of a mailing out's page do."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from massmail.models import Delivery, MailingOut
from massmail.services import audience
from tests.massmail.cast import Cast

STATUS = MailingOut.Status


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def post(client: Client, name: str, mailing_out: MailingOut, **data: object) -> list[str]:
    """Press a button; return what the next page says. The object is refreshed."""
    response = client.post(reverse(name, args=[mailing_out.pk]), data)
    assert response.status_code == 302
    mailing_out.refresh_from_db()
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_start_now_starts(owner: Client, cast: Cast) -> None:
    cast.account()
    draft = cast.draft()

    texts = post(owner, "mailing_out_start", draft, when="now")

    assert draft.status == STATUS.ACTIVE
    assert texts == ["“Spring offer” is started."]


def test_start_later_schedules_in_the_zone_of_the_user(owner: Client, cast: Cast) -> None:
    cast.account()
    draft = cast.draft()
    at = (timezone.localtime() + timedelta(days=2)).replace(second=0, microsecond=0)

    post(owner, "mailing_out_start", draft, when="later", start_at=at.strftime("%Y-%m-%dT%H:%M"))

    assert draft.state_at(timezone.now()) is MailingOut.State.SCHEDULED
    assert draft.start_at == at


def test_start_later_without_moment_is_refused(owner: Client, cast: Cast) -> None:
    cast.account()
    draft = cast.draft()

    texts = post(owner, "mailing_out_start", draft, when="later")

    assert (draft.started_at, texts) == (None, ["Say when it starts."])


def test_start_keeps_not_after(owner: Client, cast: Cast) -> None:
    cast.account()
    draft = cast.draft()
    end = (timezone.localtime() + timedelta(days=9)).replace(second=0, microsecond=0)

    post(owner, "mailing_out_start", draft, when="now", not_after=end.strftime("%Y-%m-%dT%H:%M"))

    assert (draft.status, draft.not_after) == (STATUS.ACTIVE, end)


def test_start_without_account_says_so(owner: Client, cast: Cast) -> None:
    draft = cast.draft()

    texts = post(owner, "mailing_out_start", draft, when="now")

    assert draft.started_at is None
    assert texts == ["owner has no email account that is on. Add one, or switch one on."]


def test_start_twice_says_that_it_runs(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started()

    texts = post(owner, "mailing_out_start", mailing_out, when="now")

    assert texts == ["“Spring offer” is running already."]


def test_large_start_is_made_in_a_task(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 2)
    cast.account()
    draft = cast.draft(number=3)

    post(owner, "mailing_out_start", draft, when="now")

    assert draft.preparing == MailingOut.Preparing.START


def test_pause_and_resume(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started()

    post(owner, "mailing_out_pause", mailing_out)
    paused = (mailing_out.status, mailing_out.paused_by)
    post(owner, "mailing_out_resume", mailing_out)

    assert (paused, mailing_out.status) == ((STATUS.PAUSED, cast.owner), STATUS.ACTIVE)


def test_cancel_leaves_out_the_rest(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=3)

    post(owner, "mailing_out_cancel", mailing_out)

    assert (mailing_out.status, mailing_out.skipped_count) == (STATUS.INTERRUPTED, 3)


def test_choose_message(owner: Client, cast: Cast) -> None:
    draft = cast.draft()
    other = cast.message(subject="Another")

    post(owner, "mailing_out_message", draft, message=other.pk)

    assert draft.message == other


def test_choose_message_of_a_stranger_is_refused(owner: Client, cast: Cast) -> None:
    draft = cast.draft()
    before = draft.message
    foreign = cast.message()
    type(foreign).objects.filter(pk=foreign.pk).update(owner=cast.stranger, department=None)

    texts = post(owner, "mailing_out_message", draft, message=foreign.pk)

    assert (draft.message, texts) == (before, ["Choose a message from the list."])


def test_choose_message_after_the_start_is_refused(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started()
    before = mailing_out.message

    post(owner, "mailing_out_message", mailing_out, message=cast.message().pk)

    assert mailing_out.message == before


def uncertain(cast: Cast) -> tuple[MailingOut, list[Delivery]]:
    """Return a started mailing out whose three mails are all in doubt."""
    mailing_out = cast.started(number=3)
    mailing_out.deliveries.update(status=Delivery.Status.UNCERTAIN)
    MailingOut.objects.filter(pk=mailing_out.pk).update(uncertain_count=3, pending_count=0)
    return mailing_out, list(mailing_out.deliveries.order_by("pk"))


def test_count_all_as_sent(owner: Client, cast: Cast) -> None:
    mailing_out, _rows = uncertain(cast)

    post(owner, "mailing_out_count_as_sent", mailing_out)

    assert (mailing_out.sent_count, mailing_out.uncertain_count) == (3, 0)


def test_count_the_chosen_as_sent(owner: Client, cast: Cast) -> None:
    mailing_out, rows = uncertain(cast)

    post(owner, "mailing_out_count_as_sent", mailing_out, which="chosen", delivery=rows[1].pk)

    assert (mailing_out.sent_count, mailing_out.uncertain_count) == (1, 2)


def test_nothing_chosen_changes_nothing(owner: Client, cast: Cast) -> None:
    mailing_out, _rows = uncertain(cast)

    post(owner, "mailing_out_send_again", mailing_out, which="chosen")

    assert mailing_out.uncertain_count == 3


def test_send_again(owner: Client, cast: Cast) -> None:
    mailing_out, _rows = uncertain(cast)

    post(owner, "mailing_out_send_again", mailing_out)

    assert (mailing_out.pending_count, mailing_out.uncertain_count) == (3, 0)


def test_retry_failed(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=3)
    mailing_out.deliveries.update(status=Delivery.Status.FAILED, reason="address")
    MailingOut.objects.filter(pk=mailing_out.pk).update(failed_count=3, pending_count=0)

    post(owner, "send_failed_recipients", mailing_out)

    assert (mailing_out.pending_count, mailing_out.failed_count) == (3, 0)
