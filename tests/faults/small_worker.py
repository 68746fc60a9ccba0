"""A sending process with little memory, which dies when it wants more, as the kernel would have it.

Run as `python -m tests.faults.small_worker MEGABYTES`: so much more than Django itself takes.
"""

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")


def main() -> None:
    django.setup()
    _die_of_hunger()
    limit_bytes = _used_bytes() + int(sys.argv[1]) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    call_command("sendmassmail", "--until-idle")


def _used_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _die_of_hunger() -> None:
    """Let a message that needs too much memory end the process without a word."""
    # only once Django is set up
    from massmail.services import versions

    usual = versions.compiled

    def compiled(version_id: int) -> Any:  # what it compiles is no matter here
        try:
            return usual(version_id)
        except MemoryError:
            os.kill(os.getpid(), signal.SIGKILL)

    versions.compiled = compiled  # type: ignore[assignment]  # it is not asked for its cache


if __name__ == "__main__":
    main()
