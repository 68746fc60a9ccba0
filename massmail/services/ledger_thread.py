"""Where a run's work with the database is done: beside the sending, on a connection of its own.

While the run talks to the mail server, this thread records what was sent, claims what comes next
and keeps the lease. It is the one thread that a run has.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from django.db import connection, connections

Found = TypeVar("Found")


class Jobs(Protocol):
    """Something that does jobs one after the other."""

    def submit(self, job: Callable[[], Found]) -> "Future[Found]":
        """Do a job after those before it; its exception comes with its result."""
        ...

    def close(self) -> None:
        """Wait until all is done, and close the connection."""
        ...


class LedgerThread:
    """Does jobs in a thread of its own, which begins with the first of them."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    def submit(self, job: Callable[[], Found]) -> "Future[Found]":
        """Do a job in the thread."""
        return self._executor.submit(job)

    def close(self) -> None:
        """Wait for the last job, and close the thread's own connections to databases."""
        self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=True)


class InThisThread:
    """Does each job at once, where it is asked for."""

    def submit(self, job: Callable[[], Found]) -> "Future[Found]":
        """Do a job now."""
        done: Future[Found] = Future()
        try:
            done.set_result(job())
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asks for the result
            done.set_exception(error)
        return done

    def close(self) -> None:
        """Leave the connection to its owner."""


def jobs_of_a_run() -> Jobs:
    """Return a thread; within a transaction, which no other connection sees, this thread."""
    return InThisThread() if connection.in_atomic_block else LedgerThread()
