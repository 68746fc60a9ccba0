import subprocess

import pytest
from django.conf import settings


@pytest.mark.parametrize("arguments", [(), ("dance",), ("worker", "dance")])
def test_run_without_a_command_it_knows(arguments):
    done = subprocess.run(
        [settings.BASE_DIR / "run", *arguments],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ./run COMMAND")
