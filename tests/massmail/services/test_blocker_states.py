"""Every state that a mailing out can be in, built from data: what is said first, and until when.

The table below is complete: a test fails when a state, an obstacle, a reason or a part of the
engine is added that it does not name.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

from common.fields import key_fingerprint
from massmail.clock import database_now
from massmail.models import (
    AccountShare,
    CoolingDomain,
    Delivery,
    EmailAccount,
    Heartbeat,
    MailingOut,
    MassContact,
    MassmailSettings,
)
from massmail.services import account_health, campaign, installation, lease
from massmail.services.account_health import Obstacle
from massmail.services.blockers import Blocker, Explanation, Prospect
from tests.factories import UserFactory
from tests.massmail.campaigns import all_alive, campaign_on
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_workers")]

NO_SERVER = SmtpServer(port=2525)  # nothing is sent
OTHER_KEY = "YW5vdGhlciBrZXkgb2YgdGhlIHRlc3RzLCAzMmJ5dGU="
State, PauseReason, Role = MailingOut.State, MailingOut.PauseReason, Heartbeat.Role
Preparing, Status = MailingOut.Preparing, MailingOut.Status


@dataclass(frozen=True)
class Place:
    """A mailing out to two people over one account, and the moment at which it is asked."""

    mailing_out: MailingOut
    now: datetime
    settings: Any  # pytest-django's

    def mailing_out_is(self, **values) -> None:
        MailingOut.objects.filter(pk=self.mailing_out.pk).update(**values)

    def account_is(self, **values) -> None:
        EmailAccount.objects.update(**values)

    def in_minutes(self, minutes: float) -> datetime:
        return self.now + timedelta(minutes=minutes)


@dataclass(frozen=True)
class Row:
    """How a state comes about, and what is said of it: the first code, and whether it ends."""

    build: Callable[[Place], object]
    code: str  # "" if nothing is in the way
    prospect: Prospect
    ends_by_itself: bool = False  # the first reason has a time
    covers: tuple[enum.Enum, ...] = ()
    is_started: bool = True


def draft_is(place: Place, **values) -> None:
    place.mailing_out_is(**values)


def over(place: Place, **counts: int) -> None:
    """Done, with these numbers of the two people."""
    counts = {"sent_count": 0, "failed_count": 0, "uncertain_count": 0} | counts
    place.mailing_out_is(status=Status.DONE, pending_count=0, **counts)


def in_flight(place: Place, *, run: bool = True, dead: bool = False) -> None:
    """One of the two is on the wire."""
    row = place.mailing_out.deliveries.order_by("pk")[0]
    Delivery.objects.filter(pk=row.pk).update(status=Delivery.Status.IN_FLIGHT)
    AccountShare.objects.update(watermark=row.pk)
    place.mailing_out_is(pending_count=1, in_flight_count=1)
    if run:
        lease.take(EmailAccount.objects.get().pk, now=place.in_minutes(-60 if dead else 0))


def silent(place: Place, *roles: Heartbeat.Role) -> None:
    Heartbeat.objects.filter(role__in=roles).update(seen_at=place.in_minutes(-2))
    place.mailing_out_is(start_at=place.in_minutes(-5))


def misfit(place: Place, **values) -> None:
    Heartbeat.objects.filter(role=Role.DELIVERIES).update(**values)


def copied(place: Place) -> None:
    MassmailSettings.objects.update(fingerprint="another place")
    assert not installation.guard_against_clones(now=place.now)


def closed(place: Place) -> None:
    """A Sunday without sending hours is every day but one in a week."""
    tomorrow = (place.now + timedelta(days=1)).astimezone(UTC).strftime("%A").lower()
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    MassmailSettings.objects.update(
        use_business_time=True, time_zone="UTC", **{day: day == tomorrow for day in days}
    )


def unreadable(place: Place) -> None:
    account = EmailAccount.objects.get()
    account.email_host_password = "secret"
    account.save()
    place.settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    Heartbeat.objects.update(key_fingerprint=key_fingerprint())


def resting_domain(place: Place) -> None:
    """Both rows wait for their domain."""
    until = place.in_minutes(3)
    CoolingDomain.objects.create(
        email_account=EmailAccount.objects.get(),
        domain="slow.example",
        until=until,
        why="throttled",
    )
    for row in place.mailing_out.deliveries.all():
        Delivery.objects.filter(pk=row.pk).update(
            due_at=place.in_minutes(1), address_key=f"p{row.pk}@slow.example"
        )


def shared(place: Place) -> None:
    first = place.mailing_out
    other = MailingOut.objects.create_for(
        first.recipient_model._default_manager.all(),
        owner=first.owner,
        message=first.message,
        name="Other",
    )
    other.start()


def without_accounts(place: Place) -> None:
    MassContact.objects.all().delete()
    EmailAccount.objects.all().delete()


def today_used(place: Place) -> None:
    MassmailSettings.objects.update(time_zone="UTC")
    today = place.now.astimezone(UTC).date()
    place.account_is(daily_limit=5, today_count=5, today_date=today)


def late(place: Place) -> None:
    place.account_is(next_send_at=place.in_minutes(9))
    place.mailing_out_is(not_after=place.in_minutes(5))


def pause_by_system(place: Place, reason: str) -> None:
    campaign.pause_by_system(place.mailing_out.pk, PauseReason(reason))


def paused_with_mail_on_the_wire(place: Place) -> None:
    in_flight(place)
    campaign.pause(place.mailing_out)


STUCK, LATER, NOW = Prospect.STUCK, Prospect.LATER, Prospect.NOW
LEAVING, OVER = Prospect.LEAVING, Prospect.OVER

ROWS = {
    # what the mailing out itself decides
    "draft": Row(lambda p: None, "draft", STUCK, covers=(State.DRAFT,), is_started=False),
    "audience being written": Row(
        partial(draft_is, preparing=Preparing.AUDIENCE),
        *("preparing", STUCK),
        covers=(State.PREPARING, Preparing.AUDIENCE),
        is_started=False,
    ),
    "start being made": Row(
        partial(draft_is, preparing=Preparing.START),
        *("preparing", LATER),
        covers=(Preparing.START,),
        is_started=False,
    ),
    "scheduled": Row(
        lambda p: p.mailing_out_is(start_at=p.in_minutes(60)),
        *("scheduled", LATER, True),
        covers=(State.SCHEDULED,),
    ),
    "paused by a person": Row(
        lambda p: campaign.pause(p.mailing_out, by=UserFactory.create()),
        *("paused", STUCK),
        covers=(State.PAUSED, Status.PAUSED),
    ),
    **{
        f"paused: {reason.value}": Row(
            partial(pause_by_system, reason=reason),
            *("paused", STUCK),
            covers=(reason,),
        )
        for reason in PauseReason
    },
    "paused with a mail on the wire": Row(paused_with_mail_on_the_wire, "paused", STUCK),
    "owner deactivated, not paused yet": Row(
        lambda p: User.objects.update(is_active=False), "owner_deactivated", STUCK
    ),
    "its last moment is over": Row(
        lambda p: p.mailing_out_is(start_at=p.in_minutes(-9), not_after=p.in_minutes(-1)),
        *("expired", OVER),
    ),
    "its last moment comes before its next mail": Row(late, "too_late", STUCK, True),
    "cancelled": Row(
        lambda p: p.mailing_out.cancel(),
        *("cancelled", OVER),
        covers=(State.CANCELLED, Status.INTERRUPTED),
    ),
    "done": Row(partial(over, sent_count=2), "done", OVER, covers=(State.DONE, Status.DONE)),
    "done with failed mails": Row(partial(over, sent_count=1, failed_count=1), "done", OVER),
    "done with uncertain mails": Row(partial(over, sent_count=1, uncertain_count=1), "done", OVER),
    # running
    "mail can leave now": Row(
        lambda p: None, "", NOW, covers=(State.RUNNING, Status.ACTIVE, Role.CONTROL)
    ),
    "mail can leave now, with errors": Row(
        lambda p: p.mailing_out_is(status=Status.ERRORS),
        *("", NOW),
        covers=(State.RUNNING_WITH_ERRORS, Status.ERRORS),
    ),
    "a run holds the account and sends": Row(in_flight, "", LEAVING),
    "a run has just ended": Row(partial(in_flight, run=False), "", LEAVING),
    "in flight of a dead run": Row(partial(in_flight, dead=True), "dead_run", NOW),
    "takes turns": Row(shared, "turns", NOW),
    # the installation
    "all sending paused": Row(lambda p: installation.pause_all(now=p.now), "all_paused", STUCK),
    "the database is a copy": Row(copied, "database_copy", STUCK),
    "outside the sending hours": Row(closed, "outside_hours", LATER, True),
    # accounts
    "account off": Row(
        lambda p: account_health.switch_off(
            EmailAccount.objects.get().pk, reason="credentials", now=p.now
        ),
        *("account_off", STUCK),
        covers=(Obstacle.OFF,),
    ),
    "main account off: VIPs wait": Row(
        lambda p: p.account_is(massmail=False, main=True), "account_off", STUCK
    ),
    "account resting": Row(
        lambda p: account_health.cool(EmailAccount.objects.get().pk, reason="throttled", now=p.now),
        *("cooling", LATER, True),
        covers=(Obstacle.COOLING,),
    ),
    "today's limit used": Row(today_used, "limit", LATER, True, covers=(Obstacle.LIMIT,)),
    "gap": Row(
        lambda p: p.account_is(next_send_at=p.in_minutes(0.5)),
        *("gap", LATER, True),
        covers=(Obstacle.GAP,),
    ),
    "slower after throttling": Row(
        lambda p: p.account_is(slow_per_second=0.5, slow_since=p.now), "slowed", NOW, True
    ),
    "retries wait": Row(
        lambda p: p.mailing_out.deliveries.update(due_at=p.in_minutes(5)), "retry", LATER, True
    ),
    "domain resting": Row(resting_domain, "domain", LATER, True),
    "no account": Row(without_accounts, "no_account", STUCK),
    "key lost": Row(unreadable, "key", STUCK),
    # workers
    "no worker ever": Row(lambda p: Heartbeat.objects.all().delete(), "no_worker", STUCK),
    "all parts silent": Row(lambda p: silent(p, *Role), "no_worker", STUCK, covers=tuple(Role)),
    "control worker silent": Row(
        lambda p: silent(p, Role.TICK, Role.CONTROL), "no_worker", STUCK, covers=(Role.CONTROL,)
    ),
    "beat silent": Row(
        lambda p: silent(p, Role.TICK, Role.BEAT), "no_beat", STUCK, covers=(Role.BEAT,)
    ),
    "broker silent": Row(lambda p: silent(p, Role.TICK), "no_tick", STUCK, covers=(Role.TICK,)),
    "deliveries worker silent": Row(
        lambda p: silent(p, Role.DELIVERIES),
        *("no_deliveries_worker", STUCK),
        covers=(Role.DELIVERIES,),
    ),
    "worker with another key": Row(partial(misfit, key_fingerprint="another"), "worker_key", NOW),
    "worker of another version": Row(partial(misfit, version="0.0"), "worker_version", NOW),
    "worker with another clock": Row(partial(misfit, clock_offset_s=-7200), "worker_clock", NOW),
}


@pytest.fixture
def now() -> datetime:
    return database_now() + timedelta(seconds=10)


@pytest.fixture
def _workers(now) -> None:
    MassmailSettings.load()
    all_alive(now)


def explanation_of(row: Row, now: datetime, settings) -> Explanation:
    """The explanation of the state that the row builds."""
    mailing_out = campaign_on(NO_SERVER, people=2, start=row.is_started, name="news")
    row.build(Place(mailing_out, now, settings))
    return Explanation(MailingOut.objects.get(pk=mailing_out.pk), now)


@pytest.mark.parametrize("name", ROWS)
def test_each_state_is_said(name, now, settings) -> None:
    row = ROWS[name]

    explanation = explanation_of(row, now, settings)

    found = explanation.blockers()
    first = found[0] if found else Blocker("", "")
    assert (first.code, first.until is not None) == (row.code, row.ends_by_itself)
    assert explanation.prospect is row.prospect
    next_mail_at = explanation.next_mail_at()
    if row.prospect is LATER and row.is_started:
        assert next_mail_at is not None
        assert next_mail_at > now
    elif row.prospect is NOW:
        assert next_mail_at == now
    elif row.prospect is not LEAVING:
        assert next_mail_at is None
    assert bool(explanation.sentence()) == (row.prospect is not OVER)
    assert all(each.text.endswith((".", "@")) for each in found)


@pytest.mark.parametrize("kind", [State, Status, Preparing, PauseReason, Obstacle, Role])
def test_no_member_is_without_a_row(kind) -> None:
    covered = {member for row in ROWS.values() for member in row.covers}

    assert [member for member in kind if member not in covered] == []


def test_next_mail_to_a_resting_domain_waits_for_the_domain(now, settings) -> None:
    explanation = explanation_of(ROWS["domain resting"], now, settings)

    (found,) = explanation.blockers()

    assert explanation.next_mail_at() == found.until == now + timedelta(minutes=3)
    assert "to slow.example wait until" in found.text


@pytest.mark.parametrize(
    "name", ["domain resting", "a run holds the account and sends", "retries wait", "no account"]
)
def test_state_costs_a_few_statements(name, now, settings, django_assert_max_num_queries) -> None:
    explanation = explanation_of(ROWS[name], now, settings)

    with django_assert_max_num_queries(10):
        explanation.blockers()
        explanation.sentence()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mail can leave now", "The next mail leaves from news within seconds."),
        ("a run has just ended", "Mails are leaving."),
        ("a run holds the account and sends", "Mails are leaving from news."),
        ("key lost", "No mail leaves until somebody acts."),
    ],
)
def test_sentence_says_what_comes_next(name, said, now, settings) -> None:
    assert explanation_of(ROWS[name], now, settings).sentence() == said


def test_start_that_is_being_made_says_so_unless_no_worker_makes_it(now, settings) -> None:
    explanation = explanation_of(ROWS["start being made"], now, settings)
    assert explanation.sentence() == "Its start is being made; mails leave after that."

    Heartbeat.objects.all().delete()
    explanation = Explanation(explanation.mailing_out, now)
    assert explanation.prospect is STUCK
    assert [each.code for each in explanation.blockers()] == ["preparing", "no_worker"]
