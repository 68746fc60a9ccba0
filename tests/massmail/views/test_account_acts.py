"""What is done to an account from its page; who may do it is tested in `test_access`."""

import pytest
from django.test import Client
from django.urls import reverse

from massmail.models import EmailAccount
from tests.massmail.cast import Cast
from tests.smtp_server import SmtpServer


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def page_of(account: EmailAccount) -> str:
    return reverse("admin:massmail_emailaccount_change", args=[account.pk])


def test_button_switches_on_and_forgets_the_trouble(owner: Client, cast: Cast) -> None:
    account = cast.account(massmail=False, off_reason="credentials", trouble_reply="535 no")

    shown = "Switch on" in owner.get(page_of(account)).text
    answer = owner.post(reverse("account_switch_on", args=[account.pk]))

    account.refresh_from_db()
    assert (shown, answer.headers["Location"]) == (True, page_of(account))
    assert (account.massmail, account.off_reason, account.trouble_reply) == (True, "", "")


def test_button_switches_off_by_hand_and_notes_who(
    owner: Client, cast: Cast, mailoutbox: list[object]
) -> None:
    account = cast.account()

    shown = "Switch off" in owner.get(page_of(account)).text
    answer = owner.post(reverse("account_switch_off", args=[account.pk]))

    account.refresh_from_db()
    assert (shown, answer.headers["Location"]) == (True, page_of(account))
    assert (account.massmail, account.off_reason) == (False, "by hand")
    assert account.off_at is not None
    assert account.report.endswith(" by hand: owner\n")
    assert mailoutbox == []


def test_switching_off_again_changes_nothing(owner: Client, cast: Cast) -> None:
    account = cast.account(massmail=False, off_reason="credentials")

    owner.post(reverse("account_switch_off", args=[account.pk]))

    account.refresh_from_db()
    assert (account.off_reason, account.report) == ("credentials", "")


@pytest.mark.parametrize("header", [{}, {"X-Requested-With": "fragment"}])
def test_connection_is_tested_and_nothing_changes(
    owner: Client, cast: Cast, header: dict[str, str]
) -> None:
    with SmtpServer(users={"u": "right"}) as server:
        account = cast.account(
            email_port=server.port, email_host_user="u", email_host_password="right"
        )
        before = EmailAccount.objects.values().get()

        url = reverse("account_test_connection", args=[account.pk])
        answer = owner.post(url, headers=header)

    assert answer.status_code == 200
    assert "The connection works." in answer.text
    assert ("<html" in answer.text) is not bool(header)
    assert EmailAccount.objects.values().get() == before
    assert server.mails == []


def test_refused_login_is_explained_escaped_and_without_secrets(owner: Client, cast: Cast) -> None:
    with SmtpServer(users={"u": "right"}) as server:
        server.on("auth", "535 5.7.8 <script>alert(1)</script>")
        account = cast.account(
            email_port=server.port, email_host_user="u", email_host_password="wr0ng-s3cret"
        )

        page = owner.post(reverse("account_test_connection", args=[account.pk])).text

    assert "The server refused the login or the password." in page
    assert "&lt;script&gt;alert(1)" in page
    assert "wr0ng-s3cret" not in page


@pytest.mark.parametrize(("who", "is_told"), [("superuser", True), ("owner", False)])
def test_banner_is_for_superusers(client: Client, cast: Cast, who: str, is_told: bool) -> None:
    client.force_login(getattr(cast, who))
    with SmtpServer() as server:
        server.on("connect", "554 db-7.internal says no")
        account = cast.account(email_port=server.port)

        page = client.post(reverse("account_test_connection", args=[account.pk])).text

    assert ("db-7.internal" in page) is is_told
    assert "The server did not welcome us." in page
