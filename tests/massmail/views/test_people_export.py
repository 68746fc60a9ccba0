"""The export shows what the list shows, and no spreadsheet runs any of it."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from common.models import UserProfile
from crm.models import Contact
from massmail.models import Delivery, MailingOut
from massmail.views import people_export
from massmail.views.people_export import safe_cell
from tests.massmail.cast import Cast
from tests.massmail.services.test_drafts import settle


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def exported(client: Client, mailing_out: MailingOut, **query: str) -> list[dict[str, str]]:
    response = client.get(reverse("mailing_out_people_export", args=[mailing_out.pk]), query)
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_person_is_a_line(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=2)
    settle(mailing_out, failed=1)
    row = mailing_out.deliveries.order_by("pk")[0]
    Delivery.objects.filter(pk=row.pk).update(reply="550 no", address="zoe@example.com")

    first, second = exported(owner, mailing_out)

    account = row.email_account
    assert account is not None
    assert first == {
        "id": str(row.recipient_id),
        "name": Contact.objects.get(pk=row.recipient_id).full_name,
        "address": "zoe@example.com",
        "state": "failed",
        "reason": "address refused",
        "account": account.name,
        "reply": "550 no",
        "sent": "",
        "next try": "",
    }
    assert (second["state"], second["reason"]) == ("waiting", "")


def test_filter_of_the_list_is_that_of_the_file(owner: Client, cast: Cast) -> None:
    mailing_out = cast.started(number=4)
    settle(mailing_out, sent=1, failed=2)

    numbers = [
        len(exported(owner, mailing_out, **query))
        for query in (
            {},
            {"state": "failed"},
            {"state": "failed", "reason": "temporary"},
            {"q": "no such person"},
        )
    ]

    assert numbers == [4, 2, 0, 0]


def test_times_have_the_zone_and_words_the_language_of_the_user(owner: Client, cast: Cast) -> None:
    UserProfile.objects.create(user=cast.owner, time_zone="Europe/Berlin")
    mailing_out = cast.started(number=1)
    settle(mailing_out, sent=1)
    mailing_out.deliveries.update(sent_at=datetime(2026, 7, 1, 12, 0, tzinfo=UTC))

    (line,) = exported(owner, mailing_out)

    assert line["sent"] == "2026-07-01 14:00:00+02:00"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("text", ["", "Zoë", "a=b", "1-2", "'=x"])
def test_other_cells_stay(text: str) -> None:
    assert safe_cell(text) == text


def test_hostile_name_and_reply_are_text(owner: Client, cast: Cast) -> None:
    mailing_out = cast.draft(number=1)
    Contact.objects.update(first_name="=HYPERLINK(1)", last_name="")
    mailing_out.deliveries.update(reply='+1",\r\n=2')

    (line,) = exported(owner, mailing_out)

    assert (line["name"], line["reply"]) == ("'=HYPERLINK(1)", "'+1\",\r\n=2")


def test_long_lists_are_sent_piece_by_piece(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_export, "ROWS_AT_ONCE", 2)
    draft = cast.draft(number=5)

    with CaptureQueriesContext(connection) as queries:
        lines = exported(owner, draft)

    wanted = sorted(draft.deliveries.values_list("recipient_id", flat=True))
    assert [int(line["id"]) for line in lines] == wanted
    asked = [each["sql"] for each in queries if '"massmail_' in each["sql"]]
    assert [sql for sql in asked if not sql.startswith("SELECT")] == []


def test_file_is_named_after_mailing_out_and_state(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)
    url = reverse("mailing_out_people_export", args=[draft.pk])

    response = owner.get(url, {"state": "waiting"})

    response.close()
    assert response["Content-Disposition"] == (
        f'attachment; filename="spring-offer-waiting-{draft.pk}.csv"'
    )
    assert response["Content-Type"] == "text/csv; charset=utf-8"


def test_colleague_reads_and_stranger_finds_nothing(client: Client, cast: Cast) -> None:
    url = reverse("mailing_out_people_export", args=[cast.draft(number=1).pk])
    statuses = []
    for user in (cast.colleague, cast.stranger):
        client.force_login(user)
        statuses.append(client.get(url).status_code)

    assert statuses == [200, 404]


def test_post_is_refused(owner: Client, cast: Cast) -> None:
    url = reverse("mailing_out_people_export", args=[cast.draft(number=1).pk])

    assert owner.post(url).status_code == 405
