import sys

import pytest

from crm_project import parts


def flag(argv: tuple[str, ...], name: str) -> str:
    return argv[argv.index(name) + 1]


def test_workers_serve_one_queue_each(monkeypatch):
    monkeypatch.delenv("DELIVERIES_CONCURRENCY", raising=False)
    control, deliveries = parts.argv("control"), parts.argv("deliveries")
    assert (flag(control, "-Q"), flag(control, "-c")) == ("control", "1")
    assert (flag(deliveries, "-Q"), flag(deliveries, "-c")) == ("deliveries", "8")
    assert flag(control, "-n") != flag(deliveries, "-n")


def test_deliveries_concurrency_is_for_the_operator(monkeypatch):
    monkeypatch.setenv("DELIVERIES_CONCURRENCY", "3")
    assert flag(parts.argv("deliveries"), "-c") == "3"


def test_beat_leaves_no_files():
    assert parts.argv("beat") == (
        *(sys.executable, "-m", "celery", "-A", "crm_project", "beat"),
        "--pidfile=",
    )


def test_main_with_an_unknown_part():
    with pytest.raises(SystemExit, match="There is no part 'mailer'"):
        parts.main(["control", "mailer"])
