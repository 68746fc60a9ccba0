"""The orchestrator: which accounts may send now, and that nothing waiting is ever forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model

from crm.models import Contact
from massmail.clock import database_now
from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    EmlAccountsQueue,
    Heartbeat,
    MailingOut,
    MassContact,
    MassmailSettings,
)
from massmail.services import audience, campaign, installation, lease
from massmail.services.surroundings import Surroundings
from massmail.utils import sendmassmail
from massmail.utils.sendmassmail import due_runs, run_until_idle, tick
from tests.factories import (
    ContactFactory,
    EmailAccountFactory,
    EmlMessageFactory,
    MailingOutFactory,
    MainAccountFactory,
    UserFactory,
)
from tests.massmail.campaigns import campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)  # nothing is sent
S = Delivery.Status


@pytest.fixture
def now():
    return database_now() + timedelta(seconds=10)


@pytest.fixture
def running():
    return campaign_on(NO_SERVER, people=2)


def everything() -> list[list[dict[str, Any]]]:
    """All rows that a tick may change."""
    tables: tuple[type[Model], ...] = (
        MailingOut,
        Delivery,
        AccountShare,
        EmailAccount,
        MassContact,
        EmlAccountsQueue,
        MassmailSettings,
        Heartbeat,
    )
    return [list(model._base_manager.order_by("pk").values()) for model in tables]


def change_account(**values) -> int:
    EmailAccount.objects.update(**values)
    return EmailAccount.objects.get().pk


def settings_are(**values) -> None:
    MassmailSettings.load()
    MassmailSettings.objects.update(**values)


# --- a tick


def test_a_tick_changes_nothing_the_second_time(running, now):
    account = EmailAccount.objects.get()
    assert tick(now) == [[account.pk]]
    before = everything()
    assert tick(now) == [[account.pk]]
    assert tick(now) == [[account.pk]]
    assert everything() == before


def test_a_tick_says_that_it_lives(now):
    tick(now)
    assert Heartbeat.objects.get().role == Heartbeat.Role.TICK


def test_a_tick_puts_in_order_what_time_and_accidents_left(running, now):
    done, late, orphaned = (campaign_on(NO_SERVER, people=1) for _ in range(3))
    done.deliveries.update(status=S.SENT)
    MailingOut.objects.filter(pk=done.pk).update(pending_count=0, sent_count=1)
    MailingOut.objects.filter(pk=late.pk).update(not_after=now)
    type(orphaned.owner).objects.filter(pk=orphaned.owner_id).update(is_active=False)
    held = EmailAccount.objects.get(owner=running.owner)
    lease.take(held.pk, now=now - timedelta(minutes=1))
    tick(now)
    found = {each.pk: each.status for each in MailingOut.objects.all()}
    assert found == {running.pk: "A", done.pk: "D", late.pk: "D", orphaned.pk: "P"}
    held.refresh_from_db()
    assert held.run_id is None


def test_while_all_is_paused_a_tick_still_puts_in_order(running, now):
    installation.pause_all()
    MailingOut.objects.update(not_after=now)
    assert tick(now) == []
    assert MailingOut.objects.get().status == MailingOut.Status.DONE


# --- who may send now


def test_who_has_mail_and_nothing_in_the_way_may_send(running, now):
    assert due_runs(now) == [[change_account()]]


@pytest.mark.parametrize(
    "values",
    [
        {"massmail": False},
        {"run_id": "12345678-1234-5678-1234-567812345678"},
        {"cooling_until": "later"},
        {"next_send_at": "later"},
        {"daily_limit": 3, "today_count": 3, "today_date": "today"},
    ],
)
def test_an_account_with_something_in_the_way_does_not(running, now, values):
    moments = {"later": now + timedelta(seconds=1), "today": now.date()}
    change_account(**{name: moments.get(value, value) for name, value in values.items()})
    assert due_runs(now) == []


@pytest.mark.parametrize(
    "values",
    [
        {"cooling_until": "now"},
        {"next_send_at": "now"},
        {"daily_limit": 3, "today_count": 2, "today_date": "today"},
        {"daily_limit": 3, "today_count": 3, "today_date": "yesterday"},
        {"daily_limit": 0, "today_count": 10**6, "today_date": "today"},
    ],
)
def test_an_account_whose_time_has_come_does(running, now, values):
    moments = {"now": now, "today": now.date(), "yesterday": now.date() - timedelta(days=1)}
    pk = change_account(**{name: moments.get(value, value) for name, value in values.items()})
    assert due_runs(now) == [[pk]]


@pytest.mark.parametrize(
    "values",
    [
        {"status": "P"},
        {"status": "I"},
        {"status": "D"},
        {"preparing": "start"},
        {"start_at": "later"},
        {"not_after": "now"},
    ],
)
def test_a_mailing_out_that_does_not_run_is_no_mail(running, now, values):
    moments = {"later": now + timedelta(seconds=1), "now": now}
    MailingOut.objects.update(**{name: moments.get(v, v) for name, v in values.items()})
    assert due_runs(now) == []


def test_a_retry_is_mail_once_its_time_has_come(running, now):
    AccountShare.objects.update(exhausted=True)
    running.deliveries.update(due_at=now)
    assert due_runs(now - timedelta(seconds=1)) == []
    assert due_runs(now) == [[change_account()]]


def test_outside_the_sending_hours_nobody_sends(running, now):
    settings_are(use_business_time=True, time_zone="UTC")
    friday = now.replace(hour=12) + timedelta(days=(4 - now.weekday()) % 7 + 7)
    assert due_runs(friday) == []
    assert due_runs(friday + timedelta(days=3)) == [[change_account()]]


# --- grouping


def accounts_with_mail(number: int, **values) -> list[int]:
    """Accounts of one owner, each with one row of a running mailing out."""
    owner = UserFactory.create()
    mailing_out = MailingOutFactory.create(
        owner=owner,
        status="A",
        started_at=database_now(),
        start_at=database_now(),
        recipients_number=number,
        pending_count=number,
    )
    accounts = EmailAccount.objects.bulk_create(
        EmailAccountFactory.build(owner=owner, **values) for _ in range(number)
    )
    Delivery.objects.bulk_create(
        Delivery(mailing_out=mailing_out, recipient_id=place, email_account=account)
        for place, account in enumerate(accounts)
    )
    AccountShare.objects.bulk_create(
        AccountShare(mailing_out=mailing_out, email_account=account) for account in accounts
    )
    return [account.pk for account in accounts]


def test_accounts_with_a_gap_share_a_task_a_hundred_each(now):
    paced = accounts_with_mail(201, gap_min_s=1, gap_max_s=1)
    fast = accounts_with_mail(2)
    runs = due_runs(now)
    assert runs == [[fast[0]], paced[:100], [fast[1]], paced[100:200], paced[200:]]


def test_many_fast_accounts_do_not_shut_out_those_with_a_gap(now, monkeypatch):
    monkeypatch.setattr(sendmassmail, "TASKS_A_TICK", 2)
    fast = accounts_with_mail(3)
    paced = accounts_with_mail(2, gap_min_s=1, gap_max_s=1)
    assert due_runs(now) == [[fast[0]], paced]


def test_a_mailbox_has_the_gap_of_the_settings(now):
    mailboxes = accounts_with_mail(2, kind="mailbox")
    assert due_runs(now) == [mailboxes]
    settings_are(gap_min_s=0, gap_max_s=0)
    assert due_runs(now) == [[mailboxes[0]], [mailboxes[1]]]


def test_the_most_overdue_comes_first(now):
    first, second, third = accounts_with_mail(3)
    EmailAccount.objects.filter(pk=first).update(next_send_at=now - timedelta(minutes=1))
    EmailAccount.objects.filter(pk=second).update(next_send_at=now - timedelta(minutes=2))
    assert due_runs(now) == [[third], [second], [first]]


def test_a_tick_has_an_end(now, monkeypatch):
    monkeypatch.setattr(sendmassmail, "TASKS_A_TICK", 3)
    assert len(accounts_with_mail(5)) == 5
    assert len(due_runs(now)) == 3


def test_the_number_of_statements_does_not_grow(now, django_assert_num_queries):
    MassmailSettings.load()
    accounts_with_mail(2)
    with django_assert_num_queries(2):
        due_runs(now)
    accounts_with_mail(40)
    with django_assert_num_queries(2):
        due_runs(now)


# --- nothing is forgotten


def test_mailing_outs_that_wait_for_retries_cost_no_statement_each(now, django_assert_num_queries):
    for number in (1, 30):
        for _turn in range(number):
            accounts_with_mail(1)
        AccountShare.objects.update(exhausted=True)
        Delivery.objects.update(due_at=now + timedelta(hours=1))
        with django_assert_num_queries(2):
            sendmassmail._adopt_forgotten()
    assert not AccountShare.objects.filter(exhausted=False).exists()


def test_rows_of_a_deleted_account_go_to_another(running, now):
    EmailAccount.objects.all().delete()
    assert tick(now) == []
    other = EmailAccountFactory.create(owner=running.owner)
    assert tick(now) == [[other.pk]]
    assert set(running.deliveries.values_list("email_account", flat=True)) == {other.pk}


def test_a_share_that_is_wrongly_exhausted_is_opened_again(running, now):
    AccountShare.objects.update(exhausted=True, watermark=10**6)
    assert tick(now) == [[change_account()]]
    share = AccountShare.objects.get()
    assert (share.exhausted, share.watermark) == (False, 0)


def test_a_lost_share_is_made_again(running, now):
    AccountShare.objects.all().delete()
    assert tick(now) == [[change_account()]]


def test_rows_that_all_wait_for_their_time_are_in_sight(running, now):
    AccountShare.objects.update(exhausted=True)
    running.deliveries.update(due_at=now + timedelta(hours=1))
    before = everything()[2]
    assert tick(now) == []
    assert everything()[2] == before


def test_a_retry_of_a_deleted_account_goes_to_another(running, now):
    running.deliveries.update(due_at=now)
    EmailAccount.objects.all().delete()
    other = EmailAccountFactory.create(owner=running.owner)
    assert tick(now) == [[other.pk]]


def test_vips_of_a_main_account_that_is_off_hide_nobody(now):
    """They wait for it, and others whose account was deleted leave all the same."""
    owner = UserFactory.create()
    main = MainAccountFactory.create(owner=owner, massmail=False)
    mailing_out = campaign_on(NO_SERVER, people=3, owner=owner)
    vip = mailing_out.deliveries.order_by("pk")[0]
    Delivery.objects.filter(pk=vip.pk).update(email_account=main)
    AccountShare.objects.create(mailing_out=mailing_out, email_account=main)
    EmailAccount.objects.filter(main=False).delete()
    other = EmailAccountFactory.create(owner=owner)
    assert tick(now) == [[other.pk]]
    vip.refresh_from_db()
    assert vip.email_account == main


@pytest.mark.parametrize("status", ["P", "I", "D"])
def test_what_is_not_active_adopts_nothing(running, now, status):
    AccountShare.objects.update(exhausted=True)
    MailingOut.objects.update(status=status, pending_count=2)
    sendmassmail._adopt_forgotten()
    assert AccountShare.objects.get().exhausted


# --- large drafts


def test_large_drafts_are_prepared(now):
    owner = UserFactory.create()
    EmailAccountFactory.create(owner=owner)
    ContactFactory.create_batch(2, owner=owner)
    mailing_out = audience.choose_for_later(
        Contact.objects.all(), owner=owner, message=EmlMessageFactory.create(), name="Big"
    )
    assert sendmassmail.mailing_outs_to_prepare() == [mailing_out.pk]
    sendmassmail.prepare(mailing_out.pk)
    assert sendmassmail.mailing_outs_to_prepare() == []
    mailing_out.refresh_from_db()
    campaign.start_later_in_task(mailing_out)
    sendmassmail.prepare(mailing_out.pk)
    mailing_out.refresh_from_db()
    assert (mailing_out.status, mailing_out.pending_count) == ("A", 2)
    sendmassmail.prepare(mailing_out.pk)  # a message that came twice


# --- in this process


def test_until_idle_prepares_and_sends_all():
    with SmtpServer() as server:
        first = campaign_on(server, people=3, start=False)
        campaign.start_later_in_task(first)
        campaign_on(server, people=2)
        assert run_until_idle() == 5
        assert len(server.mails) == 5
    assert set(MailingOut.objects.values_list("status", flat=True)) == {"D"}


def test_one_round_sends_a_mail_of_each_account_with_a_gap():
    with SmtpServer() as server:
        campaign_on(server, people=3, gap_min_s=60, gap_max_s=60)
        assert run_until_idle(until_idle=False) == 1
        assert run_until_idle() == 0


def test_it_ends_with_the_named_mailing_out():
    with SmtpServer() as server:
        named = campaign_on(server, people=2)
        assert run_until_idle(mailing_out_id=named.pk) >= 2
        named.refresh_from_db()
        assert named.status == MailingOut.Status.DONE
        other = campaign_on(server, people=2)
        assert run_until_idle(mailing_out_id=named.pk) == 0
        assert other.pending_count == 2


def at_most(times: int, answer: bool):
    """Give an answer so often, and then end what would never end."""
    asked = []

    def ask() -> bool:
        asked.append(1)
        assert len(asked) <= times, "it does not end"
        return answer

    return ask


def test_a_stop_ends_it():
    with SmtpServer() as server:
        campaign_on(server, people=3)
        around = Surroundings(stopping=at_most(50, answer=True))
        assert run_until_idle(around=around) == 0
        assert server.mails == []
        assert server.connections <= 1


def test_a_password_that_cannot_be_read_ends_it(settings):
    with SmtpServer(users={"u": "p"}) as server:
        campaign_on(server, people=3, email_host_user="u", email_host_password="p")
        settings.FIELD_ENCRYPTION_KEYS = ["YW5vdGhlciBrZXkgb2YgdGhlIHRlc3RzLCAzMmJ5dGU="]
        around = Surroundings(stopping=at_most(50, answer=False))
        assert run_until_idle(around=around) == 0
    account = EmailAccount.objects.get()
    assert (account.massmail, account.run_id) == (True, None)
