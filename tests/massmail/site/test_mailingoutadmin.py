"""The list of mailing outs, and the page that is the whole campaign."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from massmail.models import Delivery, EmailAccount, MailingOut
from tests.massmail.campaigns import all_alive
from tests.massmail.cast import Cast

LIST = "admin:massmail_mailingout_changelist"


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def page_of(mailing_out: MailingOut) -> str:
    return reverse("admin:massmail_mailingout_change", args=[mailing_out.pk])


def text_of(client: Client, mailing_out: MailingOut) -> str:
    response = client.get(page_of(mailing_out))
    assert response.status_code == 200
    return " ".join(response.text.split())


# --- who


def test_page_is_for_those_who_may_see_it(client: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)
    answers = {}
    for who in ("superuser", "owner", "colleague", "stranger"):
        client.force_login(getattr(cast, who))
        answers[who] = client.get(page_of(draft)).status_code

    assert answers == {"superuser": 200, "owner": 200, "colleague": 200, "stranger": 404}


def test_colleague_looks_and_has_no_buttons(client: Client, cast: Cast) -> None:
    cast.account()
    draft = cast.draft(number=1)
    client.force_login(cast.colleague)

    text = text_of(client, draft)

    assert "This belongs to owner: you can look, not change." in text
    assert reverse("mailing_out_start", args=[draft.pk]) not in text
    assert 'name="name"' not in text


def test_adding_begins_with_the_question_to_whom(owner: Client) -> None:
    response = owner.get(reverse("admin:massmail_mailingout_add"))

    assert response.headers["Location"] == reverse("select_recipient_type")


# --- the draft


def test_draft_says_what_the_numbers_add_up_to(owner: Client, cast: Cast) -> None:
    cast.account()
    contacts = cast.contacts(4)
    contacts.filter(pk=contacts[0].pk).update(massmail=False)
    draft = MailingOut.objects.create_for(
        contacts, owner=cast.owner, message=cast.message(), name="Spring offer"
    )

    response = owner.get(page_of(draft))
    page = response.context["page"]

    assert (page.mailing_out.recipients_number, page.to_send) == (4, 3)
    assert [(reason.label, reason.number) for reason in page.left_out] == [("unsubscribed", 1)]
    assert "Start: 3 people" in " ".join(response.text.split())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"message": None}, "No message is chosen."),
        ({"content": "{{ frist_name }}"}, "Line 1: There is no variable “frist_name”."),
        ({"content": "{{ company_name }}"}, "which contacts do not have."),
        ({"accounts": 0}, "owner has no email account that is on."),
        ({"main": True}, "The main account writes to VIPs only, and nobody here is a VIP."),
        ({"massmail": False}, "Everybody chosen is left out: nobody remains."),
    ],
)
def test_what_forbids_the_start_is_said_and_there_is_no_button(
    owner: Client, cast: Cast, change: dict[str, object], said: str
) -> None:
    if "accounts" not in change:
        cast.account(main=change.get("main", False))
    contacts = cast.contacts(2, massmail=change.get("massmail", True))
    message = None
    if "message" not in change:
        message = cast.message(content=change.get("content", "<p>News</p>"))
    draft = MailingOut.objects.create_for(
        contacts, owner=cast.owner, message=message, name="Spring offer"
    )

    text = text_of(owner, draft)

    assert said in text
    assert reverse("mailing_out_start", args=[draft.pk]) not in text


def test_start_is_offered_where_another_message_may_change_who_is_left_out(
    owner: Client, cast: Cast
) -> None:
    cast.account()
    draft = cast.draft(number=1)
    draft.deliveries.update(status=Delivery.Status.SKIPPED, reason="already_received")
    MailingOut.objects.filter(pk=draft.pk).update(pending_count=0, skipped_count=1)

    text = text_of(owner, draft)

    assert "Everybody chosen is left out" in text
    assert reverse("mailing_out_start", args=[draft.pk]) in text


def test_missing_names_are_counted(owner: Client, cast: Cast) -> None:
    cast.account()
    contacts = cast.contacts(2, last_name="")
    message = cast.message(content="<p>Dear {{ last_name }}</p>")
    draft = MailingOut.objects.create_for(contacts, owner=cast.owner, message=message, name="x")

    text = text_of(owner, draft)

    assert "2 people have no “last name”" in text
    assert reverse("mailing_out_start", args=[draft.pk]) in text


def test_settings_of_a_draft_are_saved(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)

    owner.post(page_of(draft), {"name": "Renamed", "owner": cast.owner.pk, "department": ""})

    draft.refresh_from_db()
    assert (draft.name, draft.exclude_already_received) == ("Renamed", False)
    assert draft.modified_by == cast.owner


def test_saving_writes_nothing_that_the_engine_writes(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)

    with CaptureQueriesContext(connection) as queries:
        owner.post(page_of(mailing_out), {"name": "Renamed"})

    updates = [
        query["sql"] for query in queries if query["sql"].startswith('UPDATE "massmail_mailingout')
    ]
    assert len(updates) == 1
    assert "status" not in updates[0].partition("WHERE")[0]
    mailing_out.refresh_from_db()
    assert (mailing_out.name, mailing_out.status) == ("Renamed", MailingOut.Status.ACTIVE)


def test_posted_state_and_counts_are_ignored(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)
    posted = {"status": "A", "report": "all sent", "sent_count": 1, "recipients_number": 0}

    owner.post(page_of(draft), {"name": "Renamed", "owner": cast.owner.pk, **posted})

    after = MailingOut.objects.get()
    assert after.name == "Renamed"
    assert (after.status, after.report, after.sent_count) == (draft.status, "", 0)
    assert after.recipients_number == 1


def test_draft_can_be_deleted(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=2)
    url = reverse("admin:massmail_mailingout_delete", args=[draft.pk])

    shown = owner.get(url).status_code
    owner.post(url, {"post": "yes"})

    assert shown == 200
    assert not MailingOut.objects.exists()
    assert not Delivery.objects.exists()


def test_what_was_started_cannot_be_deleted(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)
    url = reverse("admin:massmail_mailingout_delete", args=[mailing_out.pk])

    assert owner.post(url, {"post": "yes"}).status_code == 403
    assert MailingOut.objects.exists()


def test_nothing_is_deleted_from_the_list(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)
    data = {"action": "delete_selected", "_selected_action": mailing_out.pk, "post": "yes"}

    owner.post(reverse(LIST), data)

    assert MailingOut.objects.exists()


# --- after the start


def test_progress_stands_on_the_page(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=4)

    text = text_of(owner, mailing_out)

    assert "0 of 4 people" in text
    assert "No worker has reported yet. Start worker and beat." in text
    assert "massmail/progress.js" in text


def test_uncertain_mails_ask_for_a_decision(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=1)
    mailing_out.deliveries.update(status=Delivery.Status.UNCERTAIN)
    MailingOut.objects.filter(pk=mailing_out.pk).update(uncertain_count=1, pending_count=0)

    text = text_of(owner, mailing_out)

    assert "1 mail may or may not have arrived" in text
    assert reverse("mailing_out_count_as_sent", args=[mailing_out.pk]) in text


def test_failures_are_grouped_with_what_to_do(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=2)
    mailing_out.deliveries.update(status=Delivery.Status.FAILED, reason="address")
    MailingOut.objects.filter(pk=mailing_out.pk).update(failed_count=2, pending_count=0)

    page = owner.get(page_of(mailing_out)).context["page"]

    assert [(reason.number, reason.label) for reason in page.failures] == [(2, "address refused")]
    assert page.failures[0].advice


def test_result_adds_up(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=2)
    now = timezone.now()
    MailingOut.objects.filter(pk=mailing_out.pk).update(
        status=MailingOut.Status.DONE,
        sent_count=2,
        pending_count=0,
        start_at=now - timedelta(hours=2),
        finished_at=now,
    )

    text = text_of(owner, mailing_out)

    assert "2 chosen = 2 sent + 0 failed + 0 left out + 0 uncertain" in text
    assert "It took 2 hours." in text


def test_result_where_everybody_failed_says_so(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=2)
    mailing_out.deliveries.update(status=Delivery.Status.FAILED, reason="address")
    MailingOut.objects.filter(pk=mailing_out.pk).update(
        status=MailingOut.Status.DONE, failed_count=2, pending_count=0, finished_at=timezone.now()
    )

    text = text_of(owner, mailing_out)
    line = " ".join(owner.get(reverse(LIST)).text.split())

    assert "2 chosen = 0 sent + 2 failed + 0 left out + 0 uncertain" in text
    assert "2 failed" in line


def test_preparing_is_said(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)
    MailingOut.objects.filter(pk=draft.pk).update(preparing=MailingOut.Preparing.AUDIENCE)

    assert "The audience is being written." in text_of(owner, draft)


def test_progress_as_json(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=4)
    MailingOut.objects.filter(pk=mailing_out.pk).update(sent_count=1, pending_count=3)

    progress = owner.get(reverse("mailing_out_progress", args=[mailing_out.pk])).json()

    numbers = {segment["key"]: segment["number"] for segment in progress["segments"]}
    assert numbers == {"sent": 1, "failed": 0, "uncertain": 0, "waiting": 3}
    assert (progress["headline"], progress["percent"]) == ("1 of 4 people", 25)
    assert [segment["width"] for segment in progress["segments"]] == [250, 0, 0, 750]


# --- the list


def test_list_begins_with_those_that_need_somebody(owner: Client, cast: Cast) -> None:
    cast.account()
    stuck = cast.started(number=1, name="Stuck")
    stuck.deliveries.update(status=Delivery.Status.UNCERTAIN)
    MailingOut.objects.filter(pk=stuck.pk).update(uncertain_count=1, pending_count=0)
    draft = cast.draft(number=1, name="Draft")

    listed = list(owner.get(reverse(LIST)).context["cl"].result_list)

    assert listed == [stuck, draft]


@pytest.mark.parametrize(
    ("state", "names"),
    [("draft", ["D"]), ("active", ["R"]), ("paused", ["P"]), ("done", []), ("cancelled", [])],
)
def test_list_narrows_by_state(owner: Client, cast: Cast, state: str, names: list[str]) -> None:
    cast.draft(number=1, name="D")
    cast.started(number=1, name="R")
    cast.started(number=1, name="P").pause()

    listed = owner.get(reverse(LIST), {"state": state}).context["cl"].result_list

    assert [mailing_out.name for mailing_out in listed] == names


def test_list_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    counts = []
    for number in (2, 18):
        for _ in range(number):
            cast.started(number=1)
        owner.get(reverse(LIST))
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse(LIST))
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert counts[0] <= 15


def test_list_says_what_comes_next(owner: Client, cast: Cast) -> None:
    cast.account(name="sales@", per_second=1)
    running = cast.started(number=1, name="Running")
    all_alive()
    MailingOut.objects.filter(pk=running.pk).update(
        today_date=timezone.localdate(), today_count=1_234
    )

    text = " ".join(owner.get(reverse(LIST)).text.split())

    assert "1,234" in text
    assert "done about today" in text
    assert "News for {{ full_name }}" in text


@pytest.mark.parametrize(
    ("search", "found"), [("spring", 1), ("News for", 1), ("here are our", 1), ("nothing", 0)]
)
def test_list_is_searched_by_name_subject_and_content(
    owner: Client, cast: Cast, search: str, found: int
) -> None:
    cast.draft(number=1)
    assert len(owner.get(reverse(LIST), {"q": search}).context["cl"].result_list) == found


def test_list_and_page_show_a_draft_without_a_message(client: Client, cast: Cast) -> None:
    draft = MailingOut.objects.create_for(
        cast.contacts(1), owner=cast.superuser, message=None, name="Without words"
    )
    client.force_login(cast.superuser)

    assert "Without words" in client.get(reverse(LIST)).text
    assert "No message is chosen." in text_of(client, draft)


def test_empty_list_explains_where_it_begins(owner: Client) -> None:
    text = owner.get(reverse(LIST)).text
    assert "No mailing out yet" in text
    assert "No mailing out is like that." in owner.get(reverse(LIST), {"q": "x"}).text


def test_forecast_stands_on_the_draft_and_in_the_start_dialog(owner: Client, cast: Cast) -> None:
    cast.account(kind="mailbox", daily_limit=1)
    draft = cast.draft(number=3)

    response = owner.get(page_of(draft))

    text = " ".join(response.text.split())
    page = response.context["page"]
    assert page.course.sending_days == 3
    assert f"Would finish: {page.end_text}" in text
    assert f"the last about {page.end_text}" in text
    assert [each.text for each in page.alternatives] == ["With one more mailbox"]


def test_totals_by_account_stand_in_the_result(owner: Client, cast: Cast) -> None:
    first, second = cast.account(name="first@"), cast.account(name="second@")
    mailing_out = cast.started(number=4)
    mailing_out.deliveries.update(status=Delivery.Status.SENT, sent_at=timezone.now())
    failed = mailing_out.deliveries.filter(email_account=second).values("pk")[:1]
    Delivery.objects.filter(pk__in=list(failed.values_list("pk", flat=True))).update(
        status=Delivery.Status.FAILED, reason="address"
    )
    MailingOut.objects.filter(pk=mailing_out.pk).update(
        status=MailingOut.Status.DONE, sent_count=3, failed_count=1, pending_count=0
    )

    page = owner.get(page_of(mailing_out)).context["page"]

    totals = [(total.name, total.sent, total.failed) for total in page.totals]
    assert totals == [("first@", 2, 0), ("second@", 1, 1)]
    assert first.pk != second.pk


def test_page_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    counts = []
    cast.account()
    for number in (2, 20):
        draft = cast.draft(number=number)
        owner.get(page_of(draft))
        with CaptureQueriesContext(connection) as queries:
            owner.get(page_of(draft))
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_start_is_refused_in_words_when_the_account_went_off_meanwhile(
    owner: Client, cast: Cast
) -> None:
    cast.account()
    draft = cast.draft(number=1)
    EmailAccount.objects.update(massmail=False)

    response = owner.post(reverse("mailing_out_start", args=[draft.pk]), {"when": "now"})

    texts = [str(message) for message in get_messages(response.wsgi_request)]
    assert texts == ["owner has no email account that is on. Add one, or switch one on."]
