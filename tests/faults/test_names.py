"""F33: the mail server's name has no address, or one that leads nowhere."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from massmail.models import EmailAccount
from tests.faults.laboratory import IS_LONG, TRANSPORT_EXPERIMENT

pytestmark = TRANSPORT_EXPERIMENT

PEOPLE = 500 if IS_LONG else 20
HOST = "smtp.example.net"


class Names:
    """A resolver that fails so often, takes so long, and then knows addresses."""

    def __init__(self, laboratory, *addresses: tuple[str, int], failures=(), delay_s=0.0) -> None:
        self.laboratory = laboratory
        self.addresses = addresses
        self.failures = list(failures)
        self.delay_s = delay_s
        self.asked = 0

    def __call__(self, host: str, port: int, *_: object):
        assert host == HOST
        self.asked += 1
        if self.delay_s:
            self.laboratory.time.sleep(self.delay_s)
        if self.failures:
            raise self.failures.pop(0)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address, port in self.addresses
        ]


@contextlib.contextmanager
def black_hole(address: str, port: int) -> Iterator[None]:
    """An address on which nobody answers: its queue of connections is full."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as kept:
        listening = kept.enter_context(socket.socket(family))
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(16):
            waiting = kept.enter_context(socket.socket(family))
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield


SERVFAIL = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
NXDOMAIN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("failure", [SERVFAIL, NXDOMAIN, OSError("no resolver")])
def test_f33_a_name_without_address_lets_the_account_rest(laboratory, failure):
    server = laboratory.server()
    laboratory.resolve = Names(laboratory, ("127.0.0.1", server.port), failures=[failure] * 4)
    laboratory.campaign(server, people=PEOPLE, email_host=HOST)

    laboratory.tick()

    account = EmailAccount.objects.get(email_host=HOST)
    assert (account.massmail, account.cooling_count) == (True, 1)
    assert account.cooling_until is not None
    laboratory.settle()
    assert laboratory.check() == {"sent": PEOPLE}
    assert laboratory.resolve.asked >= 5
    assert {row.attempts for row in laboratory.rows()} == {1}


def test_f33_a_slow_resolver_costs_time_alone(laboratory):
    server = laboratory.server()
    laboratory.resolve = Names(laboratory, ("127.0.0.1", server.port), delay_s=10)
    laboratory.campaign(server, people=PEOPLE, email_host=HOST)

    laboratory.settle()

    assert laboratory.check() == {"sent": PEOPLE}
    assert laboratory.resolve.asked <= 2


@pytest.mark.parametrize("dead", ["::1", "127.0.0.2"])
def test_f33_an_address_that_leads_nowhere_is_passed_over_within_30_s(laboratory, dead):
    server = laboratory.server()
    if ":" in dead and not _has_ipv6():
        pytest.skip("This machine has no IPv6 loopback")
    laboratory.resolve = Names(laboratory, (dead, server.port), ("127.0.0.1", server.port))
    laboratory.campaign(server, people=PEOPLE, email_host=HOST)
    if IS_LONG:
        laboratory.in_real_time()
    begun_s = laboratory.time.shown_s
    first_s: list[float] = []
    server.on("mail", lambda: first_s.append(laboratory.time.shown_s))

    with black_hole(dead, server.port):
        laboratory.settle()

    assert laboratory.check() == {"sent": PEOPLE}
    assert first_s[0] - begun_s <= 30
    account = EmailAccount.objects.get(email_host=HOST)
    assert (account.cooling_count, account.massmail) == (0, True)


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False
