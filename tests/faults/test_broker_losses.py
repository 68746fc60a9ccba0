"""A broker that dies, forgets, repeats and gives out again; several beats (F21, F23, F24, F25).

Tasks are nudges: whatever happens to them costs time, never a mail.
"""

import json
import threading
import time
import uuid
from random import Random
from signal import SIGTERM
from typing import Any, Self

import pytest
from kombu import Connection

from tests.faults.servers import Redis, wait_until
from tests.faults.workers import LONG, Sampler, longest_silence_s

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.once]

REFILLED_S = 30
QUEUES = ("control", "deliveries")
COPIES = 3


@pytest.mark.skipif(
    not LONG,
    reason="a worker that restarts while Redis evicts its bindings sometimes hears no task again",
)
def test_f21_redis_killed_emptied_and_full(experiment, record_property):
    fleet, outage_s = experiment.fleet, 600 if LONG else 1
    experiment.slow_down(900 if LONG else 8)
    parts = fleet.supervised(children=5)  # a Redis without memory ends a worker for good
    with Sampler(fleet) as sampler:
        experiment.wait_for_mails(0.1)
        for _ in range(3):
            experiment.redis.client().flushall()
            experiment.wait_for_more(20)
        experiment.redis.kill()
        threading.Event().wait(outage_s)
        experiment.redis.start()
        back_at = time.monotonic()
        experiment.wait_for_more(20)
        fill_memory(experiment.redis, "noeviction")
        threading.Event().wait(outage_s / 10)
        fill_memory(experiment.redis, "allkeys-random")
        threading.Event().wait(1)
        experiment.redis.client().config_set("maxmemory", 0)
        experiment.wait_for_end()

    fleet.kill(parts, SIGTERM)
    assert parts.wait(60) == 0
    record_property("seconds from the outage to the end", round(time.monotonic() - back_at, 1))
    states = experiment.require_consistent(sampler.samples)
    assert (states["sent"], states["uncertain"]) == (experiment.people, 0)
    assert longest_silence_s(experiment.server.accepted) <= REFILLED_S + outage_s


def fill_memory(server: Redis, policy: str) -> None:
    """Let Redis refuse what it is told, or forget something for it."""
    client = server.client()
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", 1)


def test_f21_append_only_file_cut_off(experiment, tmp_path):
    fleet = experiment.fleet
    experiment.slow_down(30 if LONG else 4)
    with Redis(append_only=True) as server:
        fleet.redis_url = server.url
        fleet.beat()
        fleet.worker(children=5)
        experiment.wait_for_mails(0.3)
        server.kill()
        for path in server.append_only_files:
            path.write_bytes(path.read_bytes()[:-7])
        server.start()
        experiment.wait_for_end()
        fleet.kill_all()

    states = experiment.require_consistent()
    assert states["sent"] == experiment.people


class Echo:
    """Hands in every task again while its block runs, and remembers all of them."""

    def __init__(self, server: Redis, chance: Random) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []  # Any: what JSON holds
        self._server, self._chance = server, chance
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.client().ping()  # the monitor has one more command to see
        self._thread.join()

    def replay(self, *, expires: bool) -> None:
        """Hand in all tasks once more in random order, with or without their expiry."""
        messages = self.messages.copy()
        self._chance.shuffle(messages)
        for queue, message in messages:
            self._repeat(queue, message, expires=expires)

    def _run(self) -> None:
        with self._server.client().monitor() as monitor:
            for command in monitor.listen():
                if self._over.is_set():
                    return
                self._see(command["command"])

    def _see(self, command: str) -> None:
        verb, queue, text = [*command.split(" ", 2), "", ""][:3]
        if verb != "LPUSH" or queue not in QUEUES:
            return
        message = json.loads(text)
        if message["properties"].get("echo"):
            return
        self.messages.append((queue, message))
        for _ in range(COPIES - 1):
            self._repeat(queue, message, expires=True)

    def _repeat(self, queue: str, message: dict[str, Any], *, expires: bool) -> None:
        tag = {"delivery_tag": str(uuid.uuid4()), "echo": True}
        headers = message["headers"] | ({} if expires else {"expires": None})
        again = message | {"headers": headers, "properties": message["properties"] | tag}
        client = self._server.client()
        push = self._chance.choice([client.lpush, client.rpush])
        push(queue, json.dumps(again))


def test_f23_every_task_three_times_and_all_of_them_again(experiment, chance, record_property):
    fleet = experiment.fleet
    experiment.slow_down(60 if LONG else 5)
    with Sampler(fleet) as sampler, Echo(experiment.redis, chance) as echo:
        fleet.beat()
        fleet.worker(children=5)
        experiment.wait_for_mails(0.4)
        echo.replay(expires=False)
        experiment.wait_for_end()
        echo.replay(expires=False)
        wait_until(
            lambda: not any(map(experiment.redis.client().llen, QUEUES)), what="the last task"
        )
        threading.Event().wait(1)  # those that were taken from the queue last

    record_property("tasks", len(echo.messages))
    states = experiment.require_consistent(sampler.samples)
    assert len(echo.messages) > 10
    assert states["sent"] == experiment.taken == experiment.people


def test_f24_runs_longer_than_the_visibility_timeout(server_room, tmp_path):
    visibility_s = 5 if LONG else 1
    with server_room.experiment(tmp_path, FAULTS_VISIBILITY_S=str(visibility_s)) as experiment:
        fleet = experiment.fleet
        experiment.slow_down(60 if LONG else 6)
        fleet.beat()
        for _ in range(2):
            fleet.worker(children=5)
        given_out_again = 0
        with Sampler(fleet) as sampler:
            experiment.wait_for_mails(0.3)
            while not experiment.has_ended:
                threading.Event().wait(visibility_s)
                given_out_again += give_out_again(experiment.redis, visibility_s)

        states = experiment.require_consistent(sampler.samples)
        assert given_out_again > 0
        assert (states["sent"], states["uncertain"]) == (experiment.people, 0)


def give_out_again(server: Redis, visibility_s: float) -> int:
    """Do now what Celery's transport does at times; return how many tasks are given out again."""
    options = {"visibility_timeout": visibility_s}
    overdue = server.client().zcount("unacked_index", 0, time.time() - visibility_s)
    with Connection(server.url, transport_options=options) as connection:
        channel: Any = connection.default_channel  # Redis's own, which kombu does not annotate
        channel.qos.restore_visible(interval=1)
    return overdue


def test_f25_five_beats(experiment, record_property):
    fleet = experiment.fleet
    experiment.slow_down(60 if LONG else 5)
    beats = [fleet.beat() for _ in range(2)]
    fleet.worker(children=5)
    with Sampler(fleet) as sampler:
        experiment.wait_for_mails(0.2)
        beats += [fleet.beat() for _ in range(3)]
        for number, beat in enumerate(beats):
            experiment.wait_for_mails(0.3 + number / 10)
            fleet.kill(beat)
            if number == len(beats) - 1:
                fleet.beat()
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    assert (states["sent"], states["uncertain"]) == (experiment.people, 0)
