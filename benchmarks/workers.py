"""A Celery worker for a measurement, and a mailing out sent by it from its start to its end.

The measuring process plays beat and the control worker: it calls the tick every two seconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from benchmarks.environment import ROOT
from benchmarks.stopwatch import children_of, process_cpu_s, process_memory_mb
from massmail import tasks
from massmail.clock import database_now
from massmail.models import MailingOut

READY_S = 60.0
STOP_S = 60.0
TICK_S = 2.0  # as beat has it
LOOK_S = 0.2
SLOWEST_PER_SECOND = 50  # a mailing out that is slower hangs


@dataclass
class Worker:
    """A running worker of the queue `deliveries`."""

    process: subprocess.Popen[bytes]
    log: Path

    def processes(self) -> list[int]:
        """Return the processes that send."""
        return children_of(self.process.pid)

    def cpu_s(self) -> float:
        """Return the CPU that they have used."""
        return sum(process_cpu_s(pid) for pid in self.processes())


@contextlib.contextmanager
def worker(*, processes: int) -> Iterator[Worker]:
    """Run a worker with so many processes until the block ends."""
    log = Path(settings.VAR_DIR) / f"worker-{time.monotonic_ns()}.log"
    environment = {**os.environ, "DELIVERIES_CONCURRENCY": str(processes)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "crm_project.parts", "deliveries"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(lambda: b" ready." in log.read_bytes(), READY_S, "the worker is ready")
        yield Worker(process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass
class Sent:
    """How a mailing out went."""

    mails: int
    seconds: float
    cpu_s: float  # of the processes that sent
    memory_mb: list[tuple[int, float]] = field(default_factory=list)  # mails sent, largest process

    @property
    def per_second(self) -> float:
        """Mails a second."""
        return self.mails / self.seconds


def send(mailing_out: MailingOut, by: Worker) -> Sent:
    """Start a draft, let the worker send it, and return how it went. Raises if mails are left."""
    mailing_out.start()
    people = mailing_out.pending_count
    cpu_s, begun_at = by.cpu_s(), database_now()
    memory: list[tuple[int, float]] = []
    next_tick_s = 0.0
    until_s = time.monotonic() + 60 + people / SLOWEST_PER_SECOND
    while mailing_out.pending_count or mailing_out.in_flight_count:
        if time.monotonic() > until_s:
            raise RuntimeError(f"{mailing_out.pending_count} mails are left")
        if time.monotonic() >= next_tick_s:
            next_tick_s = time.monotonic() + TICK_S
            tasks.tick()
        time.sleep(LOOK_S)
        mailing_out.refresh_from_db()
        memory.append((mailing_out.sent_count, max(map(process_memory_mb, by.processes()))))
    if mailing_out.sent_count != people:
        raise RuntimeError(f"{mailing_out.sent_count} of {people} mails were sent")
    last = mailing_out.deliveries.filter(sent_at__isnull=False).order_by("-sent_at").first()
    assert last is not None
    assert last.sent_at is not None
    seconds = (last.sent_at - begun_at).total_seconds()
    return Sent(people, seconds, by.cpu_s() - cpu_s, memory)


def _wait(is_done: Callable[[], bool], timeout_s: float, what: str) -> None:
    until_s = time.monotonic() + timeout_s
    while not is_done():
        if time.monotonic() > until_s:
            raise RuntimeError(f"not in time: {what}")
        time.sleep(0.05)
