"""Real processes, tiny ones: shells, and a Python that supervises them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from common.supervisor import Part, Supervisor, supervise

# Each writes its name and number into the journal when it can be signalled.
POLITE = """
trap "echo stopped {0} >> {1}; exit 0" TERM
echo {0} $$ >> {1}
while :; do sleep 0.02; done
"""
STUBBORN = """
trap "" TERM
sleep 300 & echo child $! >> {1}
echo {0} $$ >> {1}
while :; do sleep 0.02; done
"""
PATIENCE_S = 5.0


@pytest.fixture
def journal(tmp_path) -> Path:
    path = tmp_path / "journal"
    path.touch()
    return path


def shell(name: str, script: str, journal: Path) -> Part:
    return Part(name=name, argv=("sh", "-c", script.format(name, journal)))


def lines(journal: Path) -> list[str]:
    return journal.read_text().splitlines()


def pids(journal: Path, name: str) -> list[int]:
    return [int(line.split()[1]) for line in lines(journal) if line.split()[0] == name]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def wait_until(condition: Callable[[], object], supervisor: Supervisor | None = None) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "did not happen within 10 s"
        if supervisor is None:
            time.sleep(0.01)
        else:
            supervisor.tend(0.01)


def test_leaving_stops_each_part_in_order(journal):
    parts = [shell(name, POLITE, journal) for name in ("beat", "worker")]
    with Supervisor(parts, patience_s=PATIENCE_S) as supervisor:
        wait_until(lambda: len(lines(journal)) == 2, supervisor)
        running = pids(journal, "beat") + pids(journal, "worker")
    assert sorted(lines(journal)[2:]) == ["stopped beat", "stopped worker"]
    assert not any(is_alive(pid) for pid in running)


@pytest.mark.parametrize("script", ["exit 0", "exit 3", "kill -9 $$"])
def test_a_part_that_ends_is_started_again(journal, script, capfd):
    part = shell("worker", "echo {0} $$ >> {1}; " + script.replace("{", "{{"), journal)
    with Supervisor([part], back_off_s=0.05, patience_s=PATIENCE_S) as supervisor:
        wait_until(lambda: len(lines(journal)) >= 3, supervisor)
    assert len(set(pids(journal, "worker"))) >= 3
    assert "supervisor: worker ended (" in capfd.readouterr().err


def test_a_part_is_not_started_before_the_back_off(journal):
    part = shell("worker", "echo {0} $$ >> {1}", journal)
    with Supervisor([part], back_off_s=60, patience_s=PATIENCE_S) as supervisor:
        wait_until(lambda: lines(journal), supervisor)
        supervisor.tend(0.1)
        supervisor.tend(0.05)
    assert len(lines(journal)) == 1


def test_what_a_part_leaves_behind_is_killed(journal):
    part = shell("worker", "sleep 300 & echo child $! >> {1}; exit 1", journal)
    with Supervisor([part], back_off_s=60, patience_s=PATIENCE_S) as supervisor:
        wait_until(lambda: lines(journal), supervisor)
        child = pids(journal, "child")[0]
        wait_until(lambda: not is_alive(child), supervisor)


def test_a_part_that_does_not_stop_is_killed_with_its_children(journal, capfd):
    with Supervisor([shell("deaf", STUBBORN, journal)], patience_s=0.2) as supervisor:
        wait_until(lambda: len(lines(journal)) == 2, supervisor)
    running = pids(journal, "deaf") + pids(journal, "child")
    wait_until(lambda: not any(is_alive(pid) for pid in running))
    assert "supervisor: deaf does not end: killed" in capfd.readouterr().err


def test_an_error_inside_stops_the_parts_too(journal):
    def fail() -> None:
        with Supervisor([shell("worker", POLITE, journal)], patience_s=PATIENCE_S) as supervisor:
            wait_until(lambda: lines(journal), supervisor)
            raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        fail()
    assert lines(journal)[1:] == ["stopped worker"]


def test_a_command_that_does_not_exist_stops_the_others(journal):
    parts = [shell("worker", POLITE, journal), Part(name="lost", argv=("/no/such/command",))]
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(FileNotFoundError), Supervisor(parts, patience_s=PATIENCE_S):
        pass
    assert signal.getsignal(signal.SIGTERM) == before
    assert not any(is_alive(pid) for pid in pids(journal, "worker"))


def test_output_goes_to_the_log_and_env_is_added(tmp_path):
    log = tmp_path / "log" / "worker.log"
    argv = ("sh", "-c", "echo out $COLOUR; echo err >&2")
    part = Part(name="worker", argv=argv, env={"COLOUR": "blue"}, log=log)
    with Supervisor([part], back_off_s=60, patience_s=PATIENCE_S) as supervisor:
        wait_until(lambda: log.exists() and log.read_text().count("\n") == 2, supervisor)
    assert log.read_text() == "out blue\nerr\n"


def test_supervise_calls_on_started_once_and_ends_at_a_signal(journal):
    started: list[int] = []

    def on_started() -> None:
        wait_until(lambda: lines(journal))
        started.append(1)
        os.kill(os.getpid(), signal.SIGHUP)

    parts = [shell("worker", POLITE, journal)]
    supervise(parts, on_started=on_started, patience_s=PATIENCE_S)
    assert started == [1]
    assert lines(journal)[1:] == ["stopped worker"]


@pytest.fixture
def supervising(journal) -> Iterator[subprocess.Popen[bytes]]:
    """Run a supervisor of two polite parts in a process of its own."""
    program = (
        "import sys; from common.supervisor import Part, supervise\n"
        "supervise([Part(name=n, argv=('sh', '-c', s)) for n, s in zip('ab', sys.argv[1:])])"
    )
    scripts = [POLITE.format(name, journal) for name in "ab"]
    process = subprocess.Popen([sys.executable, "-c", program, *scripts], cwd=settings.BASE_DIR)
    wait_until(lambda: len(lines(journal)) == 2)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_signals_stop_the_parts_once(supervising, journal, number):
    for _ in range(3):  # a second Ctrl-C changes nothing
        with contextlib.suppress(ProcessLookupError):
            supervising.send_signal(number)
    assert supervising.wait(timeout=10) == 0
    assert sorted(lines(journal)[2:]) == ["stopped a", "stopped b"]


def test_parts_end_with_a_supervisor_that_is_killed(supervising, journal):
    running = pids(journal, "a") + pids(journal, "b")
    supervising.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in running))
    assert sorted(lines(journal)[2:]) == ["stopped a", "stopped b"]
