"""Talking to a mail server while a person waits for the page: bounded in all, step by step.

Runs have their own watch (`delivery_run`), with time for the slowest server.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from massmail.backends.base import Fault, Stage

ASKED_EVERY_S = 5  # how often a transport asks at least, by the contract


@dataclass
class ShortWatch:
    """Gives a server `limit_s` for everything; it ends at most `ASKED_EVERY_S` later."""

    limit_s: float
    clock: Callable[[], float] = time.monotonic
    begun_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Start counting."""
        self.begun_s = self.clock()

    def may_begin(self) -> bool:
        """Say whether there is time for one more mail."""
        return self._has_time()

    def waiting(self, _waited_s: float, _stage: Stage) -> bool:
        """Say whether there is time to go on waiting."""
        return self._has_time()

    def _has_time(self) -> bool:
        return self.clock() - self.begun_s < self.limit_s


def as_seen(fault: Fault) -> Fault:
    """Return the fault as a waiting person sees it: who stopped waiting was made to wait."""
    return Fault.STALLED if fault is Fault.STOPPED else fault
