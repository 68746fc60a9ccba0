"""Why no mail leaves now: one test a reason, their order, and when the next mail could leave."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone, translation

from common.fields import key_fingerprint
from massmail.clock import database_now
from massmail.models import (
    Delivery,
    EmailAccount,
    Heartbeat,
    MailingOut,
    MassContact,
    MassmailSettings,
)
from massmail.services import account_health, blockers, campaign, installation, lease
from massmail.services.blockers import Blocker, moment, next_mail_at
from tests.factories import EmailAccountFactory, UserFactory
from tests.massmail.campaigns import all_alive, campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)  # nothing is sent


@pytest.fixture
def now():
    """A moment just after everything that a test makes."""
    return database_now() + timedelta(seconds=10)


@pytest.fixture
def workers(now):
    """All parts of the engine, alive."""
    all_alive(now)


@pytest.fixture
def running(workers):
    return campaign_on(NO_SERVER, people=2, name="news")


def reasons(mailing_out: MailingOut, now: datetime) -> list[Blocker]:
    mailing_out = MailingOut.objects.get(pk=mailing_out.pk)
    return blockers.blockers(mailing_out, now=now)


def codes(mailing_out: MailingOut, now: datetime) -> list[str]:
    return [blocker.code for blocker in reasons(mailing_out, now)]


def change_account(**values) -> int:
    EmailAccount.objects.update(**values)
    return EmailAccount.objects.get().pk


def settings_are(**values) -> None:
    MassmailSettings.load()
    MassmailSettings.objects.update(**values)


def wait_until(mailing_out: MailingOut, due_at: datetime | None) -> None:
    mailing_out.deliveries.update(due_at=due_at)


# --- nothing in the way


def test_nothing_is_in_the_way(running, now):
    assert reasons(running, now) == []
    assert next_mail_at(running, now=now) == now


def test_while_mails_leave_only_accounts_in_trouble_are_named(running, now):
    MailingOut.objects.update(pending_count=1, in_flight_count=1)
    change_account(next_send_at=now + timedelta(minutes=1))
    assert reasons(running, now) == []
    change_account(massmail=False, off_reason="credentials")
    assert [blocker.code for blocker in reasons(running, now)] == ["account_off"]


def test_the_model_asks_the_same(running):
    running.cancel()
    assert [blocker.code for blocker in running.blockers()] == ["cancelled"]


# --- what the mailing out itself decides


def test_a_draft(now, workers):
    mailing_out = campaign_on(NO_SERVER, start=False)
    assert reasons(mailing_out, now) == [Blocker("draft", "It is a draft: it was not started yet.")]
    assert next_mail_at(mailing_out, now=now) is None


def test_being_prepared(now, workers):
    mailing_out = campaign_on(NO_SERVER, start=False)
    campaign.start_later_in_task(mailing_out)
    assert reasons(mailing_out, now) == [
        Blocker("preparing", "Its start is being made; mails leave after that.")
    ]


def test_a_later_start(now, workers):
    mailing_out = campaign_on(NO_SERVER, start=False)
    at = now + timedelta(hours=2)
    mailing_out.start(at=at)
    text = f"It starts at {moment(at)}."
    assert reasons(mailing_out, now) == [Blocker("scheduled", text, at)]
    assert next_mail_at(mailing_out, now=now) == at


def test_paused_by_a_person(running, now):
    person = UserFactory.create(first_name="Olga", last_name="O'Neil")
    campaign.pause(running, by=person)
    assert reasons(running, now) == [
        Blocker("paused", "It was paused by Olga O'Neil. Resume it to go on.")
    ]
    assert next_mail_at(running, now=now) is None


def test_paused_by_a_person_without_a_name(running, now):
    campaign.pause(running, by=UserFactory.create(username="olga"))
    assert reasons(running, now)[0].text == "It was paused by olga. Resume it to go on."


def test_cancelled(running, now):
    running.cancel()
    assert reasons(running, now) == [Blocker("cancelled", "It was cancelled.")]


def test_done(running, now):
    running.deliveries.update(status=Delivery.Status.SENT)
    MailingOut.objects.update(pending_count=0, sent_count=2)
    campaign.finish(now=now)
    assert reasons(running, now) == [Blocker("done", "It is done.")]


# --- what the installation decides


def test_all_paused_stands_first(running, now):
    installation.pause_all(note="Moving.", now=now)
    change_account(massmail=False)
    assert codes(running, now)[:2] == ["all_paused", "account_off"]
    assert reasons(running, now)[0].text == f"All sending is paused since {moment(now)}. Moving."
    assert next_mail_at(running, now=now) is None
    running.pause()
    assert codes(running, now) == ["all_paused", "paused"]


def test_outside_the_sending_hours(running):
    night = datetime(2026, 5, 8, 12, tzinfo=UTC)  # a Friday
    settings_are(use_business_time=True, time_zone="Europe/Kyiv")
    MailingOut.objects.update(start_at=night)
    Heartbeat.objects.update(seen_at=night)
    opens = datetime(2026, 5, 11, 5, 30, tzinfo=UTC)
    (found,) = reasons(running, night)
    assert (found.code, found.until) == ("outside_hours", opens)
    assert found.text == "Outside the sending hours until 05/11/2026 8:30 a.m. EEST."
    assert next_mail_at(MailingOut.objects.get(), now=night) == opens


# --- what accounts decide


def test_an_account_switched_off_by_its_server(running, now):
    pk = change_account()
    account_health.switch_off(pk, reason="credentials", now=now)
    sentence = "The server refused the login or the password. Enter them again."
    expected = Blocker("account_off", f"news is off: {sentence}", None, pk)
    assert reasons(running, now) == [expected]
    assert next_mail_at(running, now=now) is None


def test_an_account_switched_off_by_hand(running, now):
    change_account(massmail=False)
    assert reasons(running, now)[0].text == "news is off: It was switched off by hand."


@pytest.mark.parametrize(("people", "start"), [(1, "1 VIP waits for"), (2, "2 VIPs wait for")])
def test_vips_wait_for_a_main_account_that_is_off(now, workers, people, start):
    mailing_out = campaign_on(NO_SERVER, people=people, name="main@")
    change_account(massmail=False, main=True)
    (found,) = reasons(mailing_out, now)
    assert found.code == "account_off"
    assert found.text == f"{start} main@, which is off: It was switched off by hand."


def test_an_account_that_rests(running, now):
    pk = change_account()
    until = account_health.cool(pk, reason="throttled", now=now)
    text = f"news rests until {moment(until)}: The server asked for fewer mails."
    assert reasons(running, now) == [Blocker("cooling", text, until, pk)]
    assert next_mail_at(MailingOut.objects.get(), now=now) == until


def test_an_account_that_has_used_its_day(running, now):
    settings_are(time_zone="UTC")
    pk = change_account(daily_limit=5, today_count=5, today_date=now.date())
    tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    text = f"news has sent its 5 of today; it goes on {moment(tomorrow)}."
    (found,) = reasons(running, now)
    assert (found.code, found.text, found.until, found.account_id) == ("limit", text, tomorrow, pk)
    assert next_mail_at(running, now=now) == tomorrow


def test_an_account_that_keeps_its_gap(running, now):
    until = now + timedelta(seconds=20)
    pk = change_account(next_send_at=until)
    text = f"news keeps a gap between mails; next {moment(until)}."
    assert reasons(running, now) == [Blocker("gap", text, until, pk)]


@pytest.mark.parametrize(
    ("people", "start"), [(1, "1 mail was refused"), (2, "2 mails were refused")]
)
def test_mails_refused_for_the_time_being(now, workers, people, start):
    mailing_out = campaign_on(NO_SERVER, people=people)
    until = now + timedelta(minutes=5)
    wait_until(mailing_out, until)
    (found,) = reasons(mailing_out, now)
    assert (found.code, found.until) == ("retry", until)
    assert found.text == f"{start} for the time being; next try {moment(until)}."
    assert next_mail_at(mailing_out, now=now) == until


def test_no_account_is_left(running, now):
    MassContact.objects.all().delete()
    EmailAccount.objects.all().delete()
    assert reasons(running, now) == [
        Blocker("no_account", "No account is left that could send. Add one.")
    ]
    assert next_mail_at(running, now=now) is None


def test_a_password_that_cannot_be_read(running, now, settings):
    pk = change_account()
    account = EmailAccount.objects.get()
    account.email_host_password = "secret"
    account.save()
    settings.FIELD_ENCRYPTION_KEYS = ["YW5vdGhlciBrZXkgb2YgdGhlIHRlc3RzLCAzMmJ5dGU="]
    Heartbeat.objects.update(key_fingerprint=key_fingerprint())
    (found,) = reasons(running, now)
    assert (found.code, found.account_id) == ("key", pk)
    assert found.text.startswith("The password of news cannot be read: this installation has")


def test_a_worker_with_another_key(running, now):
    Heartbeat.objects.filter(role="deliveries").update(key_fingerprint="other")
    text = (
        "The worker on mailer1 has another encryption key: it cannot log in to any account. Give it"
        " the same FIELD_ENCRYPTION_KEYS."
    )
    assert reasons(running, now) == [Blocker("worker_key", text)]
    later = now + timedelta(seconds=61)
    assert "worker_key" not in codes(running, later)


# --- what workers decide


def test_no_worker_ever(running, now):
    Heartbeat.objects.all().delete()
    text = "No worker has reported yet. Start worker and beat."
    assert reasons(running, now) == [Blocker("no_worker", text)]


def test_no_worker_for_a_minute(running, now):
    seen = now - timedelta(seconds=61)
    Heartbeat.objects.update(seen_at=seen)
    text = f"No worker has reported since {moment(seen)}. Start it: ./run worker."
    assert reasons(running, now) == [Blocker("no_worker", text)]


def test_a_worker_seen_a_minute_ago_is_alive(running, now):
    Heartbeat.objects.update(seen_at=now - timedelta(seconds=60))
    assert reasons(running, now) == []


def test_no_worker_for_deliveries(running, now):
    Heartbeat.objects.filter(role="deliveries").delete()
    assert reasons(running, now) == []  # started just now: it may be on its way
    MailingOut.objects.update(start_at=now - timedelta(minutes=2))
    text = "No worker for deliveries has reported. Start one: ./run worker deliveries."
    assert reasons(running, now) == [Blocker("no_deliveries_worker", text)]


def test_an_account_at_work_is_worker_enough(running, now):
    Heartbeat.objects.all().delete()
    lease.take(change_account(), now=now)
    assert reasons(running, now) == []


# --- turns


def test_another_mailing_out_with_the_same_account(running, now):
    other = MailingOut.objects.create_for(
        running.recipient_model.objects.all(),
        owner=running.owner,
        message=running.message,
        name="Other",
    )
    other.start()
    text = "“Other” uses the same accounts; they take turns."
    assert reasons(running, now) == [Blocker("turns", text)]
    other.pause()
    assert reasons(running, now) == []


# --- several accounts


@pytest.fixture
def two_accounts(workers):
    """Three people over two accounts of one owner: two for the first."""
    owner = UserFactory.create()
    EmailAccountFactory.create(owner=owner, name="first")
    return campaign_on(NO_SERVER, people=3, owner=owner, name="second")


def test_the_account_with_most_stands_first(two_accounts, now):
    change = EmailAccount.objects.filter
    change(name="first").update(cooling_until=now + timedelta(minutes=9))
    change(name="second").update(massmail=False)
    assert codes(two_accounts, now) == ["cooling", "account_off"]


def test_the_next_mail_is_the_earliest_of_all_accounts(two_accounts, now):
    change = EmailAccount.objects.filter
    change(name="first").update(cooling_until=now + timedelta(minutes=9))
    change(name="second").update(next_send_at=now + timedelta(minutes=3))
    assert next_mail_at(two_accounts, now=now) == now + timedelta(minutes=3)
    change(name="second").update(massmail=False)
    assert next_mail_at(two_accounts, now=now) == now + timedelta(minutes=9)


def test_a_retry_waits_for_its_account_too(running, now):
    wait_until(running, now + timedelta(minutes=5))
    change_account(cooling_until=now + timedelta(minutes=9))
    assert next_mail_at(running, now=now) == now + timedelta(minutes=9)


# --- texts


def test_every_text_is_plain_and_in_the_language_of_the_moment(running, now):
    installation.pause_all(now=now)
    change_account(massmail=False)
    with translation.override("de"):
        found = reasons(running, now)
    assert [type(blocker.text) for blocker in found] == [str] * len(found)
    assert len(found) >= 2


def test_a_moment_has_its_zone():
    with timezone.override("America/New_York"):
        assert moment(datetime(2026, 5, 7, 12, tzinfo=UTC)) == "05/07/2026 8 a.m. EDT"


def test_the_page_costs_a_handful_of_statements(running, now, django_assert_max_num_queries):
    mailing_out = MailingOut.objects.get()
    with django_assert_max_num_queries(10):
        blockers.blockers(mailing_out, now=now)
