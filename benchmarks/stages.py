"""Where the time of a mail goes, stage by stage: clocks around the functions that do the work.

Each stage has the time that is its own, without that of the stages inside it. What is done in
the ledger's thread goes on beside the sending: its time does not add to the run's. The clocks
cost about a microsecond a call.
"""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import isgeneratorfunction
from typing import Any

from benchmarks import servers
from benchmarks.campaigns import draft_to, message_of, tidy
from benchmarks.figures import Figure
from benchmarks.people import add_owner, add_relay
from benchmarks.stopwatch import spent
from massmail.utils.sendmassmail import run_until_idle

PEOPLE = {False: 20_000, True: 100_000}  # by full
REST = "the rest of the run"

# Stage, then the functions that are it: module, and name with its class.
STAGES: tuple[tuple[str, str, str], ...] = (
    ("people query", "massmail.services.people_reader", "PeopleReader.read"),
    ("eligibility", "massmail.services.plain_turn", "plain_verdicts"),
    ("record and claim, in one statement", "massmail.services.plain_turn",
     "PlainTurns.record_and_claim"),
    ("turns that are not plain", "massmail.services.turns", "Turns._try"),
    ("what the mail knows of its person", "massmail.services.render", "person_of"),
    ("build", "massmail.utils.email_creators", "CompiledMessage.build"),
    ("wire", "massmail.backends.smtp", "SmtpTransport.send"),
    ("meaning of the reply", "massmail.services.delivery_run", "decide"),
)  # fmt: skip

Work = Callable[..., Any]  # Any: whatever the wrapped function takes and returns


class Clocks:
    """Time that is a stage's own, per thread: a stage inside another stops its clock."""

    def __init__(self) -> None:
        self.wall_s: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}
        self.beside: set[str] = set()  # stages in other threads than the sending one
        self._thread = threading.local()

    def around(self, stage: str, work: Work) -> Work:
        """Return the function with a clock around it, around each step of a generator."""
        if isgeneratorfunction(work):

            @functools.wraps(work)
            def stepping(*args: Any, **kwargs: Any) -> Iterator[Any]:
                steps = work(*args, **kwargs)
                try:
                    while True:
                        yield self._timed(stage, next, steps)
                except StopIteration:
                    return
                finally:
                    steps.close()

            return stepping

        @functools.wraps(work)
        def timed(*args: Any, **kwargs: Any) -> Any:
            return self._timed(stage, work, *args, **kwargs)

        return timed

    def _timed(self, stage: str, work: Work, *args: Any, **kwargs: Any) -> Any:
        outer: list[float] | None = getattr(self._thread, "inner", None)
        inner = self._thread.inner = [0.0, 0.0]  # wall and CPU of the stages inside
        begun = time.perf_counter(), time.thread_time()
        try:
            return work(*args, **kwargs)
        finally:
            took = time.perf_counter() - begun[0], time.thread_time() - begun[1]
            self.wall_s[stage] = self.wall_s.get(stage, 0.0) + took[0] - inner[0]
            self.cpu_s[stage] = self.cpu_s.get(stage, 0.0) + took[1] - inner[1]
            if threading.current_thread() is not threading.main_thread():
                self.beside.add(stage)
            self._thread.inner = outer
            if outer is not None:
                outer[0] += took[0]
                outer[1] += took[1]


def put_around(clocks: Clocks) -> None:
    """Put clocks around the functions of all stages."""
    for stage, module, name in STAGES:
        owner: Any = import_module(module)
        *path, last = name.split(".")
        for part in path:
            owner = getattr(owner, part)
        setattr(owner, last, clocks.around(stage, getattr(owner, last)))


def of_a_mail(*, full: bool) -> Iterator[Figure]:
    """Send message A by one process without Celery; tell µs a mail by stage, wall and CPU."""
    people, owner, clocks = PEOPLE[full], add_owner(), Clocks()
    with servers.sink() as port:
        add_relay(owner, port=port)
        draft = draft_to(people, owner, message_of("A", owner))
        draft.start()
        tidy()
        put_around(clocks)
        took = spent(lambda: run_until_idle(mailing_out_id=draft.pk))
    in_turn_s = [wall for stage, wall in clocks.wall_s.items() if stage not in clocks.beside]
    clocks.wall_s[REST] = took.wall_s - sum(in_turn_s)
    clocks.cpu_s[REST] = took.cpu_s - sum(clocks.cpu_s.values())
    for stage in [stage for stage, _module, _name in STAGES] + [REST]:
        if stage in clocks.wall_s:
            where = " (beside the sending)" if stage in clocks.beside else ""
            yield _figure(stage + where, clocks.wall_s[stage], clocks.cpu_s[stage], people)
    yield _figure("all", took.wall_s, took.cpu_s, people)


def _figure(stage: str, wall_s: float, cpu_s: float, people: int) -> Figure:
    wall_us, cpu_us = wall_s / people * 1e6, cpu_s / people * 1e6
    return Figure("stage", f"{stage}: µs a mail", wall_us, "of which CPU", cpu_us)
