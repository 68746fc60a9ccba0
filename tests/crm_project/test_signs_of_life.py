"""Whether a worker that has nothing to do says that it lives."""

from types import SimpleNamespace

import pytest
from celery.utils.timer2 import Timer
from django.db import connection

from crm_project import signs_of_life
from crm_project.celery import app
from crm_project.signs_of_life import EVERY_S, SignsOfLife
from massmail.models import Heartbeat

pytestmark = pytest.mark.django_db


class Repeats(Timer):
    """Celery's timer, asked and not run: what was to be repeated is called by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[float, object]] = []

    def call_repeatedly(self, secs, fun, *args, **kwargs):
        self.asked.append((secs, fun))
        return super().call_repeatedly(secs, fun, *args, **kwargs)

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
    assert worker.timer.asked == [(EVERY_S, signs_of_life.report)]


def test_control_worker_leaves_it_to_its_ticks():
    worker = worker_of("control")

    SignsOfLife(worker).start(worker)

    assert (Heartbeat.objects.count(), worker.timer.asked) == (0, [])


def test_worker_that_stops_reports_no_more():
    worker = worker_of("deliveries")
    step = SignsOfLife(worker)
    step.start(worker)
    (entry,) = [entry for _eta, _priority, entry in worker.timer.schedule.queue]

    step.stop(worker)

    assert entry.canceled


def test_every_worker_of_this_app_has_the_step():
    assert SignsOfLife in app.steps["worker"]
