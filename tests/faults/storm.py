"""The long experiment: a campaign while workers, Redis and PostgreSQL are killed again and again.

`./run faults storm` runs it small, with `--long` for 100,000 people. It prints one line of JSON
and exits 0 only if nobody was lost or mailed twice and the states added up at every sample.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from tests.faults.oracle import STATES, findings, read_rows, read_samples
from tests.faults.workers import (
    IN_DOUBT,
    LEASE_S,
    LONG,
    Process,
    Sampler,
    ServedExperiment,
    ServerRoom,
    longest_silence_s,
    recoveries_s,
)

OUTAGE_S = (0.5, 3.0)  # of a server that was killed
PATIENCE_S = 900  # for the next mail


@dataclass(frozen=True, slots=True)
class Plan:
    """How much there is to send, and how often what is killed."""

    people: int
    kills: int
    redis_kills: int
    postgresql_kills: int
    accounts: int
    workers: int = 2
    children: int = 8  # of each worker


SHORT = Plan(3_000, 6, 1, 1, accounts=4, children=4)
FULL = Plan(100_000, 200, 10, 5, accounts=16)


@dataclass
class Storm:
    """One experiment under way."""

    plan: Plan
    experiment: ServedExperiment
    chance: Random
    workers: list[Process] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)  # last words of workers that ended by themselves
    moments: dict[str, list[float]] = field(
        default_factory=lambda: {"worker": [], "redis": [], "postgresql": []}
    )

    def rage(self) -> None:
        """Start everything, kill at random moments of the campaign, and wait for its end."""
        self.experiment.fleet.beat()
        self.workers = [self._worker() for _ in range(self.plan.workers)]
        plan = self.plan
        victims = ["worker"] * plan.kills
        victims += ["redis"] * plan.redis_kills + ["postgresql"] * plan.postgresql_kills
        self.chance.shuffle(victims)
        shares = sorted(self.chance.uniform(0, 0.9) for _ in victims)  # the rest may be in doubt
        for victim, share in zip(victims, shares, strict=True):
            self.experiment.wait_for_mails(share, timeout_s=PATIENCE_S)
            self._mend_workers()
            self.moments[victim].append(time.time())
            self._kill(victim)
        self.experiment.wait_for_end(timeout_s=PATIENCE_S)

    def _kill(self, victim: str) -> None:
        if victim == "worker":
            self._kill_a_child()
            return
        server = getattr(self.experiment, victim)
        server.kill()
        threading.Event().wait(self.chance.uniform(*OUTAGE_S))
        server.start()

    def _kill_a_child(self) -> None:
        """Kill a pool process; right after a kill a worker may have none for a moment."""
        fleet = self.experiment.fleet
        fleet.wait(
            lambda: bool(fleet.kill_a_child(self.chance.choice(self.workers), self.chance)),
            timeout_s=60,
            what="a process to kill",
        )

    def _mend_workers(self) -> None:
        """Start again what ended by itself, as the supervisor would."""
        for place, worker in enumerate(self.workers):
            if worker.poll() is not None:
                log = self.experiment.fleet.log_of(worker)
                self.ends.append(f"{worker.returncode}: {log.read_text()[-300:]}")
                self.workers[place] = self._worker()

    def _worker(self) -> Process:
        return self.experiment.fleet.worker(children=self.plan.children)


def run(plan: Plan, seed: int) -> dict[str, Any]:  # Any: as in JSON
    """Run the experiment on servers of its own; return its figures."""
    with (
        tempfile.TemporaryDirectory(prefix="massmail-storm-") as folder,
        ServerRoom(Path(folder), people=plan.people, accounts=plan.accounts) as room,
        room.experiment(Path(folder)) as experiment,
    ):
        storm = Storm(plan, experiment, Random(seed))
        begun_s = time.monotonic()
        with Sampler(experiment.fleet, every_s=1.0) as sampler:
            storm.rage()
        seconds = round(time.monotonic() - begun_s, 1)
        return {"seed": seed, "seconds": seconds} | figures(storm, sampler)


def figures(storm: Storm, sampler: Sampler) -> dict[str, Any]:
    """Return what happened, and what the oracle found."""
    experiment, plan = storm.experiment, storm.plan
    accepted = experiment.server.accepted
    samples = [*sampler.samples, *read_samples(experiment.fleet.query)]
    found = findings(
        read_rows(experiment.fleet.query),
        accepted,
        samples=samples,
        eligible={f"person{number}@example.net" for number in range(plan.people)},
    )
    by_criterion = Counter(finding.criterion for finding in found)
    recoveries = sorted(recoveries_s(storm.moments["worker"], accepted))
    return {
        "recipients": plan.people,
        **experiment.states(),
        "accepted": len(accepted),
        "kills": {victim: len(moments) for victim, moments in storm.moments.items()},
        "workers_that_ended": storm.ends,
        "lease_s": LEASE_S,
        "recovery_s": {
            "median": round(statistics.median(recoveries), 1),
            "95 %": round(recoveries[int(len(recoveries) * 0.95)], 1),
            "longest": round(recoveries[-1], 1),
        },
        "longest_silence_s": round(longest_silence_s(accepted), 1),
        "samples": len(samples),
        "samples_without_database": sampler.missed,
        "findings": {name: by_criterion[name] for name in ("C1", "C2", "C3", "C4")},
        "texts": [str(finding) for finding in found[:20]],
    }


def is_good(said: dict[str, Any], plan: Plan) -> bool:
    """Tell whether all promises were kept."""
    in_doubt_most = IN_DOUBT * (plan.kills + plan.postgresql_kills * plan.workers * plan.children)
    everybody = sum(said[state] for state in STATES) == plan.people
    return everybody and not said["texts"] and said["uncertain"] <= in_doubt_most


def main() -> None:
    """Run it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="100,000 people, 215 kills")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    if options.long and not LONG:  # the times are read when modules are imported
        again = [sys.executable, "-m", "tests.faults.storm", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | {"FAULTS_LONG": "1"})
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # all is taken down
    plan = FULL if LONG else SHORT
    said = run(plan, options.seed)
    sys.stdout.write(json.dumps(said) + "\n")
    raise SystemExit(0 if is_good(said, plan) else 1)


if __name__ == "__main__":
    main()
