"""What the buttons of a mailing out's page do."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from massmail.models import Delivery, EmlMessage, MailingOut
from massmail.services import audience
from tests.massmail.cast import Cast
from tests.massmail.services.test_drafts import settle

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

    texts = post(owner, "mailing_out_send_again", mailing_out, which="chosen")

    assert texts == ["Nobody is chosen: tick some people first."]
    assert mailing_out.uncertain_count == 3


def test_send_again(owner: Client, cast: Cast) -> None:
    mailing_out, _rows = uncertain(cast)

    post(owner, "mailing_out_send_again", mailing_out)

    assert (mailing_out.pending_count, mailing_out.uncertain_count) == (3, 0)


# --- new drafts


def test_copy_opens_the_copy(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=2)

    response = owner.post(reverse("mailing_out_copy", args=[mailing_out.pk]))

    copy = MailingOut.objects.get(name="Copy of Spring offer")
    assert response.headers["Location"] == reverse(
        "admin:massmail_mailingout_change", args=[copy.pk]
    )


def test_copy_of_nobody_says_so(owner: Client, cast: Cast) -> None:
    mailing_out = cast.draft(number=1)
    mailing_out.recipient_model._default_manager.all().delete()

    texts = post(owner, "mailing_out_copy", mailing_out)

    assert texts == ["Nobody is left here to write to: choose other people."]


def test_large_copy_is_made_in_a_task(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "PREPARE_IN_TASK_ABOVE", 1)

    post(owner, "mailing_out_copy", cast.draft(number=2))

    copy = MailingOut.objects.get(name="Copy of Spring offer")
    assert copy.preparing == MailingOut.Preparing.AUDIENCE


@pytest.mark.parametrize(
    ("data", "number"),
    [
        ({"which": "listed", "state": "failed"}, 2),
        ({"which": "listed", "state": "sent"}, 1),
        ({"which": "listed", "state": "failed", "reason": "temporary"}, 0),
        ({"which": "listed", "q": "no such person"}, 0),
        ({"which": "listed"}, 4),
        ({"which": "chosen"}, 0),
    ],
)
def test_draft_to_a_list_of_people(
    owner: Client, cast: Cast, data: dict[str, str], number: int
) -> None:
    mailing_out = cast.started(number=4)
    settle(mailing_out, sent=1, failed=2)

    post(owner, "mailing_out_to_these", mailing_out, **data)

    made = MailingOut.objects.exclude(pk=mailing_out.pk).values_list("recipients_number", flat=True)
    assert sum(made) == number


def test_draft_to_the_chosen_keeps_the_message_if_wanted(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=3)
    row = settled_row(mailing_out)

    for message in ("keep", "none"):
        data = {"which": "chosen", "delivery": row.pk, "state": "failed", "message": message}
        post(owner, "mailing_out_to_these", mailing_out, **data)

    made = MailingOut.objects.exclude(pk=mailing_out.pk).order_by("pk")
    assert [draft.message for draft in made] == [mailing_out.message, None]
    assert [draft.name for draft in made] == ["Spring offer: failed"] * 2
    assert [draft.deliveries.get().recipient_id for draft in made] == [row.recipient_id] * 2


def test_rows_of_another_mailing_out_are_not_chosen(owner: Client, cast: Cast) -> None:
    mailing_out, other = cast.started(number=1), cast.started(number=1)

    texts = post(
        owner,
        "mailing_out_to_these",
        mailing_out,
        which="chosen",
        delivery=other.deliveries.get().pk,
    )

    assert texts == ["Nobody is left here to write to: choose other people."]


@pytest.mark.parametrize("value", ["", "x", "9" * 40, "-1"])
def test_forged_choice_is_nobody(owner: Client, cast: Cast, value: str) -> None:
    texts = post(owner, "mailing_out_to_these", cast.draft(), which="chosen", delivery=value)

    assert texts == ["Nobody is chosen: tick some people first."]
    assert MailingOut.objects.count() == 1


@pytest.mark.parametrize("name", ["mailing_out_copy", "mailing_out_to_these"])
def test_new_draft_needs_the_permission_to_add(owner: Client, cast: Cast, name: str) -> None:
    mailing_out = cast.draft()
    group = cast.owner.groups.get(name="managers")
    group.permissions.remove(*group.permissions.filter(codename="add_mailingout"))

    assert owner.post(reverse(name, args=[mailing_out.pk])).status_code == 403


@pytest.mark.parametrize("name", ["mailing_out_copy", "mailing_out_to_these"])
def test_new_draft_of_a_colleague(client: Client, cast: Cast, name: str) -> None:
    mailing_out = cast.draft()
    client.force_login(cast.colleague)

    client.post(reverse(name, args=[mailing_out.pk]))

    assert MailingOut.objects.exclude(pk=mailing_out.pk).get().owner == cast.colleague


@pytest.mark.parametrize("name", ["mailing_out_copy", "mailing_out_to_these"])
def test_stranger_makes_no_draft(client: Client, cast: Cast, name: str) -> None:
    mailing_out = cast.draft()
    client.force_login(cast.stranger)

    assert client.post(reverse(name, args=[mailing_out.pk])).status_code == 404


# --- the new version


def test_new_version_for_the_rest(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started()
    EmlMessage.objects.update(subject="Corrected")
    page = reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])
    offered_before = "Use the new version for the rest" in owner.get(page).text

    texts = post(owner, "mailing_out_use_new_version", mailing_out)

    offered_after = "Use the new version for the rest" in owner.get(page).text
    assert texts == ["“Spring offer” sends the message as it is now to all who still wait."]
    assert MailingOut.objects.get(message_version__subject="Corrected") == mailing_out
    assert (offered_before, offered_after) == (True, False)


def test_new_version_that_does_not_compile_says_why(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started()
    EmlMessage.objects.update(content="{% if %}")

    (text,) = post(owner, "mailing_out_use_new_version", mailing_out)

    assert text.startswith("The message cannot be sent as it is:")


@pytest.mark.parametrize("user", ["colleague", "stranger"])
def test_new_version_is_for_the_owner(client: Client, cast: Cast, user: str) -> None:
    mailing_out = cast.started()
    EmlMessage.objects.update(subject="Corrected")
    client.force_login(getattr(cast, user))

    response = client.post(reverse("mailing_out_use_new_version", args=[mailing_out.pk]))

    assert response.status_code == {"colleague": 403, "stranger": 404}[user]
    assert not MailingOut.objects.filter(message_version__subject="Corrected").exists()


@pytest.mark.parametrize(
    "name", ["mailing_out_copy", "mailing_out_to_these", "mailing_out_use_new_version"]
)
def test_acts_are_no_gets(owner: Client, cast: Cast, name: str) -> None:
    assert owner.get(reverse(name, args=[cast.draft().pk])).status_code == 405


def settled_row(mailing_out: MailingOut) -> Delivery:
    """Let two fail, and return one of them."""
    settle(mailing_out, failed=2)
    return mailing_out.deliveries.filter(status="failed").order_by("pk")[1]
