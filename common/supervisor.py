"""Run several parts (processes) as one: start them, restart what ends, stop all of them cleanly.

Linux only, and in the main thread: it takes signals. What the parts are is the caller's business.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
BACK_OFF_S = 2.0  # before a part that ended is started again
PATIENCE_S = 90.0  # for a part to end by itself; more than the deadline that workers keep
_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process to keep running."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None  # added to the supervisor's own environment
    log: Path | None = None  # the file for all that it prints; None: where the supervisor prints


class _Running:
    """A part and its process."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at = 0.0  # monotonic seconds

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches the supervisor alone."""
        with contextlib.ExitStack() as stack:
            output = None
            if self.part.log is not None:
                self.part.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                output = stack.enter_context(self.part.log.open("ab"))
            parent_pid = os.getpid()
            self.process = subprocess.Popen(
                self.part.argv,
                env=os.environ | dict(self.part.env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # safe: two system calls, and Popen is called by the main thread
                preexec_fn=lambda: _end_with(parent_pid),  # noqa: PLW1509
            )

    def ended(self) -> int | None:
        """Return the exit code of a process that ended, and end what is left of its session."""
        process = self.process
        if process is None:
            return None
        # Looked at without reaping it: until then nobody else can get its number.
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        _signal_group(process.pid, signal.SIGKILL)
        self.process = None
        return process.wait()


class Supervisor:
    """Keep parts running between `with Supervisor(parts) as supervisor:` and the end of the block.

    Inside call `tend()` again and again. Leaving the block asks each part once to stop (SIGTERM, in
    the order given), waits up to `patience_s` and kills what is left.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        back_off_s: float = BACK_OFF_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.stop_asked = False  # by a signal; more of them change nothing
        self._running = [_Running(part) for part in parts]
        self._back_off_s = back_off_s
        self._patience_s = patience_s
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._handlers: dict[int, Any] = {}  # Any: what signal.signal() returns
        self._wakeup_fd = -1

    def __enter__(self) -> Self:
        """Take the signals and start every part."""
        for number in STOP_SIGNALS:
            self._handlers[number] = signal.signal(number, self._on_stop)
        self._handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._wakeup_fd = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            for running in self._running:
                running.start()
        except OSError:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop every part and give the signals back."""
        self._leave()

    def tend(self, timeout_s: float = 60.0) -> None:
        """Wait for an event, at most `timeout_s`; start again what ended a back-off ago."""
        now = time.monotonic()
        waiting = [running.start_at for running in self._running if running.process is None]
        self._wait(min([timeout_s, *(max(0.0, start_at - now) for start_at in waiting)]))
        now = time.monotonic()
        for running in self._running:
            code = running.ended()
            if code is not None:
                running.start_at = now + self._back_off_s
                _say(f"{running.part.name} ended ({code}), starts again in {self._back_off_s:g} s")
            elif running.process is None and running.start_at <= now and not self.stop_asked:
                running.start()

    def _leave(self) -> None:
        try:
            self._stop()
        finally:
            signal.set_wakeup_fd(self._wakeup_fd)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _stop(self) -> None:
        for running in self._running:
            if running.process is not None:
                # Its number is ours until ended() reaps it.
                os.kill(running.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._patience_s
        while self._alive() and (rest_s := deadline - time.monotonic()) > 0:
            self._wait(rest_s)
        for running in self._alive():
            _say(f"{running.part.name} does not end: killed")
            if running.process is not None:
                _signal_group(running.process.pid, signal.SIGKILL)
                running.process.wait()

    def _alive(self) -> list[_Running]:
        for running in self._running:
            running.ended()
        return [running for running in self._running if running.process is not None]

    def _wait(self, timeout_s: float) -> None:
        """Sleep until a signal comes (a part that ended sends one too)."""
        select.select([self._wake_read], [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_asked = True


def supervise(
    parts: Sequence[Part],
    *,
    on_started: Callable[[], None] | None = None,
    patience_s: float = PATIENCE_S,
) -> None:
    """Keep `parts` running until SIGINT, SIGTERM, SIGHUP or SIGQUIT; leave no process behind.

    `on_started` is called once, when every part has been started (not: is ready).
    """
    with Supervisor(parts, patience_s=patience_s) as supervisor:
        if on_started is not None:
            on_started()
        while not supervisor.stop_asked:
            supervisor.tend()


def _end_with(parent_pid: int) -> None:
    """Have the kernel end this new process cleanly when its parent is gone, however that went."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        os._exit(1)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _say(line: str) -> None:
    sys.stderr.write(f"supervisor: {line}\n")
    sys.stderr.flush()
