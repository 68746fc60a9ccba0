"""Worker processes killed, stopped or frozen in the middle of a campaign.

F1: children by SIGKILL. F2: whole groups. F3: deploys by SIGTERM. F22: a frozen worker that holds
its lease. F31: pause, edit and cancel during a storm of kills.
"""

import os
import threading
import time
from random import Random
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Self

import pytest

from tests.faults.workers import (
    IN_DOUBT,
    LONG,
    RECOVERY_S,
    Experiment,
    Process,
    Sampler,
    recoveries_s,
)

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.once]

CHILDREN = 4 if LONG else 2  # of a worker
PAUSE_ACTS_S = 2.0  # a second, and what a busy machine adds


class Storm:
    """Kills random children of the workers, until the block ends or there were enough kills."""

    def __init__(
        self, experiment: Experiment, workers: list[Process], chance: Random, *, kills: int
    ) -> None:
        self.moments: list[float] = []
        self._experiment, self._workers, self._chance = experiment, workers, chance
        self._kills = kills
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._rage)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def wait(self) -> None:
        """Wait until there were enough kills, or nothing is left to be sent."""
        fleet = self._experiment.fleet
        fleet.wait(
            lambda: not self._thread.is_alive() or self._experiment.has_ended,
            timeout_s=1700 if LONG else 90,
            what="the end of the storm",
        )

    def _rage(self) -> None:
        shortest_s, longest_s = (0.5, 3.0) if LONG else (0.3, 0.8)
        while len(self.moments) < self._kills:
            if self._over.wait(self._chance.uniform(shortest_s, longest_s)):
                return
            at = time.time()
            if self._experiment.fleet.kill_a_child(
                self._chance.choice(self._workers), self._chance
            ):
                self.moments.append(at)


def test_f1_children_killed_at_random(experiment, chance, record_property):
    fleet = experiment.fleet
    experiment.slow_down(500 if LONG else 5)
    fleet.beat()
    workers = [fleet.worker(children=CHILDREN) for _ in range(2)]
    with (
        Sampler(fleet) as sampler,
        Storm(experiment, workers, chance, kills=500 if LONG else 8) as storm,
    ):
        experiment.wait_for_more()
        storm.wait()
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    slowest_s = max(recoveries_s(storm.moments, experiment.server.accepted))
    record_property("kills", len(storm.moments))
    record_property("uncertain", states["uncertain"])
    record_property("seconds to the slowest recovery", round(slowest_s, 1))
    assert storm.moments
    assert states["uncertain"] <= IN_DOUBT * len(storm.moments)
    assert states["failed"] == states["skipped"] == 0
    assert slowest_s <= RECOVERY_S


def test_f2_whole_groups_killed(experiment, chance, record_property):
    fleet, kills = experiment.fleet, 50 if LONG else 2
    experiment.slow_down(60 if LONG else 4)
    fleet.beat()
    moments = []
    with Sampler(fleet) as sampler:
        for kill in range(kills):
            worker = fleet.worker(children=CHILDREN)
            experiment.wait_for_mails((kill + chance.uniform(0.3, 0.9)) / (kills + 1))
            moments.append(time.time())
            fleet.kill(worker, group=True)
        fleet.worker(children=CHILDREN)
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    slowest_s = max(recoveries_s(moments, experiment.server.accepted))
    record_property("uncertain", states["uncertain"])
    record_property("seconds to the slowest recovery", round(slowest_s, 1))
    assert states["uncertain"] <= IN_DOUBT * CHILDREN * kills
    assert slowest_s <= RECOVERY_S


def test_f3_restarts_by_sigterm(experiment, chance, record_property):
    fleet, restarts = experiment.fleet, 100 if LONG else 2
    experiment.slow_down(200 if LONG else 3)
    fleet.beat()
    slowest_s = 0.0
    with Sampler(fleet) as sampler:
        for restart in range(restarts):
            worker = fleet.worker(children=CHILDREN)
            experiment.wait_for_mails((restart + chance.uniform(0.3, 0.9)) / (restarts + 1))
            begun_s = time.monotonic()
            fleet.kill(worker, SIGTERM)
            assert worker.wait(60) == 0
            slowest_s = max(slowest_s, time.monotonic() - begun_s)
            assert experiment.states()["in_flight"] == 0
        fleet.worker(children=CHILDREN)
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    record_property("seconds to the slowest stop", round(slowest_s, 1))
    assert (states["sent"], states["uncertain"]) == (experiment.people, 0)
    assert slowest_s <= 30


def test_f22_a_frozen_worker_wakes_up_when_another_has_its_accounts(experiment):
    fleet = experiment.fleet
    experiment.slow_down(60 if LONG else 5)
    fleet.beat()
    first = fleet.worker(children=4)
    with Sampler(fleet) as sampler:
        experiment.wait_for_mails(0.2)
        os.killpg(first.pid, SIGSTOP)
        frozen_at = time.time()
        mine = {entry.connection for entry in experiment.server.accepted}
        fleet.worker(children=4)
        experiment.wait_for_more()
        experiment.wait_for_mails(0.6)
        woken_at = time.time()
        os.killpg(first.pid, SIGCONT)
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    late = [entry for entry in experiment.taken_after(woken_at) if entry.connection in mine]
    assert len(late) <= len(mine)  # the body that was on the wire of each connection
    assert woken_at - frozen_at > float(fleet.environment["MASSMAIL_LEASE_S"])
    assert states["uncertain"] <= IN_DOUBT * len(mine)
    assert states["sent"] >= experiment.people - IN_DOUBT * len(mine)


def test_f31_pause_edit_and_cancel_in_a_storm_of_kills(experiment, chance):
    fleet = experiment.fleet
    experiment.slow_down(300 if LONG else 12)
    fleet.beat()
    workers = [fleet.worker(children=CHILDREN) for _ in range(2)]
    version = fleet.ask("SELECT message_version_id FROM massmail_mailingout")
    with (
        Sampler(fleet) as sampler,
        Storm(experiment, workers, chance, kills=500 if LONG else 20),
    ):
        experiment.wait_for_mails(0.1)
        paused_at = experiment.decide("pause")
        fleet.query("UPDATE massmail_emlmessage SET subject = 'Edited', content = 'Edited'")
        resumed_at = time.time()
        experiment.decide("resume")
        experiment.wait_for_mails(0.25)
        cancelled_at = experiment.decide("cancel")
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples, all_are_eligible=False)
    while_paused = [
        entry for entry in experiment.taken_after(paused_at + PAUSE_ACTS_S) if entry.at < resumed_at
    ]
    assert while_paused == experiment.taken_after(cancelled_at + PAUSE_ACTS_S) == []
    assert states["skipped"] > 0
    assert fleet.status_of(experiment.mailing_out) == "I"
    assert fleet.query("SELECT DISTINCT message_version_id FROM massmail_delivery") == [(None,)]
    assert fleet.ask("SELECT message_version_id FROM massmail_mailingout") == version
