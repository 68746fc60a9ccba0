"""S9: how many mails are in doubt after a sending process is killed at full speed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from benchmarks import servers
from benchmarks.campaigns import draft_to, message_of, tidy
from benchmarks.figures import Figure
from benchmarks.people import add_owner, add_relay
from benchmarks.workers import TICK_S, Worker, worker
from massmail import tasks
from massmail.models import EmailAccount, MailingOut

IN_DOUBT = 100  # at most, a killed process
WAIT_S = 60.0  # for something to leave, or to be noticed


@dataclass(frozen=True, slots=True)
class Size:
    """How often a process is killed, and out of how many mails."""

    mails: int
    kills: int
    paced_kills: int


QUICK = Size(mails=30_000, kills=5, paced_kills=3)
FULL = Size(mails=200_000, kills=20, paced_kills=10)


def killed(*, full: bool) -> Iterator[Figure]:
    """S9: kill -9 at random moments, and count the uncertain rows each time."""
    size, chance = FULL if full else QUICK, Random(9)  # noqa: S311  # moments
    owner = add_owner()
    with servers.sink() as port, worker(processes=1) as one:
        account = add_relay(owner, port=port)
        draft = draft_to(size.mails, owner, message_of("A", owner))
        tidy()
        draft.start()
        most = max(_uncertain_after_kill(draft, one, chance) for _kill in range(size.kills))
        yield Figure(
            "S9",
            f"uncertain after kill -9 at full speed, the most of {size.kills}",
            most,
            wanted=f"at most {IN_DOUBT}",
            met=most <= IN_DOUBT,
        )
        EmailAccount.objects.filter(pk=account.pk).update(gap_min_s=0, gap_max_s=1)
        most = max(_uncertain_after_kill(draft, one, chance) for _kill in range(size.paced_kills))
        yield Figure(
            "S9",
            f"uncertain after kill -9 of an account with a gap, the most of {size.paced_kills}",
            most,
            wanted="at most 1",
            met=most <= 1,
        )


def _uncertain_after_kill(draft: MailingOut, by: Worker, chance: Random) -> int:
    """Let the worker send, kill its process, and return how many rows became uncertain."""
    draft.refresh_from_db()
    sent, uncertain = draft.sent_count, draft.uncertain_count
    accounts = EmailAccount.objects.filter(owner=draft.owner)

    def sends() -> bool:
        draft.refresh_from_db()
        return draft.sent_count > sent and accounts.exclude(run_id=None).exists()

    _tick_until(sends)
    time.sleep(chance.uniform(0.05, 0.5))
    run_id = accounts.get().run_id
    for pid in by.processes():
        os.kill(pid, signal.SIGKILL)
    _tick_until(lambda: not accounts.filter(run_id=run_id).exists())
    draft.refresh_from_db()
    return draft.uncertain_count - uncertain


def _tick_until(happened: Callable[[], bool]) -> None:
    """Call the tick, as beat would, until something has happened. Raises if it does not."""
    until_s, next_tick_s = time.monotonic() + WAIT_S, 0.0
    while not happened():
        if time.monotonic() > until_s:
            raise RuntimeError("nothing happens")
        if time.monotonic() >= next_tick_s:
            next_tick_s = time.monotonic() + TICK_S
            tasks.tick()
        time.sleep(0.02)
