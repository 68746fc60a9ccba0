"""Servers and load generators beside a measurement, each a process of its own that ends with it."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import ROOT

READY_S = 20.0  # seconds for a server to listen
STOP_S = 10.0
SOURCE_S = 600.0  # seconds, at most, for a load generator
SESSIONS = 10  # connections of the load generator, as many as ours


def postfix_tool(name: str) -> Path | None:
    """Return where `smtp-sink` or `smtp-source` is; None where it is not installed.

    SMTP_SINK and SMTP_SOURCE may name them, POSTFIX_BIN their folder.
    """
    named = os.environ.get(name.upper().replace("-", "_"))
    folders = os.pathsep.join(
        filter(None, (os.environ.get("POSTFIX_BIN"), os.environ.get("PATH"), "/usr/sbin"))
    )
    found = named or shutil.which(name, path=folders)
    return Path(found) if found else None


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def sink() -> Iterator[int]:
    """Run a server that takes every mail; give its port."""
    port, tool = free_port(), postfix_tool("smtp-sink")
    if tool is not None:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [str(tool), *user, f"127.0.0.1:{port}", "1000"]
    else:
        command = [sys.executable, "-m", "benchmarks.sink", str(port)]
    with _process(command, port, environment=_libraries(tool)):
        yield port


@contextmanager
def far_away(port: int, *, round_trip_ms: int) -> Iterator[int]:
    """Run a proxy that makes a server far away; give its port."""
    own = free_port()
    command = [sys.executable, "-m", "benchmarks.delay", str(own), str(port), str(round_trip_ms)]
    with _process(command, own, environment=os.environ):
        yield own


@dataclass(frozen=True, slots=True)
class Load:
    """What a load generator did."""

    per_second: float
    cpu_s_per_thousand: float


def postfix_source(port: int, *, mails: int, size_bytes: int) -> Load | None:
    """Send one message so many times over ten connections by `smtp-source`; None without it."""
    tool = postfix_tool("smtp-source")
    if tool is None:
        return None
    command = [str(tool), "-d", "-s", str(SESSIONS), "-m", str(mails), "-l", str(size_bytes)]
    cpu_s, begun_s = _children_cpu_s(), time.perf_counter()
    subprocess.run(
        [*command, f"127.0.0.1:{port}"], check=True, env=_libraries(tool), timeout=SOURCE_S
    )
    took_s = time.perf_counter() - begun_s
    return Load(mails / took_s, (_children_cpu_s() - cpu_s) * 1_000 / mails)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _libraries(tool: Path | None) -> Mapping[str, str]:
    """Return the environment in which a tool finds its libraries, also in an unpacked package."""
    if tool is None or not (folder := tool.resolve().parent.parent / "lib" / "postfix").is_dir():
        return os.environ
    return {**os.environ, "LD_LIBRARY_PATH": str(folder)}


@contextmanager
def _process(command: list[str], port: int, *, environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")
