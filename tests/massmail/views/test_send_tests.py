"""Sending a test from the page of a message or a mailing out."""

import email
import email.policy
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from massmail.models import EmlMessage, MailingOut, MassmailSettings
from tests.factories import ContactFactory
from tests.massmail.cast import Cast
from tests.smtp_server import SmtpServer


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def send(client: Client, message: EmlMessage, **data: object) -> list[str]:
    """Post the form, and return what the page says then."""
    url = reverse("send_test", args=[message.pk])
    answer = client.post(url, {"to": "me@example.net", **data}, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def subject_of(server: SmtpServer) -> str:
    (mail,) = server.mails
    return str(email.message_from_bytes(mail.data, policy=email.policy.default)["Subject"])


def test_test_is_sent_as_the_chosen_person(owner: Client, cast: Cast, server: SmtpServer) -> None:
    account = cast.account(name="sales@", email_port=server.port)
    cast.contacts(1)
    chosen = cast.contacts(1, first_name="Ada").get()
    message = cast.message(subject="Dear {{ first_name }}")

    said = send(owner, message, account=account.pk, person=f"crm.contact:{chosen.pk}")

    assert subject_of(server) == "[Test] Dear Ada"
    assert said == [
        "The test is sent to me@example.net from sales@. The server said: 250 2.0.0 Queued"
    ]


def test_test_is_sent_as_somebody_where_nobody_is_chosen(
    owner: Client, cast: Cast, server: SmtpServer
) -> None:
    account = cast.account(email_port=server.port)
    cast.contacts(1, first_name="Ada")

    send(owner, cast.message(subject="Dear {{ first_name }}"), account=account.pk)

    assert subject_of(server) == "[Test] Dear Ada"


@pytest.mark.parametrize("to", ["", "nobody", "a@b", "a@example.com, b@example.com", "a\r\n@b.de"])
def test_no_address_is_said_and_nothing_leaves(
    owner: Client, cast: Cast, server: SmtpServer, to: str
) -> None:
    account = cast.account(email_port=server.port)

    said = send(owner, cast.message(), account=account.pk, to=to)

    assert len(said) == 1
    assert server.connections == 0


def test_account_must_be_ones_own_or_shared(owner: Client, cast: Cast, server: SmtpServer) -> None:
    foreign = cast.account(email_port=server.port)
    main = cast.account(email_port=server.port, main=True, co_owner=cast.colleague)
    message = cast.message()
    owner.force_login(cast.colleague)

    said = [send(owner, message, account=pk) for pk in (foreign.pk, main.pk, "x", "")]

    assert [len(each) for each in said] == [1, 1, 1, 1]
    assert server.connections == 0


@pytest.mark.parametrize(
    "key", ["crm.contact:0", "auth.user:1", "nothing", "a.b:1", "crm.contact:x"]
)
def test_person_that_is_none_is_refused(
    owner: Client, cast: Cast, server: SmtpServer, key: str
) -> None:
    account = cast.account(email_port=server.port)

    said = send(owner, cast.message(), account=account.pk, person=key)

    assert said == ["This person is not among yours. Choose another."]
    assert server.connections == 0


def test_strangers_person_is_refused(owner: Client, cast: Cast, server: SmtpServer) -> None:
    account = cast.account(email_port=server.port)
    person = ContactFactory.create()

    said = send(owner, cast.message(), account=account.pk, person=f"crm.contact:{person.pk}")

    assert said == ["This person is not among yours. Choose another."]


def test_refusal_is_no_success(owner: Client, cast: Cast, server: SmtpServer) -> None:
    server.on("rcpt", "550 5.1.1 <b>unknown</b>")
    account = cast.account(email_port=server.port)

    said = send(owner, cast.message(), account=account.pk)

    (text,) = said
    assert text == (
        "The test was not sent. The server says that this address does not exist. "
        "The server said: 550 5.1.1 <b>unknown</b>"
    )


def test_broken_message_is_told_with_its_line(
    owner: Client, cast: Cast, server: SmtpServer
) -> None:
    account = cast.account(email_port=server.port)

    (said,) = send(owner, cast.message(content="{% if %}"), account=account.pk)

    assert said.startswith("The test was not sent. Line 1:")
    assert server.connections == 0


def test_server_that_is_away_is_told(owner: Client, cast: Cast) -> None:
    with SmtpServer() as gone:
        account = cast.account(email_port=gone.port)

    said = send(owner, cast.message(), account=account.pk)

    assert said == ["The test was not sent. The server could not be reached."]


def test_page_returned_to_is_the_mailing_out_that_was_named(
    owner: Client, cast: Cast, server: SmtpServer
) -> None:
    account, draft, message = cast.account(email_port=server.port), cast.draft(), cast.message()
    foreign = MailingOut.objects.create(
        owner=cast.stranger, name="foreign", content_type=draft.content_type
    )
    url = reverse("send_test", args=[message.pk])

    def location(mailing_out: object) -> str:
        data = {"to": "me@example.net", "account": account.pk, "mailing_out": mailing_out}
        return owner.post(url, data).headers["Location"]

    page = reverse("admin:massmail_emlmessage_change", args=[message.pk])
    assert location(draft.pk) == reverse("admin:massmail_mailingout_change", args=[draft.pk])
    assert [location(pk) for pk in (foreign.pk, "//evil.example", "9" * 30)] == [page] * 3


def test_who_may_only_read_messages_sends_none(
    owner: Client, cast: Cast, server: SmtpServer
) -> None:
    account, message = cast.account(email_port=server.port), cast.message()
    cast.owner.groups.remove(*cast.owner.groups.filter(name="managers"))
    cast.owner.user_permissions.set(Permission.objects.filter(codename="view_emlmessage"))

    answer = owner.post(
        reverse("send_test", args=[message.pk]), {"to": "me@example.net", "account": account.pk}
    )

    assert (answer.status_code, server.connections) == (403, 0)


def test_draft_offers_a_test_to_ones_own_address(owner: Client, cast: Cast) -> None:
    account, draft = cast.account(), cast.draft(number=2)

    page = owner.get(reverse("admin:massmail_mailingout_change", args=[draft.pk]))

    form = page.context["page"].send_test
    assert reverse("send_test", args=[draft.message_id]) in page.text
    assert form["to"].value() == "owner@example.com"
    assert list(form.fields["account"].queryset) == [account]
    assert [key for key, _name in form.fields["person"].widget.choices][-1] == ""
    assert form["person"].value().startswith("crm.contact:")


def test_limit_is_counted_and_refused(owner: Client, cast: Cast, server: SmtpServer) -> None:
    MassmailSettings.load()
    account = cast.account(email_port=server.port, daily_limit=1)
    message = cast.message()

    first, second = (send(owner, message, account=account.pk) for _ in range(2))

    account.refresh_from_db()
    assert first[0].startswith("The test is sent")
    assert "has used its limit of today" in second[0]
    assert (len(server.mails), account.today_count) == (1, 1)
