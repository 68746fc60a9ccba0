"""Whether a worker that has nothing to do says that it lives."""

from types import SimpleNamespace

import pytest
from celery.utils.timer2 import Timer
from django.conf import settings
from django.db import connection

from crm_project import signs_of_life
from crm_project.celery import app
from crm_project.signs_of_life import EVERY_S, ReportingScheduler, SignsOfLife
from massmail.models import Heartbeat

pytestmark = pytest.mark.django_db


class Repeats(Timer):
    """Celery's timer, asked and not run: what was to be repeated is called by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[float, object, tuple[str, ...]]] = []

    def call_repeatedly(self, secs, fun, args=(), kwargs=None, priority=0):
        self.asked.append((secs, fun, args))
        return super().call_repeatedly(secs, fun, args, kwargs or {}, priority)

    def ensure_started(self) -> None:
        """Start no thread."""


def worker_of(*queues: str):
    amqp = SimpleNamespace(queues=SimpleNamespace(consume_from=dict.fromkeys(queues)))
    return SimpleNamespace(app=SimpleNamespace(amqp=amqp), timer=Repeats())


@pytest.fixture(autouse=True)
def _connection_stays(monkeypatch):
    """Keep the connection of the test open: the test's transaction is on it."""
    monkeypatch.setattr(connection, "close", lambda: None)


def test_worker_of_deliveries_reports_at_once_and_from_then_on():
    worker = worker_of("deliveries")

    SignsOfLife(worker).start(worker)

    assert list(Heartbeat.objects.values_list("role", flat=True)) == ["deliveries"]
    assert worker.timer.asked == [(EVERY_S, signs_of_life.report, ("deliveries",))]


@pytest.mark.parametrize(
    ("queues", "roles"),
    [(("control",), ["control"]), (("control", "deliveries"), ["control", "deliveries"])],
)
def test_worker_reports_each_queue_that_it_serves(queues, roles):
    worker = worker_of(*queues)

    SignsOfLife(worker).start(worker)

    assert sorted(Heartbeat.objects.values_list("role", flat=True)) == roles


def test_worker_of_other_queues_reports_nothing():
    worker = worker_of("celery")

    SignsOfLife(worker).start(worker)

    assert (Heartbeat.objects.count(), worker.timer.asked) == (0, [])


def test_every_queue_has_a_role():
    routes = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    queues = routes | {settings.CELERY_TASK_DEFAULT_QUEUE}

    assert set(signs_of_life.ROLES) == queues
    assert {*signs_of_life.ROLES.values(), signs_of_life.BEAT, "tick"} == set(Heartbeat.Role)


def test_beat_reports_at_its_first_tick_and_then_now_and_then():
    scheduler = ReportingScheduler(app, schedule={}, lazy=True)

    assert scheduler.tick() > 0
    assert list(Heartbeat.objects.values_list("role", flat=True)) == ["beat"]
    Heartbeat.objects.all().delete()
    scheduler.tick()
    assert Heartbeat.objects.count() == 0


def test_beat_of_this_app_reports():
    assert app.conf.beat_scheduler == "crm_project.signs_of_life:ReportingScheduler"


def test_worker_that_stops_reports_no_more():
    worker = worker_of("deliveries")
    step = SignsOfLife(worker)
    step.start(worker)
    (entry,) = [entry for _eta, _priority, entry in worker.timer.schedule.queue]

    step.stop(worker)

    assert entry.canceled


def test_every_worker_of_this_app_has_the_step():
    assert SignsOfLife in app.steps["worker"]
