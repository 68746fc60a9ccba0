"""A task for the test of the clean stop, loaded by a real worker only."""

import time
from pathlib import Path

from celery import shared_task

from common.stopping import stopping


@shared_task
def work_until_stopping(journal: str, rest_s: float) -> None:
    """Say so, wait for the stop, then take `rest_s` seconds for what is still to do."""
    path = Path(journal)
    path.write_text("working\n")
    deadline = time.monotonic() + 30
    while not stopping() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(rest_s)
    with path.open("a") as file:
        file.write("finished\n")
