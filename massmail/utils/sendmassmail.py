"""The orchestrator: what has to be put in order now, and which accounts may send now.

A tick is idempotent: it takes no lock and keeps no state, so two beats change nothing. It returns
the runs that may start; `massmail.tasks` enqueues them, a command runs them in its own process.
"""

import itertools
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Case, Count, Exists, F, OuterRef, Q, When

from massmail.clock import database_now
from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    Heartbeat,
    MailingOut,
    MassmailSettings,
)
from massmail.models.delivery import DeliveryQuerySet
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
    heartbeat.beat(Heartbeat.Role.TICK, now=now)
    # first, since settling dead runs counts attempts, by which an older state is known
    is_allowed = installation.guard_against_clones(now=now)
    put_in_order(now)
    return due_runs(now) if is_allowed else []


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
    accounts = _accounts_with_due_mail(settings_row, now)
    paced = [pk for pk, keeps_gap in accounts if keeps_gap]
    fast = [[pk] for pk, keeps_gap in accounts if not keeps_gap]
    groups = [
        paced[first : first + PACED_ACCOUNTS_A_TASK]
        for first in range(0, len(paced), PACED_ACCOUNTS_A_TASK)
    ]
    return _in_turn(fast, groups)[:TASKS_A_TICK]


def _in_turn(fast: list[list[int]], paced: list[list[int]]) -> list[list[int]]:
    """Return runs of both kinds in turn: many of one kind do not shut out the other."""
    turns = itertools.zip_longest(fast, paced)
    return [run for pair in turns for run in pair if run is not None]


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
        is_allowed = installation.guard_against_clones(now=now)
        put_in_order(now)
        runs = due_runs(now) if is_allowed else []
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


def _accounts_with_due_mail(
    settings_row: MassmailSettings, now: datetime
) -> list[tuple[int, bool]]:
    """Return the free accounts that have a fresh row or a retry whose time has come.

    The most overdue first, each with whether it keeps a gap; one statement.
    """
    running = MailingOut.objects.running(now).values("pk")
    open_shares = AccountShare.objects.filter(exhausted=False, mailing_out__in=running)
    retries = Delivery.objects.retry_due(now).filter(mailing_out__in=running)
    accounts = (
        EmailAccount.objects.may_send(settings_row, now)
        .filter(run_id=None)
        .filter(
            Q(pk__in=open_shares.values("email_account"))
            | Q(pk__in=retries.filter(email_account__isnull=False).values("email_account"))
        )
        .annotate(keeps_gap=Case(When(pace.keeping_gap(settings_row), then=True), default=False))
        .order_by(F("next_send_at").asc(nulls_first=True), "pk")
    )
    return list(accounts.values_list("pk", "keeps_gap"))


def _adopt_forgotten() -> None:
    """See that no pending row is out of everybody's sight.

    A row is in sight if its account's share is open, it has a due time, or its account is off
    and waits for a person. Rows of deleted accounts get another account; shares are opened anew
    where rows wait that none of them shows.
    """
    for mailing_out in MailingOut.objects.filter(pk__in=_suspects()).select_related("owner"):
        if _in_sight([mailing_out.pk])[mailing_out.pk] < mailing_out.pending_count:
            rotation = EmailAccount.objects.in_rotation_of(mailing_out.owner)
            ids = list(rotation.values_list("pk", flat=True))
            if ids:
                bulk_moves.adopt_orphans(mailing_out.pk, ids)
            audience_sql.open_shares(mailing_out.pk)


def _suspects() -> list[int]:
    """Return the mailing outs that seem to have rows out of sight (at most three statements).

    Most that have no open share wait for retries alone, which an index counts; only where that
    does not explain all that is pending are their rows read.
    """
    waiting = MailingOut.objects.active().filter(preparing="", pending_count__gt=0)
    open_shares = AccountShare.objects.filter(exhausted=False, email_account__massmail=True)
    orphans = Delivery.objects.filter(
        mailing_out=OuterRef("pk"), email_account=None, status=Delivery.Status.PENDING
    )
    unseen = waiting.filter(~Q(pk__in=open_shares.values("mailing_out")) | Exists(orphans))
    pending = dict(unseen.values_list("pk", "pending_count"))
    for count in (_with_due_time, _in_sight):
        if pending:
            found = count(list(pending))
            pending = {pk: number for pk, number in pending.items() if found[pk] < number}
    return sorted(pending)


def _with_due_time(mailing_out_ids: Sequence[int]) -> Counter[int]:
    """Count the pending rows of mailing outs that have an account and a due time."""
    rows = Delivery.objects.filter(due_at__isnull=False, email_account__isnull=False)
    return _counted(rows.filter(mailing_out__in=mailing_out_ids))


def _in_sight(mailing_out_ids: Sequence[int]) -> Counter[int]:
    """Count the pending rows of mailing outs that are in somebody's sight, open shares aside."""
    rows = Delivery.objects.filter(
        Q(due_at__isnull=False, email_account__isnull=False) | Q(email_account__massmail=False)
    )
    return _counted(rows.filter(mailing_out__in=mailing_out_ids))


def _counted(rows: DeliveryQuerySet) -> Counter[int]:
    pending = rows.filter(status=Delivery.Status.PENDING).order_by()
    return Counter(dict(pending.values_list("mailing_out").annotate(number=Count("pk"))))
