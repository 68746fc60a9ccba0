"""The demo as a whole: real processes, a database and a broker in a folder of their own."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from crm.demo.processes import free_port

START_S = 90


@pytest.fixture
def environment(tmp_path):
    """An installation of its own; the tests' database is left alone."""
    port = free_port("127.0.0.1", 0)
    return os.environ | {
        "VAR_DIR": str(tmp_path),
        "MEDIA_ROOT": str(tmp_path / "media"),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "DEBUG": "1",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "SITE_URL": f"http://127.0.0.1:{port}",
        "WEB_BIND": "",
        "ALLOWED_HOSTS": "127.0.0.1",
    }


def manage(*arguments):
    return [sys.executable, "manage.py", *arguments]


def processes_in(folder: Path) -> list[str]:
    """Return the processes that were started for this installation."""
    marked = f"VAR_DIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marked in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.mark.parametrize("options", [["--once"], ["--recipients=3"], ["--once", "--recipients=0"]])
def test_options_belong_together(options):
    with pytest.raises(CommandError, match="Give both"):
        call_command("demo", *options)


@pytest.mark.slow
@pytest.mark.embedded
def test_once_sends_to_everybody_and_leaves_no_process(environment, tmp_path):
    done = subprocess.run(
        manage("demo", "--recipients", "30", "--once"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["sent"], result["mailbox"], result["pending"]) == (30, 30, 0)
    assert processes_in(tmp_path) == []


def wait_for(process, output: Path, pattern: str) -> re.Match[str]:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if found := re.search(pattern, output.read_text()):
            return found
        assert process.poll() is None, output.read_text()
        time.sleep(0.2)  # real processes start here
    raise AssertionError(output.read_text())


@pytest.mark.slow
@pytest.mark.embedded
def test_demo_runs_until_it_is_interrupted_and_starts_again(environment, tmp_path):
    subprocess.run(manage("migrate", "--verbosity=0"), env=environment, check=True, timeout=90)
    passwords = []
    for number in range(2):
        output = tmp_path / f"output{number}"
        with output.open("w") as file:
            process = subprocess.Popen(
                manage("demo"), env=environment, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            passwords.append(wait_for(process, output, r"password +(\S+)")[1])
            finished = wait_for(process, output, r"first campaign finished: (\d+) of (\d+) sent: ")
            with urllib.request.urlopen(environment["SITE_URL"], timeout=10) as page:
                assert page.status == 200
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=120)
        assert code == 0
        assert finished[1] == finished[2]
        assert processes_in(tmp_path) == []
    assert passwords[0] == passwords[1]
