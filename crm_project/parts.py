"""The processes that the product consists of: `python -m crm_project.parts NAME…`.

One name becomes that process; several names run together until a signal comes.
"""

import os
import sys

from django.conf import settings

from common.supervisor import Part, supervise

CELERY = (sys.executable, "-m", "celery", "-A", "crm_project")
# Nothing here needs workers to know of each other; beat keeps its schedule in memory.
WORKER = (*CELERY, "worker", "--without-gossip", "--without-mingle", "--without-heartbeat")
WORKER_AT = f"{os.getpid()}@%h"


def argv(name: str) -> tuple[str, ...]:
    """Return the command line of a part. Raises KeyError if there is none of that name."""
    concurrency = os.environ.get("DELIVERIES_CONCURRENCY", "8")
    return {
        "web": (sys.executable, "-m", "gunicorn"),
        "beat": (*CELERY, "beat", "--pidfile="),
        "control": (*WORKER, "-Q", "control", "-c", "1", "-n", f"control-{WORKER_AT}"),
        "deliveries": (
            *(*WORKER, "-Q", "deliveries", "-c", concurrency),
            *("-n", f"deliveries-{WORKER_AT}"),
        ),
    }[name]


def main(names: list[str]) -> None:
    """Become the one part, or keep all of them running."""
    patience_s = settings.STOP_DEADLINE_S + 15.0  # read first: a bad setting ends it here, once
    try:
        commands = [argv(name) for name in names]
    except KeyError as error:
        sys.exit(f"There is no part {error}.")
    if len(commands) == 1:
        os.execv(commands[0][0], commands[0])  # noqa: S606  # no shell is wanted
    parts = [Part(name=name, argv=command) for name, command in zip(names, commands, strict=True)]
    supervise(parts, patience_s=patience_s)


if __name__ == "__main__":
    main(sys.argv[1:] or ["beat", "web", "control", "deliveries"])
