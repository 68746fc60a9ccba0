"""The parts of the engine that wait for work say that they live, without the broker.

Workers do it in their main process, by Celery's own timer, the beat between its tasks.
"""

import logging
import time
from typing import Any

from celery import bootsteps
from celery.beat import Scheduler
from django.db import DatabaseError, connection

EVERY_S = 20.0
ROLES = {"control": "control", "deliveries": "deliveries"}  # queue → Heartbeat.Role
BEAT = "beat"

logger = logging.getLogger(__name__)


class SignsOfLife(bootsteps.StartStopStep):
    """Reports the queues that this host's worker serves, while it runs."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **_: Any) -> None:  # Any: Celery's own objects
        self._repeats: list[Any] = []

    def start(self, worker: Any) -> None:
        """Report now and from now on."""
        for queue, role in ROLES.items():
            if queue in worker.app.amqp.queues.consume_from:
                report(role)
                self._repeats.append(worker.timer.call_repeatedly(EVERY_S, report, (role,)))

    def stop(self, worker: Any) -> None:
        """Report no more."""
        for each in self._repeats:
            each.cancel()


class ReportingScheduler(Scheduler):
    """Celery's scheduler in memory, which reports the beat."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Celery's own arguments
        self._report_at_s = 0.0  # by the monotonic clock
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do what is due, report now and then; return in how many seconds to come again."""
        if time.monotonic() >= self._report_at_s:
            report(BEAT)
            self._report_at_s = time.monotonic() + EVERY_S
        wait_s: float = super().tick(*args, **kwargs)
        return wait_s


def report(role: str) -> None:
    """Write the sign of life (SQL), and keep no connection that a child could inherit."""
    from massmail.clock import database_now  # models need Django set up, this module does not
    from massmail.models import Heartbeat
    from massmail.services import heartbeat

    try:
        heartbeat.beat(Heartbeat.Role(role), now=database_now())
    except DatabaseError:
        logger.warning("no sign of life could be written: the database does not answer")
    finally:
        connection.close()
