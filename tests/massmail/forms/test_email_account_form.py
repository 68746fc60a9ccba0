"""The form of an account: what it refuses, drops, derives and forgets."""

import socket
from functools import partial

import pytest
from django.forms import ChoiceField

from massmail.backends.hosts import resolve_host
from massmail.forms import email_account_form
from massmail.forms.email_account_form import EmailAccountForm, port_hint
from massmail.models import EmailAccount
from tests.factories import DepartmentFactory, EmailAccountFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return UserFactory.create(departments=[DepartmentFactory.create()])


def form_of(account: EmailAccount, **changes) -> EmailAccountForm:
    data = {
        "name": account.name,
        "kind": account.kind,
        "massmail": "on",
        "transport": "smtp",
        "email_host": account.email_host,
        "email_port": account.email_port,
        "email_use_ssl": "on",
        "from_email": account.from_email,
        "connections": 1,
        "owner": account.owner_id,
        **changes,
    }
    return EmailAccountForm(data, instance=account)


def saved(form: EmailAccountForm) -> EmailAccount:
    assert form.is_valid(), form.errors
    account = form.save()
    assert isinstance(account, EmailAccount)
    account.refresh_from_db()
    return account


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("from_email", "nobody"),
        ("from_email", "Ann <ann@example.com>, bob@example.com"),
        ("from_email", "a@example.com\r\nBcc: b@example.com"),
        ("reply_to", "answers at example"),
    ],
)
def test_sender_that_cannot_stand_in_a_header_is_refused(owner, field, text):
    form = form_of(EmailAccountFactory.build(owner=owner), **{field: text})

    assert list(form.errors) == [field]


def test_mailbox_drops_what_relays_have(owner):
    account = EmailAccountFactory.create(owner=owner, per_second=5.0, connections=9)

    changed = saved(form_of(account, kind="mailbox", per_second="5", connections="9"))

    assert (changed.per_second, changed.connections) == (None, 1)


def test_relay_drops_what_mailboxes_have(owner):
    account = EmailAccountFactory.create(owner=owner, kind="mailbox", spread_over_day=True)

    form = form_of(account, kind="relay", spread_over_day="on", gap_min_s="1", gap_max_s="no")
    changed = saved(form)

    assert (changed.spread_over_day, changed.gap_min_s, changed.gap_max_s) == (False, None, None)
    assert form.derived >= {"spread_over_day", "gap_min_s"}


def test_department_follows_the_owner(owner):
    account = EmailAccountFactory.create(owner=owner, department=owner.groups.get().department)
    other = UserFactory.create(departments=[DepartmentFactory.create()])

    changed = saved(form_of(account, owner=other.pk, department=account.department_id))

    assert (changed.owner, changed.department_id) == (other, other.groups.get().pk)


def test_foreign_department_is_refused(owner):
    account = EmailAccountFactory.create(owner=owner)

    form = form_of(account, department=DepartmentFactory.create().pk)

    assert list(form.errors) == ["department"]


def test_owner_is_required(owner):
    form = form_of(EmailAccountFactory.build(owner=owner), owner="")

    assert list(form.errors) == ["owner"]


def test_sharing_without_a_department_is_refused():
    account = EmailAccountFactory.create()

    form = form_of(account, shared="True")

    assert form.errors["shared"] == [
        "The owner belongs to no department: there is nobody to share it with."
    ]


@pytest.mark.parametrize(("answer", "shared"), [("True", True), ("False", False), (None, False)])
def test_account_is_shared_by_choice(owner, answer, shared):
    account = EmailAccountFactory.create(owner=owner, shared=not shared)
    changes = {} if answer is None else {"shared": answer}

    assert saved(form_of(account, **changes)).shared is shared


def test_secret_stays_unless_it_is_replaced_or_forgotten(owner):
    account = EmailAccountFactory.create(
        owner=owner, email_host_password="first", email_app_password="second"
    )

    kept = saved(form_of(account))
    assert (kept.email_host_password, kept.email_app_password) == ("first", "second")

    form = form_of(kept, forget_app_password="on", email_host_password="third")
    changed = saved(form)
    assert (changed.email_host_password, changed.email_app_password) == ("third", "")
    assert form.derived >= {"email_app_password"}


def test_typed_secret_outweighs_forgetting_the_old_one(owner):
    account = EmailAccountFactory.create(owner=owner, email_host_password="first")

    changed = saved(form_of(account, forget_password="on", email_host_password="next"))

    assert changed.email_host_password == "next"


def test_stored_secret_is_never_rendered(owner):
    account = EmailAccountFactory.create(owner=owner, email_host_password="hunter2")

    html = str(EmailAccountForm(instance=account)["email_host_password"])

    assert "hunter2" not in html
    assert "f1:" not in html
    assert "set; type to replace it" in html


@pytest.mark.parametrize(
    ("port", "tls", "starttls", "says"),
    [
        (465, True, False, ""),
        (587, False, True, ""),
        (25, False, True, ""),
        (2525, True, False, ""),
        (465, False, True, "Port 465 usually has TLS from the start"),
        (587, True, False, "Port 587 usually has STARTTLS"),
        (25, True, False, "Port 25 usually has STARTTLS"),
        (587, False, False, "Without TLS mails travel in clear"),
    ],
)
def test_unusual_port_is_a_hint(port, tls, starttls, says):
    hint = port_hint(port, tls=tls, starttls=starttls)

    assert hint.startswith(says) if says else hint == ""


def test_starttls_and_tls_together_are_refused(owner):
    form = form_of(EmailAccountFactory.build(owner=owner), email_use_tls="on")

    assert form.errors["__all__"] == ["Choose STARTTLS or TLS from the start, not both."]


class TestPublicServersOnly:
    """What an installation says whose operator does not allow private hosts."""

    @pytest.fixture(autouse=True)
    def _public_only(self, settings) -> None:
        settings.MASSMAIL_ALLOW_PRIVATE_HOSTS = False

    def test_other_port_is_refused(self, owner):
        form = form_of(EmailAccountFactory.build(owner=owner), email_port=6379)

        assert form.errors["email_port"] == [
            "Mail leaves by the ports 25, 465, 587 and 2525 only. Choose one of these."
        ]

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "::1"])
    def test_private_host_is_refused(self, owner, host):
        account = EmailAccountFactory.build(owner=owner, email_host="mail.example.org")

        form = form_of(account, email_host=host, email_port=465)

        assert str(form.errors["email_host"][0]).startswith("This server is inside a private")

    def test_unknown_host_is_a_hint(self, owner, monkeypatch):
        def no_address(*_arguments):
            raise socket.gaierror

        unknown = partial(resolve_host, resolve=no_address)
        monkeypatch.setattr(email_account_form, "resolve_host", unknown)
        account = EmailAccountFactory.build(owner=owner)

        form = form_of(account, email_host="mial.example.org", email_port=465)

        assert form.is_valid(), form.errors
        assert form.hints == [
            "The host “mial.example.org” was not found just now. Check how it is spelt."
        ]

    def test_server_that_did_not_change_is_not_looked_up(self, owner):
        account = EmailAccountFactory.create(owner=owner, email_use_ssl=True)

        form = form_of(account, name="renamed")

        assert form.is_valid(), form.errors


# --- the transport


@pytest.fixture
def _two_transports(settings):
    settings.MASSMAIL_TRANSPORTS = settings.MASSMAIL_TRANSPORTS | {
        "postmark": "massmail.backends.django_backend.DjangoTransport"
    }


def choices_of(form: EmailAccountForm) -> list[tuple[str, str]]:
    field = form.fields["transport"]
    assert isinstance(field, ChoiceField)
    return list(field.choices)  # type: ignore[arg-type]  # the stubs allow every form of choices


def test_one_transport_is_no_question(owner):
    assert "transport" not in form_of(EmailAccountFactory.build(owner=owner)).fields


@pytest.mark.usefixtures("_two_transports")
def test_transport_is_chosen_and_needs_no_server(owner):
    account = EmailAccountFactory.create(owner=owner, department=None)
    form = form_of(account, transport="postmark", email_host="", email_port="")

    assert choices_of(form) == [("smtp", "SMTP"), ("postmark", "postmark")]
    account = saved(form)
    assert (account.transport, account.email_host) == ("postmark", "")


@pytest.mark.usefixtures("_two_transports")
@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"transport": "smtp", "email_host": ""}, ["email_host"]),
        ({"transport": "pigeon"}, ["transport"]),
        ({"transport": ""}, ["transport"]),
    ],
)
def test_transport_is_one_of_those_and_smtp_needs_a_server(owner, values, fields):
    form = form_of(EmailAccountFactory.create(owner=owner), **values)
    assert list(form.errors) == fields


def test_transport_that_is_gone_stays_until_another_is_chosen(owner):
    account = EmailAccountFactory.create(owner=owner, transport="old")
    form = form_of(account, transport="old")
    assert choices_of(form) == [("smtp", "SMTP"), ("old", "old")]
    assert saved(form).transport == "old"
