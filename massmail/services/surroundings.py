"""What a run takes from outside: clocks, randomness, connections, the sign to stop."""

import select
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random, SystemRandom

from django.utils import timezone

from common.stopping import stopping
from massmail.backends.base import Transport
from massmail.clock import boot_seconds, database_now
from massmail.models import EmailAccount
from massmail.services.access_tokens import open_connection
from massmail.services.ledger_thread import Jobs, jobs_of_a_run


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


@dataclass
class Surroundings:
    """What a run takes from outside, so that tests can bring their own."""

    now: Callable[[], datetime] = database_now
    now_local: Callable[[], datetime] = timezone.now  # for the Date header
    clock: Callable[[], float] = boot_seconds
    stopping: Callable[[], bool] = stopping
    open_transport: Callable[[EmailAccount], Transport] = open_connection
    random: Random = field(default_factory=SystemRandom)
    sleep: Callable[[float], None] = _sleep
    jobs: Callable[[], Jobs] = jobs_of_a_run
