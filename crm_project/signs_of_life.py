"""A worker that waits for work says that it lives, with Celery's own timer in its main process."""

import logging
from typing import Any

from celery import bootsteps
from django.db import DatabaseError, connection

EVERY_S = 20.0
QUEUE = "deliveries"  # the control worker reports with each tick

logger = logging.getLogger(__name__)


class SignsOfLife(bootsteps.StartStopStep):
    """Reports the deliveries worker of this host while it runs."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **_: Any) -> None:  # Any: Celery's own objects
        self._repeats: Any = None

    def start(self, worker: Any) -> None:
        """Report now and from now on, if this worker serves the queue."""
        if QUEUE in worker.app.amqp.queues.consume_from:
            report()
            self._repeats = worker.timer.call_repeatedly(EVERY_S, report)

    def stop(self, worker: Any) -> None:
        """Report no more."""
        if self._repeats is not None:
            self._repeats.cancel()


def report() -> None:
    """Write the sign of life (SQL), and keep no connection that a child could inherit."""
    from massmail.clock import database_now  # models need Django set up, this module does not
    from massmail.models import Heartbeat
    from massmail.services import heartbeat

    try:
        heartbeat.beat(Heartbeat.Role.DELIVERIES, now=database_now())
    except DatabaseError:
        logger.warning("no sign of life could be written: the database does not answer")
    finally:
        connection.close()
