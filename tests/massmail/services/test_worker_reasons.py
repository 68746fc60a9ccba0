"""Silent parts of the engine, and those that do not fit: each is named once."""

from datetime import timedelta

import pytest
from django.conf import settings

from massmail.clock import database_now
from massmail.models import Heartbeat, MassmailSettings
from massmail.services import worker_reasons
from massmail.services.scene import Scene
from tests.massmail.campaigns import all_alive

pytestmark = pytest.mark.django_db

Role = Heartbeat.Role


@pytest.fixture
def now():
    return database_now()


@pytest.fixture(autouse=True)
def _workers(now):
    all_alive(now)


def scene(now) -> Scene:
    return Scene(now, MassmailSettings(), {}, {}, tuple(Heartbeat.objects.all()))


def silent(now, *, needs_deliveries: bool = True, since=None) -> list[str]:
    found = worker_reasons.silent_parts(scene(now), needs_deliveries=needs_deliveries, since=since)
    return [each.code for each in found]


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ([], []),
        ([Role.TICK], ["no_tick"]),
        ([Role.TICK, Role.BEAT], ["no_beat"]),
        ([Role.TICK, Role.CONTROL], ["no_worker"]),
        ([Role.TICK, Role.BEAT, Role.CONTROL], ["no_worker"]),
        ([Role.BEAT], []),  # ticks come: it is about to report
        ([Role.DELIVERIES], ["no_deliveries_worker"]),
    ],
)
def test_a_missing_tick_is_traced_to_one_part(now, roles, code):
    Heartbeat.objects.filter(role__in=roles).update(seen_at=now - timedelta(seconds=61))

    assert silent(now) == code


def test_deliveries_are_missed_only_where_mails_could_leave_for_some_time(now):
    Heartbeat.objects.filter(role=Role.DELIVERIES).delete()

    assert silent(now, needs_deliveries=False) == []
    assert silent(now, since=now - timedelta(seconds=59)) == []
    assert silent(now, since=now - timedelta(seconds=60)) == ["no_deliveries_worker"]


def test_misfits_of_a_host_are_named_once(now):
    Heartbeat.objects.update(version="0.0", clock_offset_s=7200, key_fingerprint="another")

    found = list(worker_reasons.misfits(scene(now)))

    assert [each.code for each in found] == [
        *("worker_version", "worker_clock"),
        *("worker_version", "worker_key", "worker_version"),
    ]
    assert found[0].text == (
        f"The beat on mailer1 runs version 0.0, this site {settings.VERSION}."
        " Restart the older one with the new version."
    )
    assert found[1].text == "The clock of mailer1 is wrong by +7200 s. Set it."


def test_dead_workers_fit_always(now):
    Heartbeat.objects.update(version="0.0", seen_at=now - timedelta(minutes=2))

    assert list(worker_reasons.misfits(scene(now))) == []
