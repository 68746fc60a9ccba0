"""How a worker stops: the mails on the wire end, nothing new begins, and a deadline holds.

A signal handler in a pool child would not survive Celery's own, and it would break off a mail. So
the children ignore signals; the parent's handlers set a byte in memory that all of them share, and
start the deadline that Celery does not have. A run asks `stopping()` before it begins a mail.
"""

import gc
import mmap
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from celery import signals
from django.conf import settings

_flag = mmap.mmap(-1, 1)  # anonymous: this process and the children it forks see the same byte
_owner_pid = os.getpid()  # the process that loaded this module, the parent of all pool children

Handler = Callable[[int, FrameType | None], Any]  # Any: what a handler returns is not looked at


def stopping() -> bool:
    """Tell whether to begin nothing more: a stop was asked for, or this child's parent is gone."""
    is_child = os.getpid() != _owner_pid
    return _flag[0] == 1 or (is_child and os.getppid() != _owner_pid)


def ask_to_stop() -> None:
    """Make `stopping()` true in this process and in all of its family, for good."""
    _flag[0] = 1


def stop_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP ask a single process, without Celery, to stop."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: ask_to_stop())


def connect_worker_signals() -> None:
    """Arrange the clean stop for the workers of this process. Call it before any of them forks."""
    signals.worker_ready.connect(_prepare_parent)
    signals.worker_process_init.connect(_prepare_child)
    signals.worker_before_create_process.connect(_freeze_memory)


def _prepare_parent(**_: Any) -> None:  # Any: Celery's signal arguments
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _asking_first(signal.getsignal(number)))
    # By default SIGHUP starts the worker anew in the middle of everything.
    signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))


def _asking_first(then: Any) -> Handler:  # Any: what signal.getsignal() returns
    def handler(number: int, frame: FrameType | None) -> None:
        ask_to_stop()
        # Counted from the first signal. SIGALRM ends the parent, and the kernel then its children.
        signal.alarm(signal.alarm(0) or settings.STOP_DEADLINE_S)
        if callable(then):
            then(number, frame)

    return handler


def _prepare_child(**_: Any) -> None:  # Any: Celery's signal arguments
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the one thing that Celery leaves in place
    if threading.current_thread() is not threading.main_thread():
        # A replacement, forked by a thread of the pool (filesystem broker only): it would be
        # killed with that thread, and the child it replaces may have died with the pool's lock.
        # So it takes no mail and ends the worker; the supervisor starts a new one.
        ask_to_stop()
        os.kill(os.getppid(), signal.SIGTERM)


def _freeze_memory(**_: Any) -> None:  # Any: Celery's signal arguments
    """Keep what was loaded before a fork out of the collector: its pages stay shared."""
    gc.collect()
    gc.freeze()
