"""Test mails: what leaves, what counts, what is refused."""

import email
import email.policy
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from massmail.backends.smtp import SmtpTransport
from massmail.backends.smtp_conversation import Timeouts
from massmail.clock import database_now
from massmail.errors import SendTestRefused
from massmail.models import Delivery, EmailAccount, MassmailSettings, Suppression
from massmail.services import render
from massmail.services.test_mails import LIMIT_S, send_test_mail
from massmail.utils.email_creators import MessageError
from tests.factories import ContactFactory, EmlMessageFactory
from tests.massmail.campaigns import account_on
from tests.smtp_server import CLOSE, HANG

TO = "me@example.net"


@pytest.fixture
def message(owner):
    return EmlMessageFactory.create(owner=owner)


@pytest.fixture
def person(owner):
    return render.sample_person(ContactFactory.create(owner=owner))


def used(account: EmailAccount) -> int:
    account.refresh_from_db()
    return account.today_count


@pytest.mark.django_db
def test_mail_is_what_the_person_would_get(server, owner, message, person):
    account = account_on(server, owner=owner, reply_to="answers@example.org")

    reply = send_test_mail(message, account=account, person=person, to=TO)

    (mail,) = server.mails
    sent = email.message_from_bytes(mail.data, policy=email.policy.default)
    assert mail.recipients == (TO,)
    assert sent["Subject"] == f"[Test] News for {person.variables['full_name']}"
    assert sent["To"].addresses[0].addr_spec == TO
    assert sent["Reply-To"] == "answers@example.org"
    assert sent["List-Id"] is not None
    assert "/unsubscribe_test/" in sent["List-Unsubscribe"]
    html = sent.get_body(("html",))
    assert html is not None
    assert "/unsubscribe_test/" in html.get_content()
    assert reply.startswith("250")
    assert (used(account), Delivery.objects.count()) == (1, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"massmail": False, "off_reason": "credentials"}, "is off: The server refused the login"),
        ({"daily_limit": 3, "today_count": 3}, "has used its limit of today"),
        ({"cooling_until": timedelta(minutes=5), "cooling_reason": "throttled"}, "rests until"),
    ],
)
def test_account_that_cannot_send_refuses(server, owner, message, person, values, says):
    now = database_now()
    if "cooling_until" in values:
        values = {**values, "cooling_until": now + values["cooling_until"]}
    today = MassmailSettings.load().local_date(now)
    account = account_on(server, owner=owner, today_date=today, **values)
    before = account.today_count

    with pytest.raises(SendTestRefused, match=says):
        send_test_mail(message, account=account, person=person, to=TO, now=now)

    assert (server.connections, used(account)) == (0, before)


@pytest.mark.django_db
def test_gap_of_the_account_is_no_matter(server, owner, message, person):
    later = timezone.now() + timedelta(minutes=5)
    account = account_on(server, owner=owner, kind="mailbox", next_send_at=later)

    send_test_mail(message, account=account, person=person, to=TO)

    assert len(server.mails) == 1


@pytest.mark.django_db
def test_pause_of_all_sending_holds_for_tests_too(server, owner, message, person):
    MassmailSettings.load()
    MassmailSettings.objects.update(paused_at=timezone.now())
    account = account_on(server, owner=owner)

    with pytest.raises(SendTestRefused, match="All sending is paused"):
        send_test_mail(message, account=account, person=person, to=TO)

    assert (server.connections, used(account)) == (0, 0)


@pytest.mark.django_db
def test_suppressed_address_is_not_written_to(server, owner, message, person):
    Suppression.objects.create(address_key=TO, kind=Suppression.Kind.UNSUBSCRIBED)
    account = account_on(server, owner=owner)

    with pytest.raises(SendTestRefused, match="is not written to: unsubscribed"):
        send_test_mail(message, account=account, person=person, to="Me@Example.net")

    assert (server.connections, used(account)) == (0, 0)


@pytest.mark.django_db
def test_message_that_cannot_be_built_counts_nothing(server, owner, person):
    account = account_on(server, owner=owner)
    broken = EmlMessageFactory.create(owner=owner, content="{% if %}")

    with pytest.raises(MessageError):
        send_test_mail(broken, account=account, person=person, to=TO)

    assert (server.connections, used(account)) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stage", "answer", "says", "counts"),
    [
        ("connect", "554 go away", "did not welcome us", 0),
        ("mail", "550 5.7.60 not you", "does not let this account send", 0),
        ("rcpt", "550 5.1.1 No such user", "this address does not exist", 0),
        ("data", "554 5.7.1 no", "distrusts this sender", 1),
        ("dot", "554 5.6.0 spam", "takes this message for spam", 1),
        ("dot", CLOSE, "may have arrived or not", 1),
    ],
)
def test_refusal_is_told_in_words_and_counts_once_data_was_sent(
    server, owner, message, person, stage, answer, says, counts
):
    server.on(stage, answer)
    account = account_on(server, owner=owner)

    with pytest.raises(SendTestRefused) as refusal:
        send_test_mail(message, account=account, person=person, to=TO)

    assert says in str(refusal.value)
    is_told = isinstance(answer, str) and stage != "connect"
    assert refusal.value.reply == (answer if is_told else "")
    assert used(account) == counts


@pytest.mark.django_db
def test_login_refused_leaves_the_account_as_it_is(server, owner, message, person):
    account = account_on(server, owner=owner, email_host_user="u", email_host_password="wrong")

    with pytest.raises(SendTestRefused, match="refused the login") as refusal:
        send_test_mail(message, account=account, person=person, to=TO)

    assert refusal.value.reply.startswith("535")
    assert (used(account), account.massmail, account.cooling_count) == (0, True, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(("stage", "counts"), [("ehlo", 0), ("rcpt", 0), ("dot", 1)])
def test_server_that_hangs_is_given_up(server, owner, message, person, stage, counts):
    server.on(stage, HANG)
    account = account_on(server, owner=owner)

    def make(tried: EmailAccount) -> SmtpTransport:
        timeouts = Timeouts(quit_s=0.1, slice_s=0.02)
        return SmtpTransport(tried, allow_private_hosts=True, timeouts=timeouts)

    with pytest.raises(SendTestRefused):
        send_test_mail(message, account=account, person=person, to=TO, make=make, limit_s=0.3)

    assert used(account) == counts


def test_test_takes_less_than_thirty_seconds():
    assert LIMIT_S + 5 + Timeouts().quit_s < 30  # its own limit, the last wait, the good-bye


@pytest.mark.django_db
def test_broken_transport_of_another_app_counts_and_is_told(owner, message, person, account):
    def broken(_account: EmailAccount):
        raise RuntimeError

    with pytest.raises(SendTestRefused, match="may have arrived or not"):
        send_test_mail(message, account=account, person=person, to=TO, make=broken)

    assert used(account) == 1


@pytest.mark.django_db
def test_run_that_holds_the_account_goes_on(server, owner, message, person):
    account = account_on(server, owner=owner)
    until = timezone.now() + timedelta(seconds=30)
    EmailAccount.objects.update(
        run_id="4b6f0b4e-7f3c-4c7b-8a44-0d5a5f6f1f11", run_lease_until=until
    )

    send_test_mail(message, account=account, person=person, to=TO)

    account.refresh_from_db()
    assert (str(account.run_id), account.run_lease_until) == (
        "4b6f0b4e-7f3c-4c7b-8a44-0d5a5f6f1f11",
        until,
    )


@pytest.mark.django_db(transaction=True)
def test_limit_is_exact_however_many_send_at_once(server, owner, message, person):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    account = account_on(server, owner=owner, daily_limit=2)
    start, refusals = threading.Barrier(6), []

    def send() -> None:
        start.wait()
        try:
            send_test_mail(message, account=account, person=person, to=TO)
        except SendTestRefused as refusal:
            refusals.append(str(refusal))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(server.mails), len(refusals), used(account)) == (2, 4, 2)
