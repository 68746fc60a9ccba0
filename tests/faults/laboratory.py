"""One experiment in this process: campaigns on chaos servers, and time that a test moves.

The engine is the real one, from the tick to the socket. Only its clocks are not: they go with the
real clock, leap ahead while the engine waits for a server, and are moved by hours between ticks.
"""

import functools
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

import pytest
from django.core.files.base import ContentFile
from django.db.models import Min

from common.models import TheFile
from crm.models import Contact
from massmail.backends.base import Transport
from massmail.backends.hosts import Resolver
from massmail.backends.smtp import SmtpTransport
from massmail.backends.smtp_conversation import Timeouts
from massmail.clock import database_now
from massmail.models import Delivery, EmailAccount, MailingOut
from massmail.services import lease, ledger
from massmail.services.access_tokens import access_token
from massmail.services.delivery_run import deliver_in_turn
from massmail.services.surroundings import Surroundings
from massmail.utils import sendmassmail
from tests.factories import CompanyFactory, EmailAccountFactory, EmlMessageFactory, UserFactory
from tests.faults.accept_log import Accepted
from tests.faults.chaos_server import ChaosServer
from tests.faults.oracle import (
    LedgerRow,
    Sample,
    read_rows,
    read_samples,
    require_consistent,
)
from tests.smtp_certificates import client_context

EXPERIMENT = [pytest.mark.faults, pytest.mark.django_db]
TRANSPORT_EXPERIMENT = [*EXPERIMENT, pytest.mark.once]  # of which the database sees little
IS_LONG = os.environ.get("FAULTS_LONG") == "1"
SLICE_S = 0.01  # real seconds for which a transport waits before it looks at the clock


class FlyingTime:
    """Seconds that go with the real clock, and `leap_s` further each time a transport waited.

    Who waits for a server reads the clock once a slice. Readings in quick succession do not leap,
    nor does time that the engine spends on other things: it reads the clock too.
    """

    def __init__(self, *, leap_s: float = 1.0) -> None:
        self.leap_s = leap_s
        self.begun_at = database_now() + timedelta(minutes=1)
        self.jitter: Callable[[], float] = lambda: 0.0  # seconds by which `now` is wrong
        self._begun_s = self._read_s = time.monotonic()
        self._leapt_s = 0.0
        self._lock = threading.Lock()

    @property
    def shown_s(self) -> float:
        """The seconds, for anybody who only looks on."""
        return time.monotonic() - self._begun_s + self._leapt_s

    def seconds(self) -> float:
        """Return the seconds, for the engine."""
        with self._lock:
            self._read_s = time.monotonic()
        return self.shown_s

    def waited(self) -> float:
        """Return the seconds, for a transport, which may have waited for a slice."""
        with self._lock:
            read_s = time.monotonic()
            if read_s - self._read_s >= SLICE_S * 0.8:
                self._leapt_s += self.leap_s
            self._read_s = read_s
        return self.shown_s

    def now(self) -> datetime:
        """Return the moment that the database's clock would show."""
        return self.begun_at + timedelta(seconds=self.seconds() + self.jitter())

    def jump(self, **duration: float) -> None:
        """Set the database's clock ahead or back; the processes' own clocks go on as they did."""
        self.begun_at += timedelta(**duration)

    def forward(self, **duration: float) -> datetime:
        """Let time pass."""
        with self._lock:
            self._leapt_s += timedelta(**duration).total_seconds()
        return self.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass for somebody who would sleep."""
        self.forward(seconds=seconds)


@dataclass
class Laboratory:
    """Servers, accounts and campaigns of one experiment; a context manager."""

    seed: int = 1
    time: FlyingTime = field(default_factory=FlyingTime)
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(slice_s=SLICE_S))
    resolve: Resolver = socket.getaddrinfo
    servers: list[ChaosServer] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    meanwhile: Callable[[], object] = field(default=lambda: None)  # done before each mail
    _open: ExitStack = field(default_factory=ExitStack)
    _people: int = 0

    def __enter__(self) -> Self:
        self.random = random.Random(self.seed)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def in_real_time(self) -> None:
        """Wait as long as a server takes."""
        self.time.leap_s = 0
        self.timeouts = Timeouts()

    # --- what there is

    def server(self, **values) -> ChaosServer:
        """Start a server that takes everything."""
        server = self._open.enter_context(ChaosServer(seed=self.seed, **values))
        self.servers.append(server)
        return server

    def account(self, server: ChaosServer, **values) -> EmailAccount:
        return EmailAccountFactory.create(email_port=server.port, **values)

    def people(self, owner, number: int, domain: str = "example.com") -> list[int]:
        """Add contacts; return their ids."""
        company = CompanyFactory.create(owner=owner)
        first = self._people
        self._people += number
        made = Contact.objects.bulk_create(
            Contact(
                owner=owner,
                company=company,
                first_name=f"Zoë {place}",
                last_name="O'Neil",
                email=f"p{place}@{domain}",
            )
            for place in range(first, first + number)
        )
        return [contact.pk for contact in made]

    def campaign(
        self,
        *servers: ChaosServer,
        people: int = 20,
        start: bool = True,
        attached_bytes: int = 0,
        **account_values,
    ) -> MailingOut:
        """Return a mailing out of an owner with an account on each server, started."""
        owner = account_values.pop("owner", None) or UserFactory.create()
        for server in servers:
            self.account(server, owner=owner, **account_values)
        message = EmlMessageFactory.create(owner=owner)
        if attached_bytes:
            content = ContentFile(b"x" * attached_bytes, name="report.pdf")
            TheFile.objects.create(content_object=message, file=content)
        mailing_out = MailingOut.objects.create_for(
            Contact.objects.filter(pk__in=self.people(owner, people)),
            owner=owner,
            message=message,
            name="News",
        )
        if start:
            mailing_out.start()
        self._sample()
        return mailing_out

    # --- what happens

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(
            now=self.time.now,
            clock=self.time.seconds,
            open_transport=self.open_transport,
            random=self.random,
            sleep=self.time.sleep,
            stopping=self._is_stopping,
        )

    def _is_stopping(self) -> bool:
        """Do what happens meanwhile: a run asks this before each mail and in each slice."""
        self.meanwhile()
        return False

    def open_transport(self, account: EmailAccount) -> Transport:
        """Open a transport as the engine does, with the times of this experiment."""
        tokens = functools.partial(access_token, account) if account.is_connected else None
        transport = SmtpTransport(
            account,
            allow_private_hosts=True,
            access_tokens=tokens,
            timeouts=self.timeouts,
            ssl_context=client_context(),
            clock=self.time.waited,
            resolve=self.resolve,
        )
        transport.open()
        return transport

    def tick(self) -> int:
        """Do what one tick and its tasks do now; return how many mails got an outcome."""
        around = self.surroundings
        outcomes = sum(deliver_in_turn(run, around) for run in sendmassmail.tick(around.now()))
        self._sample()
        return outcomes

    def leave_for_dead(self, account: EmailAccount, *, claimed: int = 10) -> None:
        """Take the account and a window, as a process that is killed before it sends anything."""
        held = lease.take(account.pk, now=self.time.now())
        assert held is not None
        with ledger.turn(held, now=self.time.now(), random_source=self.random) as this:
            assert ledger.claim(this, size=claimed) is not None
        self._sample()

    def settle(self, *, days: float = 5, step_s: float = 20) -> timedelta:
        """Tick until nothing waits for time to pass, at most so many days; return how long.

        Time passes in steps of `step_s` at least, so that not every moment has a tick of its own.
        """
        begun_at = self.time.now()
        is_idle = False
        while True:
            while self.tick():
                is_idle = False
            due_at = self._next_moment()
            if is_idle or (due_at and due_at > begun_at + timedelta(days=days)):
                return self.time.now() - begun_at
            is_idle = due_at is None  # a clock that trembles may hide what waits: look twice
            wait_s = (due_at - self.time.now()).total_seconds() + 0.01 if due_at else 0
            self.time.forward(seconds=max(step_s, wait_s))

    def _next_moment(self) -> datetime | None:
        """Return when something that waits may happen, if anything waits for a moment."""
        now = self.time.now()
        waiting = Delivery.objects.filter(
            status=Delivery.Status.PENDING, mailing_out__in=MailingOut.objects.active()
        )
        accounts = EmailAccount.objects.filter(
            massmail=True, pk__in=waiting.values("email_account")
        )
        moments = (
            MailingOut.objects.active().filter(start_at__gt=now).aggregate(at=Min("start_at")),
            waiting.filter(due_at__gt=now).aggregate(at=Min("due_at")),
            accounts.filter(cooling_until__gt=now).aggregate(at=Min("cooling_until")),
            accounts.filter(next_send_at__gt=now).aggregate(at=Min("next_send_at")),
            EmailAccount.objects.filter(run_lease_until__gt=now).aggregate(
                at=Min("run_lease_until")
            ),
        )
        return min((found["at"] for found in moments if found["at"] is not None), default=None)

    # --- what came of it

    @property
    def accepted(self) -> list[Accepted]:
        """What all servers took."""
        return [entry for server in self.servers for entry in server.accepted]

    def rows(self) -> list[LedgerRow]:
        return read_rows(now=self.time.now())

    def check(
        self,
        *,
        eligible: Sequence[str] = (),
        decided: Sequence[int] = (),
        waits_for: str = "",
    ) -> Counter[str]:
        """Ask the oracle; return how many rows are in which state.

        `waits_for` is the reason, where there is one, of all rows that wait for no moment.
        """
        self._sample()
        rows = [
            replace(row, waits_for=row.waits_for or waits_for) if row.status == "pending" else row
            for row in self.rows()
        ]
        require_consistent(
            rows, self.accepted, samples=self.samples, eligible=eligible, decided=decided
        )
        return Counter(row.status for row in rows)

    def _sample(self) -> None:
        self.samples += read_samples()
