"""Email accounts in the admin."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from massmail.models import EmailAccount
from massmail.services import account_health
from tests.massmail.cast import Cast

LIST = "admin:massmail_emailaccount_changelist"


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def page_of(account: EmailAccount) -> str:
    return reverse("admin:massmail_emailaccount_change", args=[account.pk])


def data_of(account: EmailAccount, **changes: object) -> dict[str, object]:
    """Return what the browser would post for an account as it is, with some changes."""
    data = {
        "name": account.name,
        "kind": account.kind,
        "from_email": account.from_email,
        "email_host": account.email_host,
        "email_port": account.email_port,
        "connections": account.connections,
        "owner": account.owner_id,
        "department": account.department_id or "",
        "massmail": "on" if account.massmail else "",
        **changes,
    }
    return {name: value for name, value in data.items() if value != ""}


def test_account_is_added_for_the_user(owner: Client, cast: Cast) -> None:
    account = EmailAccount(
        name="sales@",
        from_email="sales@example.org",
        email_host="mail.example.org",
        owner=cast.owner,
    )

    owner.post(reverse("admin:massmail_emailaccount_add"), data_of(account))

    added = EmailAccount.objects.get()
    assert (added.owner, added.massmail, added.off_reason) == (cast.owner, True, "")


def test_passwords_are_written_and_never_shown(owner: Client, cast: Cast) -> None:
    account = cast.account()

    owner.post(page_of(account), data_of(account, email_host_password="hunter2 and more"))
    text = owner.get(page_of(account)).text
    owner.post(page_of(account), data_of(account, name="renamed"))

    account.refresh_from_db()
    assert account.email_host_password == "hunter2 and more"
    assert account.name == "renamed"
    assert "hunter2" not in text
    assert "f1:" not in text
    assert "set; type to replace it" in text


def test_switching_off_in_the_form_is_by_hand(owner: Client, cast: Cast) -> None:
    account = cast.account()

    owner.post(page_of(account), data_of(account, massmail=""))

    account.refresh_from_db()
    assert (account.massmail, account.off_reason) == (False, "by hand")
    assert account.off_at is not None


def test_switching_on_in_the_form_forgets_the_trouble(owner: Client, cast: Cast) -> None:
    account = cast.account(massmail=False, off_reason="credentials", trouble_reply="535 no")

    owner.post(page_of(account), data_of(account, massmail="on"))

    account.refresh_from_db()
    assert (account.massmail, account.off_reason, account.trouble_reply) == (True, "", "")


def test_saving_writes_nothing_that_the_engine_writes(owner: Client, cast: Cast) -> None:
    account = cast.account()

    with CaptureQueriesContext(connection) as queries:
        owner.post(page_of(account), data_of(account, name="renamed"))

    update = next(q["sql"] for q in queries if q["sql"].startswith('UPDATE "massmail_emailaccount'))
    written = update.partition("WHERE")[0]
    assert [name for name in ("today_count", "run_id", "cooling_until") if name in written] == []


def test_button_switches_on(owner: Client, cast: Cast) -> None:
    account = cast.account(massmail=False, off_reason="credentials")

    shown = "Switch on" in owner.get(page_of(account)).text
    owner.post(reverse("account_switch_on", args=[account.pk]))

    account.refresh_from_db()
    assert (shown, account.massmail) == (True, True)


@pytest.mark.parametrize(
    ("values", "mark", "text"),
    [
        ({}, "on", "working"),
        ({"massmail": False}, "off", "off: It was switched off by hand."),
        ({"daily_limit": 3, "today_count": 3}, "resting", "today's limit is used; it goes on"),
        (
            {"cooling_until": timedelta(minutes=5), "cooling_reason": "throttled"},
            "resting",
            "The server asked for fewer mails.",
        ),
    ],
)
def test_list_says_how_accounts_are(
    owner: Client, cast: Cast, values: dict[str, object], mark: str, text: str
) -> None:
    if "cooling_until" in values:
        values = {**values, "cooling_until": timezone.now() + values["cooling_until"]}  # type: ignore[operator]
    cast.account(today_date=timezone.localdate(), **values)

    account = owner.get(reverse(LIST)).context["cl"].result_list[0]

    assert account.health.mark == mark
    assert text in account.health.text


def test_list_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    counts = []
    for number in (2, 18):
        for _ in range(number):
            cast.account()
        owner.get(reverse(LIST))
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse(LIST))
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_accounts_are_seen_by_owner_and_those_they_are_shared_with(
    client: Client, cast: Cast
) -> None:
    own, shared = cast.account(), cast.account(shared=True)
    seen = {}
    for who in ("superuser", "owner", "colleague", "stranger"):
        client.force_login(getattr(cast, who))
        listed = client.get(reverse(LIST), {"owner": "all"}).context["cl"].result_list
        seen[who] = {account.pk for account in listed}

    assert seen == {
        "superuser": {own.pk, shared.pk},
        "owner": {own.pk, shared.pk},
        "colleague": {shared.pk},
        "stranger": set(),
    }


def test_page_tells_when_and_why_it_was_switched_off(owner: Client, cast: Cast) -> None:
    account = cast.account()
    account_health.switch_off(
        account.pk, reason="credentials", reply="535 5.7.8 <b>no</b>", now=timezone.now()
    )

    page = owner.get(page_of(account)).content.decode()

    assert "The server refused the login or the password." in page
    assert page.count("535 5.7.8 &lt;b&gt;no&lt;/b&gt;") == 2  # its words, and the history
