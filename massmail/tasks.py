"""Celery's tasks: ids in, one call. A lost or repeated message costs time, never a mail."""

from celery import shared_task
from django.db import transaction

from massmail.clock import database_now
from massmail.models import Heartbeat, MailingOut
from massmail.services import checking, heartbeat
from massmail.services.delivery_run import deliver_in_turn
from massmail.utils import sendmassmail

RUN_EXPIRES_S = 10  # a busy queue does not fill with repeats: the next tick asks again


@shared_task
def tick() -> None:
    """Put things in order, and enqueue the runs that may start."""
    for mailing_out_id in sendmassmail.mailing_outs_to_prepare():
        prepare.apply_async((mailing_out_id,), expires=RUN_EXPIRES_S)
    for account_ids in sendmassmail.tick():
        run_deliveries.apply_async((account_ids,), expires=RUN_EXPIRES_S)


@shared_task
def run_deliveries(account_ids: list[int]) -> None:
    """Send what is due for these accounts, one after the other."""
    heartbeat.beat(Heartbeat.Role.DELIVERIES, now=database_now())
    deliver_in_turn(account_ids)


@shared_task
def prepare(mailing_out_id: int) -> None:
    """Write a large audience, or make a large start."""
    sendmassmail.prepare(mailing_out_id)


def prepare_soon(mailing_out: MailingOut) -> None:
    """Let a worker prepare a large mailing out once this transaction is committed.

    Does nothing for one that needs no preparing. A tick would find it too, a little later.
    """
    if mailing_out.preparing:
        transaction.on_commit(lambda: prepare.delay(mailing_out.pk), robust=True)


@shared_task
def check_audience(mailing_out_id: int) -> None:
    """Check every recipient of a large draft."""
    checking.run_noted(mailing_out_id)
