"""The orchestrator: what has to be put in order now, and which accounts may send now.

A tick is idempotent: it takes no lock and keeps no state, so two beats change nothing. It returns
the runs that may start; `massmail.tasks` enqueues them, a command runs them in its own process.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q

from massmail.clock import database_now
from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    Heartbeat,
    MailingOut,
    MassmailSettings,
)
from massmail.services import (
    account_health,
    audience,
    audience_sql,
    bulk_moves,
    campaign,
    heartbeat,
    installation,
    lease,
    pace,
    send_window,
)
from massmail.services.delivery_run import deliver_in_turn
from massmail.services.surroundings import Surroundings

logger = logging.getLogger(__name__)

TASKS_A_TICK = 500
PACED_ACCOUNTS_A_TASK = 100  # accounts with a gap, sent one after the other


def tick(now: datetime | None = None) -> list[list[int]]:
    """Put in order what time and accidents left, and return the runs that may start now.

    A run is a list of account ids: one account, or many that have a gap between their mails.
    """
    now = now or database_now()
    heartbeat.beat(Heartbeat.Role.CONTROL, now=now)
    put_in_order(now)
    return due_runs(now) if installation.guard_against_clones(now=now) else []


def put_in_order(now: datetime) -> None:
    """Settle what time and accidents left: dead runs, accounts off, campaigns at their end."""
    lease.expire(now=now)
    account_health.hand_over()
    _adopt_forgotten()
    campaign.settle_ended(now=now)
    campaign.pause_those_of_deactivated_owners()
    campaign.finish(now=now)


def due_runs(now: datetime) -> list[list[int]]:
    """Return the accounts with mail that could leave now, most overdue first, grouped for tasks."""
    settings_row = MassmailSettings.load()
    if send_window.opens_at(settings_row, now) is not None:
        return []
    accounts = [
        account
        for account in _accounts_with_due_mail(now)
        if account_health.hindrance(account, settings_row, now) is None
    ]
    paced = [a.pk for a in accounts if pace.keeps_gap(a, settings_row)]
    runs = [[a.pk] for a in accounts if not pace.keeps_gap(a, settings_row)]
    runs += [
        paced[first : first + PACED_ACCOUNTS_A_TASK]
        for first in range(0, len(paced), PACED_ACCOUNTS_A_TASK)
    ]
    return runs[:TASKS_A_TICK]


def mailing_outs_to_prepare() -> Sequence[int]:
    """Return the large drafts whose audience or start a task has to write."""
    waiting = MailingOut.objects.exclude(preparing="").order_by("pk")
    return list(waiting.values_list("pk", flat=True))


def prepare(mailing_out_id: int) -> None:
    """Write the audience of a large draft, or make its noted start; nothing if it is gone."""
    mailing_out = MailingOut.objects.filter(pk=mailing_out_id).first()
    if mailing_out is None:
        return
    if mailing_out.preparing == MailingOut.Preparing.AUDIENCE:
        audience.write_chosen(mailing_out)
    elif mailing_out.preparing == MailingOut.Preparing.START:
        campaign.start_prepared(mailing_out)


def run_until_idle(
    *,
    mailing_out_id: int | None = None,
    until_idle: bool = True,
    around: Surroundings | None = None,
) -> int:
    """Send in this process, without Celery; return how many mails got an outcome.

    Ends when no account has mail that could leave now (`until_idle`), else after one round; as
    soon as the named mailing out has nothing left to send; when a stop was asked for; or when a
    round changed nothing.
    """
    around = around or Surroundings()
    total, last_runs = 0, None
    while not _is_through(mailing_out_id):
        for waiting in mailing_outs_to_prepare():
            prepare(waiting)
        now = around.now()
        put_in_order(now)
        runs = due_runs(now) if installation.guard_against_clones(now=now) else []
        done = sum(deliver_in_turn(run, around) for run in runs)
        total += done
        if not runs or not until_idle or around.stopping() or (not done and runs == last_runs):
            break
        last_runs = runs
    put_in_order(around.now())
    return total


def _is_through(mailing_out_id: int | None) -> bool:
    if mailing_out_id is None:
        return False
    left = MailingOut.objects.filter(pk=mailing_out_id, pending_count=0, in_flight_count=0)
    return left.exists()


def _accounts_with_due_mail(now: datetime) -> list[EmailAccount]:
    """Return the free accounts that have a fresh row or a retry whose time has come."""
    running = MailingOut.objects.running(now).values("pk")
    open_shares = AccountShare.objects.filter(
        email_account=OuterRef("pk"), exhausted=False, mailing_out__in=running
    )
    retries = Delivery.objects.retry_due(now).filter(
        email_account=OuterRef("pk"), mailing_out__in=running
    )
    accounts = (
        EmailAccount.objects.filter(massmail=True, run_id=None)
        .filter(Q(cooling_until=None) | Q(cooling_until__lte=now))
        .filter(Q(next_send_at=None) | Q(next_send_at__lte=now))
        .filter(Exists(open_shares) | Exists(retries))
        .order_by(F("next_send_at").asc(nulls_first=True), "pk")
    )
    return list(accounts)


def _adopt_forgotten() -> None:
    """See that no pending row is out of everybody's sight.

    A row is in sight if its account's share is open, it has a due time, or its account is off
    and waits for a person. Rows of deleted accounts get another account; shares are opened anew
    where rows wait that none of them shows.
    """
    waiting = MailingOut.objects.active().filter(preparing="", pending_count__gt=0)
    open_shares = AccountShare.objects.filter(exhausted=False, email_account__massmail=True)
    orphans = Delivery.objects.filter(
        mailing_out=OuterRef("pk"), email_account=None, status=Delivery.Status.PENDING
    )
    suspects = waiting.filter(~Q(pk__in=open_shares.values("mailing_out")) | Exists(orphans))
    for mailing_out in suspects.select_related("owner"):
        in_sight = mailing_out.deliveries.filter(
            Q(due_at__isnull=False, email_account__isnull=False) | Q(email_account__massmail=False),
            status=Delivery.Status.PENDING,
        )
        if in_sight.count() < mailing_out.pending_count:
            rotation = EmailAccount.objects.in_rotation_of(mailing_out.owner)
            ids = list(rotation.values_list("pk", flat=True))
            if ids:
                bulk_moves.adopt_orphans(mailing_out.pk, ids)
            audience_sql.open_shares(mailing_out.pk)
