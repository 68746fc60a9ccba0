"""The processes of the demo: what is started, and waiting until it is there."""

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from common.supervisor import Part, Supervisor

ENVIRONMENT = {"MASSMAIL_ALLOW_PRIVATE_HOSTS": "1"}  # the mailbox is on this machine
POLL_S = 0.1
LOG_LINES = 30
_CELERY = (sys.executable, "-m", "celery", "-A", "crm_project")


class DemoError(Exception):
    """The demo cannot go on; its text is for whoever started it."""


class Stopped(DemoError):
    """A signal asked to stop."""


def mailbox(file: Path, log: Path, *, port: int, port_file: Path | None = None) -> Part:
    """Return the mailbox; port 0 takes a free one, which the port file then holds."""
    argv = [sys.executable, "-m", "crm.demo.mailbox", "--file", str(file), "--port", str(port)]
    if port_file is not None:
        argv += ["--port-file", str(port_file)]
    return Part(name="mailbox", argv=argv, log=log)


def worker(name: str, log: Path) -> Part:
    """Return one Celery worker for both queues, with two processes."""
    flags = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    queues = ("-Q", "control,deliveries", "-c", "2", "-n", f"{name}@%h")
    return Part(name="worker", argv=(*_CELERY, "worker", *flags, *queues), env=ENVIRONMENT, log=log)


def beat(log: Path) -> Part:
    """Return Celery beat."""
    return Part(name="beat", argv=(*_CELERY, "beat", "--pidfile="), env=ENVIRONMENT, log=log)


def house_part(name: str, log: Path, **environment: str) -> Part:
    """Return a part of the installation as `./run` starts it: web, control, deliveries, beat."""
    argv = (sys.executable, "-m", "crm_project.parts", name)
    return Part(name=name, argv=argv, env=ENVIRONMENT | environment, log=log)


def stop_patience_s() -> float:
    """Return how long a part may take to stop, in seconds."""
    return settings.STOP_DEADLINE_S + 15.0


def end_of(log: Path) -> str:
    """Return the last lines of a log, under its name."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join([f"--- the end of {log}", *lines[-LOG_LINES:]])


def wait_for(
    ready: Callable[[], bool], supervisor: Supervisor, *, timeout_s: float, what: str
) -> None:
    """Tend the parts until `ready()`. Raises DemoError after the time-out, and Stopped."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if supervisor.stop_asked:
            raise Stopped("Stopped by a signal.")
        if time.monotonic() > deadline:
            raise DemoError(f"{what} took longer than {timeout_s:.0f} s.")
        supervisor.tend(POLL_S)


def is_listening(host: str, port: int) -> bool:
    """Tell whether something takes connections there."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex((host, port)) == 0


def free_port(host: str, preferred: int) -> int:
    """Return the preferred port, or any free one if that is taken."""
    for port in (preferred, 0):
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                server.bind((host, port))
            except OSError:
                continue
            return int(server.getsockname()[1])
    raise DemoError(f"No port is free on {host}.")
