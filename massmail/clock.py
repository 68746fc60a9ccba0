"""The two clocks of the engine: the database's, on which all hosts agree, and the process's own."""

import time
from datetime import datetime

from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """Return the database's present time, aware (one statement; none on SQLite, which is local)."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    return now


def boot_seconds() -> float:
    """Return seconds since boot, time asleep included: a stopped process sees that time went by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
