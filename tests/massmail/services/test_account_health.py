"""When an account rests, when it is switched off, and who takes over its rows."""

import uuid
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone

from massmail.clock import database_now
from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    MailingOut,
    MassContact,
    MassmailSettings,
)
from massmail.services import account_health
from massmail.services.account_health import Hindrance, Obstacle, hindrance
from massmail.services.reply_rules import Action, Decision
from tests.factories import (
    DepartmentFactory,
    EmailAccountFactory,
    MainAccountFactory,
    MassContactFactory,
    UserFactory,
)
from tests.massmail.campaigns import campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)  # nothing is sent


@pytest.fixture
def now():
    return database_now()


# --- what keeps it from sending


def test_the_most_lasting_hindrance_is_named(now):
    settings_row = MassmailSettings(time_zone="UTC")
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    account = EmailAccount(
        massmail=False,
        daily_limit=1,
        today_count=1,
        today_date=now.date(),
        cooling_until=now + timedelta(minutes=5),
        next_send_at=now + timedelta(seconds=5),
    )

    def found() -> Hindrance | None:
        return hindrance(account, settings_row, now)

    assert found() == Hindrance(Obstacle.OFF)
    account.massmail = True
    assert found() == Hindrance(Obstacle.LIMIT, midnight)
    account.today_count = 0
    assert found() == Hindrance(Obstacle.COOLING, account.cooling_until)
    account.cooling_until = now
    assert found() == Hindrance(Obstacle.GAP, account.next_send_at)
    account.next_send_at = now
    assert found() is None


def test_the_limit_is_that_of_the_settings_date(now):
    noon_utc = now.replace(hour=12)
    account = EmailAccount(daily_limit=1, today_count=1, today_date=noon_utc.date())
    assert hindrance(account, MassmailSettings(time_zone="Pacific/Kiritimati"), noon_utc) is None


# --- resting


def test_it_rests_longer_each_time_until_a_mail_is_taken(now):
    account = EmailAccountFactory.create()
    waits = []
    for _ in range(7):
        until = account_health.cool(account.pk, reason="throttled", reply="421 busy", now=now)
        waits.append((until - now) / timedelta(minutes=1))
    account.refresh_from_db()
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert (account.cooling_until, account.cooling_count) == (now + timedelta(minutes=30), 7)
    assert (account.cooling_reason, account.trouble_reply) == ("throttled", "421 busy")
    account_health.recover(account.pk)
    account.refresh_from_db()
    assert (account.cooling_until, account.cooling_count) == (None, 0)
    assert (account.cooling_reason, account.trouble_reply) == ("", "")


def test_one_that_is_well_is_not_written():
    account = EmailAccountFactory.create(trouble_reply="kept")
    account_health.recover(account.pk)
    account.refresh_from_db()
    assert account.trouble_reply == "kept"


def test_it_rests_as_long_as_the_server_asks(now):
    account = EmailAccountFactory.create()
    reply = "421 4.7.0 try again in 2 hours"
    until = account_health.cool(account.pk, reason="throttled", reply=reply, now=now)
    assert until == now + timedelta(hours=2)


def test_a_quota_is_probed_every_hour(now):
    account = EmailAccountFactory.create()
    quota = Decision(Action.COOLING, why="account quota", rest_s=3600)
    for _ in range(8):
        account_health.meet(account.pk, quota, reply="550 5.4.5 daily quota", now=now)
        account.refresh_from_db()
        assert account.cooling_until == now + timedelta(hours=1)


def test_people_are_told_once_of_a_trouble_that_needs_them(now, django_capture_on_commit_callbacks):
    account = EmailAccountFactory.create(name="news")
    listed = Decision(Action.COOLING, why="listed", alerts=True)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            account_health.meet(account.pk, listed, reply="554 see zen.spamhaus.org", now=now)
            account_health.recover(account.pk)
    (notice,) = mail.outbox
    assert "rests" in notice.subject
    assert "554 see zen.spamhaus.org" in notice.body


def test_people_are_told_of_another_trouble_and_again_after_half_a_day(
    now, django_capture_on_commit_callbacks
):
    account = EmailAccountFactory.create()
    with django_capture_on_commit_callbacks(execute=True):
        for why, hours in (("listed", 0), ("protocol fault", 1), ("protocol fault", 13)):
            moment = now + timedelta(hours=hours)
            decision = Decision(Action.COOLING, why=why, alerts=True)
            account_health.meet(account.pk, decision, reply="", now=moment)
    assert len(mail.outbox) == 3


def test_nobody_is_told_of_a_trouble_that_passes(now, django_capture_on_commit_callbacks):
    account = EmailAccountFactory.create()
    with django_capture_on_commit_callbacks(execute=True):
        account_health.meet(
            account.pk, Decision(Action.COOLING, why="throttled"), reply="421 busy", now=now
        )
    assert mail.outbox == []


def test_a_decision_switches_off(now):
    account = EmailAccountFactory.create()
    account_health.meet(account.pk, Decision(Action.OFF, why="TLS"), reply="", now=now)
    account.refresh_from_db()
    assert (account.massmail, account.off_reason) == (False, "TLS")


THROTTLED = Decision(Action.COOLING, why="throttled", slows=True)


def test_throttling_halves_the_rate_that_was_measured(now):
    account = EmailAccountFactory.create()
    account_health.meet(account.pk, THROTTLED, reply="421 4.7.0", now=now, measured=30.0)
    account.refresh_from_db()
    assert (account.slow_per_second, account.slow_since) == (15.0, now)
    account_health.switch_on(account)
    account.refresh_from_db()
    assert (account.slow_per_second, account.slow_since) == (None, None)


@pytest.mark.parametrize(
    ("decision", "measured"),
    [(THROTTLED, None), (Decision(Action.COOLING, why="unreachable"), 30.0)],
)
def test_what_is_no_throttling_or_was_not_measured_changes_no_rate(now, decision, measured):
    account = EmailAccountFactory.create()
    account_health.meet(account.pk, decision, reply="", now=now, measured=measured)
    account.refresh_from_db()
    assert account.slow_per_second is None


# --- off and on


def test_it_is_switched_off_with_the_reason(now):
    account = EmailAccountFactory.create(report="older\n")
    assert account_health.switch_off(account.pk, reason="credentials", reply="535 no", now=now)
    account.refresh_from_db()
    assert (account.massmail, account.off_reason, account.off_at) == (False, "credentials", now)
    assert account.trouble_reply == "535 no"
    first, second = account.report.splitlines()
    assert first.endswith(" credentials: 535 no")
    assert second == "older"


def test_the_report_does_not_grow_for_ever(now):
    account = EmailAccountFactory.create(report="x" * account_health.REPORT_MAX)
    account_health.switch_off(account.pk, reason="TLS", now=now)
    account.refresh_from_db()
    assert len(account.report) == account_health.REPORT_MAX
    assert " TLS: \n" in account.report


def test_the_report_is_in_the_time_of_the_site(now):
    account = EmailAccountFactory.create()
    with timezone.override("Asia/Tokyo"):
        account_health.switch_off(account.pk, reason="TLS", now=now)
    account.refresh_from_db()
    tokyo = now.astimezone(ZoneInfo("Asia/Tokyo"))
    assert account.report.startswith(f"{tokyo:%Y-%m-%d %H:%M} JST TLS")


def test_people_are_told_once(now, django_capture_on_commit_callbacks):
    account = EmailAccountFactory.create()
    with django_capture_on_commit_callbacks(execute=True):
        assert account_health.switch_off(account.pk, reason="TLS", now=now)
        assert not account_health.switch_off(account.pk, reason="TLS", now=now)
    assert len(mail.outbox) == 1


def test_switched_on_it_has_forgotten_its_trouble(now):
    account = EmailAccountFactory.create()
    account_health.cool(account.pk, reason="throttled", now=now)
    account_health.switch_off(account.pk, reason="credentials", reply="535 no", now=now)
    account_health.switch_on(account)
    account.refresh_from_db()
    assert account.massmail
    assert (account.off_reason, account.off_at, account.trouble_reply) == ("", None, "")
    assert (account.cooling_until, account.cooling_reason, account.cooling_count) == (None, "", 0)
    assert account.report != ""


@pytest.mark.parametrize("trouble", [account_health.cool, account_health.switch_off])
def test_its_mailing_outs_run_with_errors(now, trouble):
    waiting, other = campaign_on(NO_SERVER), campaign_on(NO_SERVER)
    account = EmailAccount.objects.get(owner=waiting.owner)
    trouble(account.pk, reason="throttled", now=now)
    waiting.refresh_from_db()
    other.refresh_from_db()
    assert (waiting.status, other.status) == ("E", "A")


# --- handing over


@pytest.fixture
def mailing_out():
    """Four people, over the accounts "first" and "second" of one owner."""
    owner = UserFactory.create()
    EmailAccountFactory.create(owner=owner, name="first")
    return campaign_on(NO_SERVER, people=4, owner=owner, name="second")


def named(name: str) -> EmailAccount:
    return EmailAccount.objects.get(name=name)


def spread(mailing_out: MailingOut) -> dict[str | None, int]:
    names = list(mailing_out.deliveries.values_list("email_account__name", flat=True))
    return {name: names.count(name) for name in names}


def test_rows_of_an_account_that_is_off_go_to_the_others(mailing_out):
    AccountShare.objects.update(watermark=10**6, exhausted=True)
    EmailAccount.objects.filter(name="first").update(massmail=False)
    assert spread(mailing_out) == {"first": 2, "second": 2}
    assert account_health.hand_over() == 2
    assert spread(mailing_out) == {"second": 4}
    share = AccountShare.objects.get(email_account=named("second"))
    assert (share.watermark, share.exhausted) == (0, False)
    assert account_health.hand_over() == 0


def test_mass_contacts_keep_their_account(mailing_out):
    before = list(MassContact.objects.order_by("pk").values_list("email_account", flat=True))
    EmailAccount.objects.filter(name="first").update(massmail=False)
    account_health.hand_over()
    after = list(MassContact.objects.order_by("pk").values_list("email_account", flat=True))
    assert after == before


def test_only_rows_that_wait_are_handed_over(mailing_out):
    first = named("first")
    row = mailing_out.deliveries.filter(email_account=first).order_by("pk")[0]
    Delivery.objects.filter(pk=row.pk).update(status=Delivery.Status.UNCERTAIN)
    EmailAccount.objects.filter(pk=first.pk).update(massmail=False)
    assert account_health.hand_over() == 1
    row.refresh_from_db()
    assert row.email_account == first


def test_vips_wait_for_their_main_account(mailing_out):
    main = MainAccountFactory.create(owner=mailing_out.owner, name="main", massmail=False)
    AccountShare.objects.create(mailing_out=mailing_out, email_account=main)
    mailing_out.deliveries.filter(email_account__name="first").update(email_account=main)
    assert account_health.hand_over() == 0
    assert spread(mailing_out) == {"main": 2, "second": 2}


def test_rows_never_go_to_the_main_account(mailing_out):
    MainAccountFactory.create(owner=mailing_out.owner)
    EmailAccount.objects.filter(name="first").update(massmail=False)
    account_health.hand_over()
    assert spread(mailing_out) == {"second": 4}


def test_where_there_is_no_other_account_all_wait_until_there_is_one(mailing_out):
    EmailAccount.objects.update(massmail=False)
    EmailAccountFactory.create()
    assert account_health.hand_over() == 0
    assert spread(mailing_out) == {"first": 2, "second": 2}
    EmailAccountFactory.create(owner=mailing_out.owner, name="third")
    assert account_health.hand_over() == 4
    assert spread(mailing_out) == {"third": 4}


def test_a_shared_account_of_a_colleague_takes_over(mailing_out):
    department = DepartmentFactory.create()
    mailing_out.owner.groups.add(department)
    colleague = UserFactory.create(departments=[department])
    EmailAccountFactory.create(name="theirs", owner=colleague, department=department, shared=True)
    EmailAccount.objects.exclude(name="theirs").update(massmail=False)
    assert account_health.hand_over() == 4
    assert spread(mailing_out) == {"theirs": 4}


def test_a_run_that_still_holds_it_comes_first(mailing_out):
    EmailAccount.objects.filter(name="first").update(massmail=False, run_id=uuid.uuid4())
    assert account_health.hand_over() == 0
    EmailAccount.objects.update(run_id=None)
    assert account_health.hand_over() == 2


@pytest.mark.parametrize("status", ["P", "I", "D"])
def test_what_is_not_active_keeps_its_accounts(mailing_out, status):
    MailingOut.objects.update(status=status)
    EmailAccount.objects.filter(name="first").update(massmail=False)
    assert account_health.hand_over() == 0


def test_an_account_on_and_off_again_hands_over_again(mailing_out):
    first, second = named("first"), named("second")
    EmailAccount.objects.filter(pk=first.pk).update(massmail=False)
    account_health.hand_over()
    account_health.switch_on(first)
    EmailAccount.objects.filter(pk=second.pk).update(massmail=False)
    assert account_health.hand_over() == 4
    account_health.switch_on(second)
    EmailAccount.objects.filter(pk=first.pk).update(massmail=False)
    assert account_health.hand_over() == 4
    assert spread(mailing_out) == {"second": 4}


def test_a_vip_is_settled_on_the_main_account():
    owner = UserFactory.create()
    main = MainAccountFactory.create(owner=owner, name="main")
    mailing_out = campaign_on(NO_SERVER, people=2, owner=owner, name="news", start=False)
    person = mailing_out.recipient_model._default_manager.order_by("pk")[0]
    MassContactFactory.create(content_object=person, email_account=main)
    mailing_out.start()
    assert spread(mailing_out) == {"main": 1, "news": 1}


def test_person_who_switches_off_is_noted_and_nobody_is_told(account, owner, mailoutbox):
    was_on = [
        account_health.switch_off_by_hand(account.pk, by=owner, now=timezone.now())
        for _ in range(2)
    ]

    account.refresh_from_db()
    assert was_on == [True, False]
    assert (account.massmail, account.off_reason) == (False, "by hand")
    assert account.report.count("by hand: olga") == 1
    assert mailoutbox == []
