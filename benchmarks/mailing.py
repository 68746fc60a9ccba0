"""S2, S7 and S8: whole mailing outs through a worker, the broker and the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import linear_regression

from django.contrib.auth.models import User

from benchmarks import servers
from benchmarks.campaigns import draft_to, message_of, tidy
from benchmarks.figures import Figure, middle
from benchmarks.people import add_owner, add_relay
from benchmarks.stopwatch import fdatasync_ms
from benchmarks.workers import Sent, Worker, send, worker

A_BYTES = 11_000  # of a mail A on the wire
B_BYTES = 350_000
LOCKED = b"database is locked"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sent."""

    rounds: int
    mails: int
    large_mails: int  # B
    embedded_mails: int  # on SQLite
    memory_mails: int


QUICK = Size(rounds=3, mails=20_000, large_mails=4_000, embedded_mails=10_000, memory_mails=200_000)
FULL = Size(
    rounds=5, mails=100_000, large_mails=20_000, embedded_mails=100_000, memory_mails=1_000_000
)


def whole(*, full: bool) -> Iterator[Figure]:
    """S2: whole mailing outs beside `smtp-source`."""
    size = FULL if full else QUICK
    owner = add_owner()
    with servers.sink() as port:
        add_relay(owner, port=port)
        with worker(processes=1) as one:
            yield from _compared(owner, one, port, "A", size.mails, A_BYTES, 0.65, size.rounds)
            yield from _compared(owner, one, port, "A any", size.mails, A_BYTES, 0.45, size.rounds)
            yield from _compared(owner, one, port, "B", size.large_mails, B_BYTES, 0.8, size.rounds)
        other = add_owner("other")  # with people of its own: others are tied to their account
        for number in (2, 3):
            add_relay(other, port=port, number=number)
        with worker(processes=2) as two:
            yield from _compared(
                other, two, port, "A", size.mails, A_BYTES, None, size.rounds, "2 processes"
            )
    yield Figure("S2", "an fdatasync of 8 KB: ms", fdatasync_ms())


def _compared(  # noqa: PLR0913, PLR0917  # a line of the table
    owner: User,
    by: Worker,
    port: int,
    name: str,
    mails: int,
    size_bytes: int,
    wanted: float | None,
    rounds: int,
    how: str = "1 process",
) -> Iterator[Figure]:
    """Send a message round by round, `smtp-source` in between; tell rate and CPU."""
    ours: list[Sent] = []
    theirs: list[float] = []
    for _round in range(rounds):
        draft = draft_to(mails, owner, message_of(name, owner))
        tidy()
        ours.append(send(draft, by))
        load = servers.postfix_source(port, mails=mails, size_bytes=size_bytes)
        theirs += [load.per_second] if load else []
    rate, other = middle([sent.per_second for sent in ours]), middle(theirs) if theirs else None
    yield Figure(
        "S2",
        f"{mails:,} {name}, {how}: mails/s",
        rate,
        "smtp-source -s 10" if other else "(smtp-source is not installed)",
        other,
        wanted=f"at least {wanted}" if wanted else "",
        met=rate >= wanted * other if other and wanted else None,
    )
    cpu_us = middle([sent.cpu_s / sent.mails * 1e6 for sent in ours])
    yield Figure("S2", f"{mails:,} {name}, {how}: CPU µs a mail", cpu_us)


def embedded(*, full: bool) -> Iterator[Figure]:
    """S7: SQLite and the embedded broker."""
    size = FULL if full else QUICK
    owner = add_owner()
    with servers.sink() as port, worker(processes=1) as one:
        add_relay(owner, port=port)
        sent = [
            send(draft_to(size.embedded_mails, owner, message_of("A", owner)), one)
            for _round in range(size.rounds)
        ]
        rate = middle([each.per_second for each in sent])
        locked = one.log.read_bytes().count(LOCKED)
    yield Figure(
        "S7",
        f"{size.embedded_mails:,} A on SQLite, embedded broker: mails/s",
        rate,
        wanted="at least 3,000",
        met=rate >= 3_000,
    )
    yield Figure("S7", "“database is locked” in the log", locked, wanted="none", met=not locked)


def memory(*, full: bool) -> Iterator[Figure]:
    """S8: how the memory of a worker's process grows."""
    size = FULL if full else QUICK
    owner = add_owner()
    with servers.sink() as port, worker(processes=1) as one:
        add_relay(owner, port=port)
        draft = draft_to(size.memory_mails, owner, message_of("A", owner))
        tidy()
        samples = send(draft, one).memory_mb
    steady = [sample for sample in samples if sample[0] >= size.memory_mails / 10]
    numbers, megabytes = zip(*steady, strict=True)
    slope = linear_regression(numbers, megabytes).slope * 100_000
    yield Figure(
        "S8",
        f"memory of the process over {size.memory_mails:,} mails: MB more per 100,000",
        slope,
        wanted="under 1",
        met=slope < 1,
    )
    yield Figure("S8", "memory of the process at the end: MB", megabytes[-1])
