import socket
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError

from common.fields import key_fingerprint
from massmail.clock import database_now
from massmail.models import Heartbeat
from massmail.services.heartbeat import beat, last_seen

pytestmark = pytest.mark.django_db

Role = Heartbeat.Role


def test_it_says_who_runs_what_and_with_which_key():
    now = database_now()
    beat(Role.CONTROL, now=now)
    row = Heartbeat.objects.get()
    assert (row.host, row.role, row.seen_at) == (socket.gethostname(), "control", now)
    assert (row.version, row.key_fingerprint) == (settings.VERSION, key_fingerprint())
    assert abs(row.clock_offset_s) < 60
    assert str(row) == f"control on {socket.gethostname()}"


def test_it_is_written_once_in_ten_seconds(django_assert_num_queries):
    now = database_now()
    beat(Role.CONTROL, now=now)
    with django_assert_num_queries(1):
        beat(Role.CONTROL, now=now + timedelta(seconds=9, milliseconds=999))
    assert last_seen(Role.CONTROL) == now
    later = now + timedelta(seconds=10)
    beat(Role.CONTROL, now=later)
    assert last_seen(Role.CONTROL) == later
    assert Heartbeat.objects.count() == 1


def test_each_part_has_its_own():
    now = database_now()
    beat(Role.CONTROL, now=now)
    assert last_seen(Role.DELIVERIES) is None
    beat(Role.DELIVERIES, now=now)
    assert Heartbeat.objects.count() == 2


def test_the_last_of_all_hosts_counts():
    now = database_now()
    for seconds, host in enumerate(["a", "b", "c"]):
        Heartbeat.objects.create(host=host, role="control", seen_at=now - timedelta(seconds))
    assert last_seen(Role.CONTROL) == now


def test_a_clock_that_is_ahead_shows():
    beat(Role.CONTROL, now=database_now() - timedelta(hours=1))
    assert Heartbeat.objects.get().clock_offset_s == pytest.approx(3600, abs=60)


def test_a_part_of_a_host_has_one_row():
    beat(Role.CONTROL, now=database_now())
    with pytest.raises(IntegrityError):
        Heartbeat.objects.create(host=socket.gethostname(), role="control", seen_at=database_now())
