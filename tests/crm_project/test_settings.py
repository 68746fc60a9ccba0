import os
import subprocess
import sys

import pytest
from django.conf import settings


@pytest.mark.parametrize(
    "command",
    [
        ("manage.py", "check"),
        ("-m", "celery", "-A", "crm_project", "beat"),
        ("-m", "gunicorn"),
        ("-m", "crm_project.parts", "control", "deliveries"),
    ],
)
def test_bad_value_ends_every_entry_point_with_one_line(command):
    done = subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": "redis://:hidden@127.0.0.1/0"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Configuration error: DATABASE_URL has to be sqlite:///… or postgres://….\n"
    )


def test_env_file_adds_what_the_environment_lacks(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text("SITE_URL=https://file.example\nTIME_ZONE=Asia/Tokyo\n")
    program = "from crm_project import settings; print(settings.SITE_URL, settings.TIME_ZONE)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env=os.environ | {"ENV_FILE": str(env_file)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "https://mail.example.com Asia/Tokyo\n"


def test_https_follows_from_the_address_of_the_site():
    assert settings.SITE_URL == "https://mail.example.com"
    assert settings.SECURE_HSTS_SECONDS == 31_536_000
    assert settings.SECURE_PROXY_SSL_HEADER == ("HTTP_X_FORWARDED_PROTO", "https")


def test_tasks_go_to_their_queues():
    assert settings.CELERY_TASK_DEFAULT_QUEUE == "control"
    run_deliveries = settings.CELERY_TASK_ROUTES["massmail.tasks.run_deliveries"]
    assert run_deliveries == {"queue": "deliveries"}
    tick = settings.CELERY_BEAT_SCHEDULE["tick"]
    assert (tick["task"], tick["schedule"]) == ("massmail.tasks.tick", 2.0)
    assert tick["options"] == {"expires": 30}
