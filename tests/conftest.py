"""What all tests share: the database they run on, files of their own, and the browser."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.utils import translation
from playwright.sync_api import Browser, sync_playwright
from pytest_django import DjangoDbBlocker

from crm_project.celery import app as celery_app

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
BROWSER_MISSING = "Chromium is missing"


def pytest_configure() -> None:
    """Give this run a PostgreSQL database of its own: two runs at once do not meet."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("postgresql"):
        database.setdefault("TEST", {})["NAME"] = f"massmail_test_{os.getpid()}"


def pytest_report_header() -> str:
    """Say which servers the tests use."""
    engine = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    return f"database: {engine}, broker: {settings.CELERY_BROKER_URL.partition(':')[0]}"


@pytest.fixture(scope="session", autouse=True)
def _files_and_tasks_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep uploads, static files and tasks of the tests away from those of the checkout."""
    static_root = tmp_path_factory.mktemp("static")
    celery_app.conf.update(broker_url="memory://")
    storages = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    with override_settings(
        MEDIA_ROOT=tmp_path_factory.mktemp("media"),
        STATIC_ROOT=static_root,
        STORAGES=storages,
        SECURE_SSL_REDIRECT=False,  # the test client and the live server speak plain HTTP
        SESSION_COOKIE_SECURE=False,
        CSRF_COOKIE_SECURE=False,
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # fast
    ):
        yield


@pytest.fixture(autouse=True)
def _language_of_the_site() -> None:
    """Begin each test in the site's language: a request leaves its own active in the thread."""
    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Iterator[None]:
    """Forget compiled versions: rolled back tests use the same ids again."""
    yield
    # only once Django is set up, which is after this module is read
    from massmail.services import versions

    versions.compiled.cache_clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Make the test database; before it is dropped, end what a live server's threads left open."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """Return the browser: CHROMIUM_PATH, or the first one installed; skip where there is none."""
    names = (os.environ.get("CHROMIUM_PATH") or "", *CHROMIUM_NAMES)
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(BROWSER_MISSING, pytrace=False)
        pytest.skip(BROWSER_MISSING)
    return Path(found)


@pytest.fixture(scope="session")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """Run one Chromium for all browser tests; each test opens a context of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=list(CHROMIUM_FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def redis_url() -> str:
    """Return the address of a Redis for tests (TEST_REDIS_URL), or skip.

    Tests that run side by side use databases of their own, counted down from the one named:
    workers must not take each other's tasks.
    """
    url = os.environ.get("TEST_REDIS_URL", "")
    if not url:
        pytest.skip("No Redis: set TEST_REDIS_URL")
    server, _slash, database = url.rpartition("/")
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return f"{server}/{(int(database) - process) % 16}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Make it impossible to overlook what did not run, or failed before (TEST_NOTICES).

    Before that come the figures that generated tests recorded: how much they went through.
    """
    seeds = Counter[str]()
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, number in report.user_properties:
            if name == "seed":
                seeds[f"FAULTS_SEED={number}"] += 1
            else:
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {number} {name}")
    if seeds:
        shown = ", ".join(f"{seed} ({number})" for seed, number in seeds.items())
        terminalreporter.write_line(f"seeds of experiments: {shown}")
    for notice in os.environ.get("TEST_NOTICES", "").splitlines():
        terminalreporter.write_line(f"!!! {notice} !!!", red=True, bold=True)
    skipped = sum(
        BROWSER_MISSING in str(report.longrepr) for report in terminalreporter.getreports("skipped")
    )
    if skipped:
        line = f"!!! {skipped} BROWSER TESTS SKIPPED: {BROWSER_MISSING.upper()} !!!"
        terminalreporter.write_line(line, red=True, bold=True)
