"""Worker processes that are killed or stopped in the middle of a campaign (F1, F2, F3, F22, F31)."""

import time

import pytest

from tests.faults.workers import IN_DOUBT, LONG, RECOVERY_S, Sampler

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.once]


def test_f1_children_killed_at_random(experiment, chance, record_property):
    kills = 500 if LONG else 5
    pause_s = (0.5, 3.0) if LONG else (0.2, 0.8)
    fleet = experiment.fleet
    experiment.slow_down(600 if LONG else 6)
    fleet.beat()
    workers = [fleet.worker() for _ in range(2)]
    killed, slowest_s = 0, 0.0
    with Sampler(fleet) as sampler:
        experiment.wait_for_more()
        while killed < kills and not experiment.has_ended:
            time.sleep(chance.uniform(*pause_s))
            killed += bool(fleet.kill_a_child(chance.choice(workers), chance))
            slowest_s = max(slowest_s, experiment.wait_for_more())
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    record_property("kills", killed)
    record_property("uncertain", states["uncertain"])
    assert killed >= min(kills, 3)
    assert states["uncertain"] <= IN_DOUBT * killed
    assert states["failed"] == states["skipped"] == 0
    assert slowest_s <= RECOVERY_S
