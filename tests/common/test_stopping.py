"""A real worker with a task on the wire; what a single process does is tested in small ones."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings

LIMIT_S = 20.0


def wait_for(path: Path, text: str, is_running: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not (path.exists() and path.read_text() == text):
        assert is_running(), log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


@pytest.fixture
def journal(tmp_path) -> Path:
    return tmp_path / "journal"


def send_task(folder: Path, *arguments: object) -> None:
    """Put the task into the worker's queue."""
    queues, control = folder / "broker" / "queues", folder / "broker" / "control"
    for path in (queues, control):
        path.mkdir(parents=True)
    app = Celery(broker="filesystem://", set_as_current=False)
    app.conf.broker_transport_options = {
        "data_folder_in": str(queues),
        "data_folder_out": str(queues),
        "control_folder": str(control),
    }
    app.send_task(
        "tests.common.stop_tasks.work_until_stopping",
        arguments,
        queue="control",
        ignore_result=True,
    )


@pytest.fixture
def worker(tmp_path, journal, request) -> Iterator[subprocess.Popen[bytes]]:
    """Run a prefork worker with a queue of its own; its task takes `rest_s` after the stop."""
    rest_s, deadline_s = request.param
    send_task(tmp_path, str(journal), rest_s)
    arguments = ("-A", "crm_project", "worker", "-Q", "control", "-c", "1")
    flags = ("--without-gossip", "--without-mingle", "-I", "tests.common.stop_tasks")
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", *arguments, *flags],
            cwd=settings.BASE_DIR,
            env=os.environ | {"VAR_DIR": str(tmp_path), "STOP_DEADLINE_S": str(deadline_s)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(journal, "working\n", lambda: process.poll() is None, log)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("worker", [(0.3, 20)], indirect=True)
def test_worker_finishes_what_it_does_although_its_whole_group_is_told_twice(worker, journal):
    os.killpg(worker.pid, signal.SIGTERM)
    time.sleep(0.05)
    os.killpg(worker.pid, signal.SIGTERM)
    assert worker.wait(timeout=LIMIT_S) == 0
    assert journal.read_text() == "working\nfinished\n"


@pytest.mark.slow
@pytest.mark.parametrize("worker", [(60, 1)], indirect=True)
def test_worker_that_does_not_finish_ends_at_the_deadline(worker, journal):
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=LIMIT_S) == -signal.SIGALRM
    assert journal.read_text() == "working\n"


def small_process(program: str) -> str:
    """Run a program of its own, so that the flag of this process stays down."""
    done = subprocess.run(
        [sys.executable, "-c", f"import os, signal\nfrom common import stopping\n{program}"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return done.stdout.strip()


def test_single_process_stops_on_a_signal():
    assert (
        small_process(
            "stopping.stop_on_signals(); print(stopping.stopping())\n"
            "os.kill(os.getpid(), signal.SIGTERM); print(stopping.stopping())"
        )
        == "False\nTrue"
    )


def test_a_forked_child_sees_the_flag_of_its_parent():
    assert (
        small_process(
            "ready, go = os.pipe()\n"
            "if os.fork() == 0:\n"
            "    os.read(ready, 1); print(stopping.stopping(), flush=True); os._exit(0)\n"
            "stopping.ask_to_stop(); os.write(go, b'x'); os.wait()"
        )
        == "True"
    )


def test_an_orphan_stops():
    assert (
        small_process(
            "ready, go = os.pipe()\n"
            "if (child := os.fork()) == 0:\n"
            "    if os.fork() == 0:\n"  # its parent is not the one that loaded the module
            "        print(stopping.stopping(), flush=True)\n"
            "        os._exit(0)\n"
            "    os.wait(); os._exit(0)\n"
            "os.waitpid(child, 0)"
        )
        == "True"
    )
