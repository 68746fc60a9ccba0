"""The environment of the tests, set before Django's settings are read (`-p tests.environment`).

Tests depend neither on a `.env` file nor on what the shell exports. Two things may be chosen:
TEST_DATABASE_URL, a PostgreSQL server instead of SQLite, and TEST_REDIS_URL for the tests of Redis.
"""

import atexit
import os
import shutil
import tempfile

VAR_DIR = tempfile.mkdtemp(prefix="massmail-tests-")
atexit.register(shutil.rmtree, VAR_DIR, ignore_errors=True)

UNSET = (
    "DEBUG",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "TIME_ZONE",
    "MEDIA_ROOT",
    "DEFAULT_FROM_EMAIL",
    "ADMINS",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "MICROSOFT_CLIENT_ID",
    "MICROSOFT_CLIENT_SECRET",
    "MASSMAIL_DJANGO_BACKENDS",
    "MASSMAIL_LEASE_S",
    "STOP_DEADLINE_S",
)
for name in UNSET:
    os.environ.pop(name, None)

os.environ.update(
    ENV_FILE=os.devnull,
    VAR_DIR=VAR_DIR,
    SECRET_KEY="a key for the tests alone, as long as the real one has to be",
    FIELD_ENCRYPTION_KEYS="dGhlIGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVzISE=",
    SITE_URL="https://mail.example.com",
    EMAIL_URL="memorymail://",
    MASSMAIL_ALLOW_PRIVATE_HOSTS="1",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", ""),
    REDIS_URL="",  # tests put their tasks into memory
    DJANGO_ALLOW_ASYNC_UNSAFE="1",  # Playwright keeps an event loop in the thread of its test
)
