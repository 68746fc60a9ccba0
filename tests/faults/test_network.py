"""F34: a network that is slow, loses packets, and forgets connections."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from massmail.models import EmailAccount, Suppression
from tests.faults.laboratory import IS_LONG, TRANSPORT_EXPERIMENT
from tests.faults.proxy import Proxy

pytestmark = TRANSPORT_EXPERIMENT

PEOPLE = 400 if IS_LONG else 25
DELAY_S = 0.25 if IS_LONG else 0.01  # in each direction
LONGEST_WAIT = timedelta(seconds=600)


@pytest.fixture
def through(laboratory):
    """A function that makes a campaign whose mails go through a proxy."""
    proxies: list[Proxy] = []

    def campaign(people: int, *, attached_bytes: int = 0, **values) -> Proxy:
        server = laboratory.server()
        proxy = Proxy(server.port, seed=laboratory.seed, **values)
        proxies.append(proxy.__enter__())
        mailing_out = laboratory.campaign(server, people=people, attached_bytes=attached_bytes)
        EmailAccount.objects.filter(owner=mailing_out.owner).update(email_port=proxy.port)
        return proxy

    yield campaign
    for proxy in proxies:
        proxy.__exit__()


def test_f34_delay_and_lost_packets_cost_time_alone(laboratory, through):
    laboratory.time.leap_s = 0
    through(PEOPLE, delay_s=DELAY_S, loss=0.05, stall_s=1 if IS_LONG else 0.05)

    laboratory.settle()

    assert laboratory.check() == {"sent": PEOPLE}
    assert {row.attempts for row in laboratory.rows()} == {1}


def test_f34_broken_connections_mail_nobody_twice(laboratory, through):
    laboratory.time.leap_s = 0
    proxy = through(PEOPLE * 2, resets=0.05)

    laboratory.settle()

    states = laboratory.check()
    assert proxy.connections > 1
    assert states["sent"] + states["uncertain"] == PEOPLE * 2
    assert states["uncertain"] <= proxy.connections
    assert Suppression.objects.count() == 0


def test_f34_a_slow_reader_gets_its_mails(laboratory, through):
    """1 kB/s, and with bodies that are larger than what the kernels hold."""
    laboratory.time.leap_s = 0
    through(3, bytes_per_s=1_000 if IS_LONG else 200_000, attached_bytes=100_000)

    laboratory.settle()

    assert laboratory.check() == {"sent": 3}


def test_f34_a_reader_that_is_too_slow_is_given_up_after_ten_minutes(laboratory, through):
    """A large body that trickles: progress is made, but the whole takes too long."""
    time = laboratory.time
    time.leap_s = 3
    proxy = through(1, bytes_per_s=400_000, attached_bytes=9_000_000)
    took_s: list[float] = []
    laboratory.meanwhile = lambda: took_s.append(time.shown_s) if proxy.connections else None
    if IS_LONG:
        laboratory.in_real_time()
        proxy.bytes_per_s = 10_000

    laboratory.tick()

    assert laboratory.check() == {"uncertain": 1}
    assert took_s[-1] - took_s[0] <= LONGEST_WAIT.total_seconds() * 1.2
    proxy.bytes_per_s = None
    time.leap_s = 0
    laboratory.campaign(owner=User.objects.get(), people=PEOPLE)
    laboratory.settle()
    assert laboratory.check() == {"sent": PEOPLE, "uncertain": 1}  # the rate has come back


@pytest.mark.parametrize("is_all", [False, True], ids=["old connections", "all connections"])
def test_f34_half_open_connections_are_given_up(laboratory, through, is_all):
    """From a moment on nothing arrives any more, in both directions, and nobody is told."""
    if IS_LONG:
        laboratory.in_real_time()
    proxy = through(PEOPLE)
    server = laboratory.servers[-1]
    laboratory.time.leap_s = 0 if IS_LONG else 5

    def cut() -> None:
        proxy.is_gone = is_all
        proxy.cut()

    server.on("dot", lambda: cut() if len(server.log.entries) == PEOPLE // 2 else None)
    begun_s = laboratory.time.shown_s

    laboratory.tick()

    assert laboratory.time.shown_s - begun_s <= LONGEST_WAIT.total_seconds() * 1.3
    proxy.is_gone = False
    server.forget_rules()
    laboratory.settle()
    states = laboratory.check()
    assert states["sent"] + states["uncertain"] == PEOPLE
    assert 1 <= states["uncertain"] <= 2
