"""Real workers and beats, killed and stopped in the middle of a campaign.

Each test ends with the same question to the server and the ledger: did anybody get two mails, is
anybody missing? SYSTEM_TEST_PEOPLE makes the campaigns larger.
"""

import random
import signal
import threading
from collections import Counter

import pytest

from massmail.services.tally import WINDOW_MAX
from tests.smtp_server import SmtpServer
from tests.system.installation import Installation

pytestmark = pytest.mark.slow


def addressees(*servers: SmtpServer) -> Counter[str]:
    return Counter(
        address for server in servers for mail in server.mails for address in mail.recipients
    )


def assert_nobody_lost_or_twice(
    installation: Installation, mailing_out: int, people: int, *servers: SmtpServer
) -> dict[str, int]:
    states = installation.states(mailing_out)
    assert states == installation.counters(mailing_out)
    assert sum(states.values()) == people
    got = addressees(*servers)
    assert [address for address, number in got.items() if number > 1] == []
    assert states["sent"] <= len(got) <= states["sent"] + states["uncertain"]
    return states


def ended(installation: Installation, mailing_out: int) -> bool:
    counters = installation.counters(mailing_out)
    return counters["pending"] == counters["in_flight"] == 0


def test_two_workers_and_two_beats_send_every_mail_once(installation, server, other_server, people):
    seeded = installation.seed(people=people, ports=[server.port, other_server.port])
    (mailing_out,) = seeded["mailing_outs"]
    for _ in range(2):
        installation.worker()
        installation.beat()

    installation.wait(
        lambda: installation.status_of(mailing_out) == "D", timeout_s=180, what="the end"
    )

    states = assert_nobody_lost_or_twice(installation, mailing_out, people, server, other_server)
    assert states["sent"] == people


def test_killed_workers_lose_nobody_and_mail_nobody_twice(
    installation, server, other_server, people
):
    chance = random.Random(7)
    seeded = installation.seed(people=people, ports=[server.port, other_server.port])
    (mailing_out,) = seeded["mailing_outs"]
    installation.beat()
    kills = 3
    for kill in range(kills):
        worker = installation.worker()
        goal = people * (kill + 1) // (kills + 2) + chance.randrange(20)
        installation.wait(
            lambda goal=goal: len(server.mails) + len(other_server.mails) >= goal,
            timeout_s=60,
            what=f"mail number {goal}",
        )
        installation.kill(worker, group=True)
    installation.worker()

    installation.wait(lambda: ended(installation, mailing_out), timeout_s=120, what="the end")

    states = assert_nobody_lost_or_twice(installation, mailing_out, people, server, other_server)
    children = 2 * kills
    assert states["uncertain"] <= 2 * WINDOW_MAX * children
    assert states["failed"] == states["skipped"] == 0


def test_a_stopped_worker_leaves_nothing_uncertain(installation, server, people):
    (mailing_out,) = installation.seed(people=people, ports=[server.port])["mailing_outs"]
    installation.beat()
    for goal in (people // 4, people // 2):
        worker = installation.worker()
        installation.wait(
            lambda goal=goal: len(server.mails) >= goal, timeout_s=60, what=f"mail number {goal}"
        )
        installation.kill(worker, signal.SIGTERM)
        assert worker.wait(40) == 0
        states = installation.states(mailing_out)
        assert (states["uncertain"], states["in_flight"]) == (0, 0)
        assert states["sent"] == len(server.mails)
    installation.worker()

    installation.wait(
        lambda: installation.status_of(mailing_out) == "D", timeout_s=120, what="the end"
    )

    assert_nobody_lost_or_twice(installation, mailing_out, people, server)


def test_pause_stays_and_a_small_mailing_out_overtakes(installation, server, people):
    seeded = installation.seed(people=people, small=20, ports=[server.port])
    large, small = seeded["mailing_outs"]
    installation.query(f"UPDATE massmail_emailaccount SET per_second = {people / 8}")
    installation.beat()
    installation.worker()
    installation.wait(
        lambda: installation.status_of(small) == "D", timeout_s=60, what="the small one's end"
    )
    assert installation.status_of(large) == "A"

    installation.query(f"UPDATE massmail_mailingout SET status = 'P' WHERE id = {large}")
    installation.wait(
        lambda: installation.counters(large)["in_flight"] == 0, timeout_s=5, what="the pause"
    )
    paused_at = len(server.mails)
    assert not threading.Event().wait(4)  # two ticks go by
    assert len(server.mails) == paused_at
    assert installation.status_of(large) == "P"
    assert installation.counters(large)["pending"] > 0
    installation.query("UPDATE massmail_emailaccount SET per_second = NULL")
    installation.query(f"UPDATE massmail_mailingout SET status = 'A' WHERE id = {large}")
    installation.wait(
        lambda: installation.status_of(large) == "D", timeout_s=120, what="the large one's end"
    )

    assert sum(installation.states(large).values()) == people
    assert sum(addressees(server).values()) == people + 20  # two messages


def test_an_account_that_goes_off_hands_its_rows_over(installation, server, other_server, people):
    with SmtpServer(users={"user": "secret"}) as main_server:
        main_server.on("auth", "535 5.7.8 Authentication credentials invalid")
        ports = [main_server.port, server.port, other_server.port]
        seeded = installation.seed(people=people, ports=ports, vips=5, password="secret")
        (mailing_out,) = seeded["mailing_outs"]
        installation.beat()
        installation.worker()
        installation.wait(lambda: len(server.mails) >= 20, timeout_s=60, what="the 20th mail")
        server.on("mail", "535 5.7.8 Authentication credentials invalid")

        installation.wait(
            lambda: installation.states(mailing_out)["sent"] == people - 5,
            timeout_s=120,
            what="all but the VIPs",
        )

        assert main_server.mails == []
    states = installation.states(mailing_out)
    assert (states["failed"], states["uncertain"], states["pending"]) == (0, 0, 5)
    assert 20 <= len(server.mails) < people // 2
    assert len(addressees(server, other_server)) == people - 5
    assert "5 VIPs wait" in installation.manage("massmail_status", "--json")
