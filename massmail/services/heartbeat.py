"""Signs of life of the parts of the engine, written by them and read by `blockers`."""

import socket
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from common.fields import key_fingerprint
from massmail.models import Heartbeat

BEAT_EVERY = timedelta(seconds=10)
STALE_AFTER = timedelta(seconds=60)
FORGOTTEN_AFTER = timedelta(days=2)  # a host that is gone for good leaves no trace
CLOCK_OFF_BY_S = 5.0


def beat(role: Heartbeat.Role, *, now: datetime) -> None:
    """Say that this host runs this part; at most one write in 10 s and host."""
    host = socket.gethostname()
    recent = Heartbeat.objects.filter(host=host, role=role, seen_at__gt=now - BEAT_EVERY)
    if recent.exists():
        return
    Heartbeat.objects.update_or_create(
        host=host,
        role=role,
        defaults={
            "version": settings.VERSION,
            "key_fingerprint": key_fingerprint(),
            "clock_offset_s": (timezone.now() - now).total_seconds(),
            "seen_at": now,
        },
    )
    Heartbeat.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()


def is_clock_right(offset_s: float) -> bool:
    """Tell whether a clock that is so many seconds ahead of the database's is near enough."""
    return abs(offset_s) < CLOCK_OFF_BY_S


def last_seen(role: Heartbeat.Role) -> datetime | None:
    """Return when any host last reported this part."""
    return (
        Heartbeat.objects.filter(role=role)
        .order_by("-seen_at")
        .values_list("seen_at", flat=True)
        .first()
    )
