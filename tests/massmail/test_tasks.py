"""Celery's tasks: ids in, one call each; a message lost or repeated changes nothing."""

import json
from queue import Empty

import pytest
from django.conf import settings as django_settings

from crm_project.celery import app
from massmail import tasks
from massmail.models import EmailAccount, Heartbeat, MailingOut
from massmail.services import campaign
from tests.massmail.campaigns import campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)


@pytest.fixture
def server():
    with SmtpServer() as server:
        yield server


@pytest.fixture
def queued():
    """A function that empties the queue of deliveries: (task, arguments, seconds to live)."""

    def empty() -> list[tuple[str, object, bool]]:
        found: list[tuple[str, object, bool]] = []
        with app.connection_for_read() as broker, broker.SimpleQueue("deliveries") as queue:
            while True:
                try:
                    message = queue.get_nowait()
                except Empty:
                    return found
                message.ack()
                arguments = json.loads(message.body or "")[0]
                headers = message.headers
                found.append((headers["task"], arguments, headers["expires"] is not None))

    empty()
    yield empty
    empty()


def test_a_tick_enqueues_the_runs_that_may_start(queued):
    campaign_on(NO_SERVER)
    tasks.tick()
    account = EmailAccount.objects.get()
    assert queued() == [("massmail.tasks.run_deliveries", [[account.pk]], True)]


def test_a_tick_enqueues_what_is_to_be_prepared(queued):
    mailing_out = campaign_on(NO_SERVER, start=False)
    campaign.start_later_in_task(mailing_out)
    tasks.tick()
    assert queued() == [("massmail.tasks.prepare", [mailing_out.pk], True)]


def test_a_tick_with_nothing_to_do_enqueues_nothing(queued):
    tasks.tick()
    assert queued() == []
    assert Heartbeat.objects.get().role == Heartbeat.Role.TICK


def test_a_run_sends_and_reports_and_twice_is_once(server):
    mailing_out = campaign_on(server, people=2)
    account = EmailAccount.objects.get()
    tasks.run_deliveries([account.pk, 0])
    tasks.run_deliveries([account.pk])
    assert len(server.mails) == 2
    assert Heartbeat.objects.get().role == Heartbeat.Role.DELIVERIES
    mailing_out.refresh_from_db()
    assert mailing_out.sent_count == 2


def test_a_noted_start_is_made_and_twice_is_once():
    mailing_out = campaign_on(NO_SERVER, start=False)
    campaign.start_later_in_task(mailing_out)
    tasks.prepare(mailing_out.pk)
    tasks.prepare(mailing_out.pk)
    mailing_out.refresh_from_db()
    assert (mailing_out.status, mailing_out.preparing) == (MailingOut.Status.ACTIVE, "")


def test_a_mailing_out_deleted_meanwhile_is_nothing_to_prepare():
    tasks.prepare(0)


TASKS = ("tick", "run_deliveries", "prepare", "check_audience")


def test_beat_ticks_and_work_has_a_queue_of_its_own():
    app.loader.import_default_modules()
    names = {name for name in app.tasks if name.startswith("massmail.")}
    expected = {f"massmail.tasks.{name}" for name in TASKS}
    assert names == expected
    assert [each["task"] for each in django_settings.CELERY_BEAT_SCHEDULE.values()] == [
        "massmail.tasks.tick"
    ]
    route = app.amqp.router.route
    assert {
        name: route({}, f"massmail.tasks.{name}")["queue"].name
        for name in ("run_deliveries", "prepare", "tick")
    } == {"run_deliveries": "deliveries", "prepare": "deliveries", "tick": "control"}


def test_what_needs_no_preparing_is_not_enqueued(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        tasks.prepare_soon(MailingOut(pk=1))
        tasks.prepare_soon(MailingOut(pk=2, preparing=MailingOut.Preparing.AUDIENCE))

    assert len(callbacks) == 1
