"""Email accounts in the admin."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from massmail.models import EmailAccount
from massmail.services import account_health
from tests.factories import EmailAccountFactory
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


def test_saving_writes_nothing_that_the_engine_writes(owner: Client, cast: Cast) -> None:
    account = cast.account()

    with CaptureQueriesContext(connection) as queries:
        owner.post(page_of(account), data_of(account, name="renamed"))

    update = next(q["sql"] for q in queries if q["sql"].startswith('UPDATE "massmail_emailaccount'))
    written = update.partition("WHERE")[0]
    assert [name for name in ("today_count", "run_id", "cooling_until") if name in written] == []


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


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"kind__exact": "mailbox"}, ["ann@"]),
        ({"massmail__exact": "0"}, ["bob@"]),
        ({"owner": "all", "kind__exact": "relay"}, ["bob@", "theirs@"]),
        ({"q": "ann@"}, ["ann@"]),
        ({"q": "smtp.ann"}, ["ann@"]),
        ({"q": "ann-login"}, ["ann@"]),
        ({"q": "sender-of-bob"}, ["bob@"]),
        ({"q": "nobody"}, []),
    ],
)
def test_list_is_narrowed_and_searched(
    owner: Client, cast: Cast, query: dict[str, str], names: list[str]
) -> None:
    server = {"email_host": "smtp.ann.example", "email_host_user": "ann-login"}
    cast.account(name="ann@", kind="mailbox", **server)
    cast.account(name="bob@", massmail=False, from_email="sender-of-bob@example.org")
    EmailAccountFactory.create(
        name="theirs@", owner=cast.colleague, department=cast.department, shared=True
    )
    EmailAccountFactory.create(name="foreign@", owner=cast.stranger)

    listed = owner.get(reverse(LIST), query).context["cl"].result_list

    assert [account.name for account in listed] == names


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


def test_default_list_holds_what_is_shared_with_one(client: Client, cast: Cast) -> None:
    own, shared = cast.account(main=True), cast.account(shared=True)
    co_owned = cast.account(co_owner=cast.colleague)
    seen = {}
    for who in ("owner", "colleague", "stranger"):
        client.force_login(getattr(cast, who))
        listed = client.get(reverse(LIST)).context["cl"].result_list
        seen[who] = {account.pk for account in listed}

    assert seen == {
        "owner": {own.pk, shared.pk, co_owned.pk},
        "colleague": {shared.pk, co_owned.pk},
        "stranger": set(),
    }


def test_list_shows_words(owner: Client, cast: Cast) -> None:
    cast.account(
        kind="mailbox", main=True, co_owner=cast.colleague, today_date=timezone.localdate()
    )

    row = owner.get(reverse(LIST)).text.partition('id="result_list"')[2].partition("</table>")[0]

    cells = [strip_tags(cell).strip() for cell in row.split('<td class="')[1:]]
    words = [cell.partition(">")[2].strip() for cell in cells]
    assert words == ["working", "0 of 94", "mailbox, main", "today", "ownercolleague"]


def test_empty_list_leads_on(owner: Client) -> None:
    assert "Connect an account" in owner.get(reverse(LIST)).text


def test_colleague_reads_a_shared_account_without_its_server(client: Client, cast: Cast) -> None:
    account = cast.account(
        shared=True,
        email_host="mail.secret.example",
        email_host_user="the-login",
        email_host_password="the-password",
        email_app_password="the-app-password",
        report="2026-11-21 credentials: 535",
    )
    client.force_login(cast.colleague)

    page = client.get(page_of(account))
    posted = client.post(page_of(account), data_of(account, name="mine now"))

    assert page.status_code == 200
    assert account.from_email.partition("<")[2].rstrip(">") in page.text
    hidden = ("mail.secret.example", "the-login", "the-password", "the-app-password", "535")
    assert [text for text in hidden if text in page.text] == []
    assert "you can send with it, not change it" in page.text
    assert posted.status_code == 403


def test_co_owner_changes_but_gives_nothing_away(client: Client, cast: Cast) -> None:
    account = cast.account(co_owner=cast.colleague)
    client.force_login(cast.colleague)

    client.post(page_of(account), data_of(account, name="renamed", owner=cast.colleague.pk))

    account.refresh_from_db()
    assert (account.name, account.owner) == ("renamed", cast.owner)


def test_forgotten_password_is_gone(owner: Client, cast: Cast) -> None:
    account = cast.account(email_host_password="hunter2")

    shown = "forget it" in owner.get(page_of(account)).text
    owner.post(page_of(account), data_of(account, forget_password="on"))
    shown_after = "forget it" in owner.get(page_of(account)).text

    account.refresh_from_db()
    assert (shown, shown_after, account.email_host_password) == (True, False, "")


def test_what_does_not_apply_is_dropped_and_saved(owner: Client, cast: Cast) -> None:
    account = cast.account(per_second=5.0)

    owner.post(page_of(account), data_of(account, kind="mailbox", per_second="5.0"))

    account.refresh_from_db()
    assert (account.kind, account.per_second) == ("mailbox", None)


def test_changed_limits_shorten_the_wait(owner: Client, cast: Cast) -> None:
    later = timezone.now() + timedelta(hours=5)
    account = cast.account(kind="mailbox", spread_over_day=True, next_send_at=later)

    owner.post(page_of(account), data_of(account, spread_over_day=""))

    account.refresh_from_db()
    assert account.next_send_at is not None
    assert account.next_send_at < timezone.now() + timedelta(minutes=1)


def test_unusual_port_is_told_and_saved(owner: Client, cast: Cast) -> None:
    account = cast.account()

    answer = owner.post(page_of(account), data_of(account, email_port=587), follow=True)

    account.refresh_from_db()
    told = [str(message) for message in answer.context["messages"]]
    assert account.email_port == 587
    assert told[0].startswith("Without TLS mails travel in clear")


def test_department_of_a_new_account_is_the_owners(owner: Client, cast: Cast) -> None:
    account = EmailAccount(
        name="sales@", from_email="s@example.org", email_host="m.example.org", owner=cast.owner
    )

    owner.post(reverse("admin:massmail_emailaccount_add"), data_of(account, shared="True"))

    added = EmailAccount.objects.get()
    assert (added.department, added.shared) == (cast.department, True)


COPY = reverse("admin:massmail_emailaccount_add") + "?copy_email_account="


def copied(client: Client, account: EmailAccount) -> dict[str, object]:
    answer = client.get(f"{COPY}{account.pk}")
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.initial)


def test_copy_takes_no_secret_no_counter_and_is_not_main(owner: Client, cast: Cast) -> None:
    account = cast.account(
        name="sales@",
        main=True,
        email_host_user="u",
        email_host_password="hunter2",
        refresh_token="token",
        today_count=5,
        daily_limit=50,
    )

    initial = copied(owner, account)

    assert initial["name"] == "sales@ (copy)"
    assert (initial["email_host"], initial["email_host_user"]) == ("127.0.0.1", "u")
    assert initial["daily_limit"] == 50
    taken = {"main", "email_host_password", "email_app_password", "refresh_token", "today_count"}
    assert taken & initial.keys() == set()


def test_copy_of_a_shared_account_leaves_the_server_out(client: Client, cast: Cast) -> None:
    account = cast.account(shared=True, email_host_user="u", from_email="sales@example.org")
    client.force_login(cast.colleague)

    initial = copied(client, account)

    assert initial["from_email"] == "sales@example.org"
    assert {"email_host", "email_host_user", "owner"} & initial.keys() == set()


@pytest.mark.parametrize("pk", ["", "0", "x", "9" * 30])
def test_copy_of_nothing_is_an_empty_form(owner: Client, pk: str) -> None:
    assert owner.get(f"{COPY}{pk}").status_code == 200


def test_copy_of_a_strangers_account_is_an_empty_form(client: Client, cast: Cast) -> None:
    client.force_login(cast.stranger)

    assert copied(client, cast.account()) == {}


def test_deleting_says_who_waits_and_keeps_the_history(owner: Client, cast: Cast) -> None:
    account = cast.account()
    mailing_out = cast.started(number=3)
    url = reverse("admin:massmail_emailaccount_delete", args=[account.pk])

    page = owner.get(url)
    owner.post(url, {"post": "yes"})

    assert "3 people wait for mails from it." in page.text
    assert not EmailAccount.objects.exists()
    assert set(mailing_out.deliveries.values_list("email_account", flat=True)) == {None}


def test_accounts_are_not_deleted_by_the_dozen(owner: Client, cast: Cast) -> None:
    cast.account()

    assert owner.get(reverse(LIST)).context["action_form"] is None


def test_form_suggests_servers_as_data(owner: Client) -> None:
    page = owner.get(reverse("admin:massmail_emailaccount_add")).text

    assert '<script id="mail-providers" type="application/json">' in page
    assert "smtp.gmail.com" in page
