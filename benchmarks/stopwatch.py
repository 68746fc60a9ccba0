"""Time and CPU of a piece of work, and what an fdatasync takes on this machine."""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_SYNCS = 50


@dataclass(frozen=True, slots=True)
class Spent:
    """What some work of this process took."""

    wall_s: float
    cpu_s: float


def spent(work: Callable[[], object]) -> Spent:
    """Do some work and return what it took; CPU of this process alone."""
    cpu_s, begun_s = own_cpu_s(), time.perf_counter()
    work()
    return Spent(time.perf_counter() - begun_s, own_cpu_s() - cpu_s)


def own_cpu_s() -> float:
    """Return the CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def process_cpu_s(pid: int) -> float:
    """Return the CPU that another process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def process_memory_mb(pid: int) -> float:
    """Return the resident memory of a process, in MB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run (Linux)."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(child) for child in found.split()]


def fdatasync_ms() -> float:
    """Return the median time of an fdatasync of 8 KB, as a commit needs one, in milliseconds."""
    times = []
    with tempfile.TemporaryFile(dir=Path.cwd()) as file:
        for _turn in range(_SYNCS):
            file.write(bytes(8_192))
            file.flush()
            begun_s = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun_s) * 1_000)
    return float(median(times))
