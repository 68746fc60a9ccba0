"""The ledger's state machine under any order of events that people, runs and accidents can make.

Runs take windows of real rows by the real services; what a server would have answered is drawn, and
so is whether it had taken the mail of a process that was killed. After each step the oracle
compares the rows with that.
"""

import itertools
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crm.models import Contact
from massmail.backends.base import BuiltMail, Fault, Outcome, Reply, Stage
from massmail.clock import database_now
from massmail.errors import IllegalTransition
from massmail.models import Delivery, EmailAccount, MailingOut, MassContact
from massmail.services import account_health, bulk_moves, campaign, lease, unsubscribe
from massmail.services.ledger import Window
from massmail.services.ledger_thread import InThisThread
from massmail.services.outcomes import Result
from massmail.services.smtp_replies import decide
from massmail.services.surroundings import Surroundings
from massmail.services.turns import Turns
from massmail.utils import sendmassmail
from tests.factories import CompanyFactory, EmailAccountFactory, EmlMessageFactory, UserFactory
from tests.faults.accept_log import Accepted
from tests.faults.laboratory import EXPERIMENT, IS_LONG
from tests.faults.oracle import Sample, read_rows, read_samples, require_consistent

pytestmark = EXPERIMENT

PEOPLE, FEW = 115, 15  # of two mailing outs
IN_FLIGHT_MAX = 100  # of one run
GOES_ON = "the machine goes on"

# What a server may answer, and whether it has taken the mail then (None: that is drawn).
ANSWERS: dict[str, tuple[Stage, Reply | None, Fault, bool | None]] = {
    "sent": (Stage.DOT, Reply(250, "2.0.0", "ok"), Fault.NONE, True),
    "later": (Stage.RCPT, Reply(450, "4.2.0", "later"), Fault.NONE, False),
    "no such user": (Stage.RCPT, Reply(550, "5.1.1", "no such user"), Fault.NONE, False),
    "spam": (Stage.DOT, Reply(550, "5.7.1", "spam"), Fault.NONE, False),
    "throttled": (Stage.MAIL, Reply(421, "4.7.0", "later"), Fault.NONE, False),
    "login": (Stage.MAIL, Reply(530, "5.7.0", "log in"), Fault.NONE, False),
    "lost before": (Stage.RCPT, None, Fault.DISCONNECTED, False),
    "lost behind": (Stage.DOT, None, Fault.DISCONNECTED, None),
}
NOT_BEGUN = "not begun"

accounts = st.integers(0, 1)
sizes = st.sampled_from([1, 3, 10, 50])
# Most windows simply succeed; that is a path of its own.
answer_lists = st.one_of(
    st.just(["sent"]), st.lists(st.sampled_from([*ANSWERS, "sent", "sent", NOT_BEGUN]), min_size=1)
)
places = st.lists(st.integers(0, PEOPLE + FEW - 1), min_size=1, max_size=8)


@dataclass
class Time:
    """Both clocks, which stand still until they are moved."""

    at: datetime = field(default_factory=lambda: database_now() + timedelta(minutes=1))
    seconds: float = field(default_factory=time.monotonic)

    def forward(self, **duration: float) -> None:
        self.at += timedelta(**duration)
        self.seconds += timedelta(**duration).total_seconds()


@dataclass
class Run:
    """A run of one account, as far as the ledger knows it."""

    held: lease.Lease
    turns: Turns
    windows: list[Window] = field(default_factory=list)


class Ledger(RuleBasedStateMachine):
    """Two accounts of one owner, two mailing outs to overlapping people."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.time = Time()
        self.chance = Random(1)
        self.runs: dict[int, Run] = {}
        self.dead: list[Run] = []  # killed, or taken for dead; they may still have something to say
        self.accepted: list[Accepted] = []
        self.decided: set[int] = set()  # rows that a person counted as sent
        self.seen_sent: set[int] = set()
        self.seen_uncertain: set[int] = set()
        self._make_campaigns()
        self.samples = read_samples()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def _make_campaigns(self) -> None:
        owner = UserFactory.create()
        made = EmailAccountFactory.create_batch(2, owner=owner)
        self.accounts = [account.pk for account in made]
        company = CompanyFactory.create(owner=owner)
        Contact.objects.bulk_create(
            Contact(owner=owner, company=company, first_name="Zoë", email=f"p{n}@example.com")
            for n in range(PEOPLE)
        )
        self.mailing_outs = []
        for people in (Contact.objects.all(), Contact.objects.order_by("pk")[:FEW]):
            mailing_out = MailingOut.objects.create_for(
                Contact.objects.filter(pk__in=people.values("pk")),
                owner=owner,
                message=EmlMessageFactory.create(owner=owner),
                name="News",
            )
            mailing_out.start()
            self.mailing_outs.append(mailing_out.pk)
        self.ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))

    # --- runs

    @initialize(size=sizes, answers=answer_lists)
    def begin(self, size: int, answers: list[str]) -> None:
        """Have something in each state from the beginning."""
        for place in (0, 1):
            self.turn(place=place, size=size, answers=["sent"])
            self.turn(place=place, size=size, answers=answers)

    @rule(place=accounts, turns=st.integers(1, 4))
    def plain_turns(self, place: int, turns: int) -> None:
        """Take turns that simply succeed."""
        for _ in range(turns):
            self.turn(place=place, size=50, answers=["sent"])

    @rule(place=accounts, size=sizes, answers=answer_lists)
    def turn(self, place: int, size: int, answers: list[str]) -> None:
        """Take the account if it is free; record the older window, and claim the next."""
        run = self._run(self.accounts[place])
        if run is None:
            return
        if run.held.is_over():
            self._lose(run)  # it would notice, and send nothing more
            return
        sent = [(window, self._results(window, answers)) for window in run.windows[:1]]
        del run.windows[:1]
        run.turns.ask(sent, size=size)
        taken = run.turns.answer()
        if taken.window is not None:
            run.windows.append(taken.window)
        if taken.account is None:
            self._lose(run)

    def _run(self, account: int) -> Run | None:
        """Return the run that holds the account, a new one if nobody does.

        Of accounts in trouble a person switches every other one on before.
        """
        if account not in self.runs and self.chance.random() < 0.5:
            account_health.switch_on(EmailAccount.objects.get(pk=account))
        held = lease.take(account, now=self.time.at, clock=lambda: self.time.seconds)
        if held is not None:
            if account in self.runs:
                assert self.runs[account].held.is_over(), "an account is held twice"
                self._lose(self.runs[account])
            around = Surroundings(
                now=lambda: self.time.at, clock=lambda: self.time.seconds, random=self.chance
            )
            self.runs[account] = Run(held, Turns(held, around, InThisThread()))
        return self.runs.get(account)

    @rule(place=accounts, size=sizes)
    def claim_ahead(self, place: int, size: int) -> None:
        """Claim a second window while the first is on the wire."""
        run = self.runs.get(self.accounts[place])
        if run is None or len(run.windows) != 1 or not run.held.may_begin():
            return
        run.turns.ask([], size=size)
        taken = run.turns.answer()
        if taken.window is not None:
            run.windows.append(taken.window)

    @rule(place=accounts)
    def release(self, place: int) -> None:
        """End a run as it should end: what is not begun goes back."""
        run = self.runs.pop(self.accounts[place], None)
        if run is None:
            return
        run.turns.ask([(window, []) for window in run.windows], size=0)
        run.turns.answer()
        lease.release(run.held)

    @rule(place=accounts)
    def kill_and_see(self, place: int) -> None:
        """Let a process die, and its lease run out."""
        self.kill(place=place, taken=True)
        self.time.forward(seconds=31)
        self.tick()

    @rule(place=accounts, taken=st.booleans())
    def kill(self, place: int, taken: bool) -> None:
        """Let a process die; a server has taken the first half of what was on the wire, or none."""
        run = self.runs.get(self.accounts[place])
        if run is None:
            return
        for window in run.windows if taken else ():
            for row in window.rows[: (len(window.rows) + 1) // 2]:
                self._accept(row.message_id, row.address)
        self._lose(run)

    @precondition(lambda self: self.dead)
    @rule()
    def report_late(self) -> None:
        """Let a process that was taken for dead tell what it knows after all."""
        run = self.dead.pop(0)
        took = {entry.message_id for entry in self.accepted}
        known = [
            (
                window,
                [self._result(row, "sent") for row in window.rows if row.message_id in took],
            )
            for window in run.windows
        ]
        evidence = [(window, results) for window, results in known if results]
        if evidence:
            run.turns.ask(evidence, size=0)
            run.turns.answer()

    def _lose(self, run: Run) -> None:
        del self.runs[run.held.account_id]
        self.dead.append(run)

    def _results(self, window: Window, answers: list[str]) -> list[Result]:
        """Return an answer for each row that was begun, and let the server take some of them."""
        results = []
        for row, answer in zip(window.rows, itertools.cycle(answers), strict=False):
            if answer == NOT_BEGUN:
                continue
            takes = ANSWERS[answer][3]
            if self.chance.random() < 0.5 if takes is None else takes:
                self._accept(row.message_id, row.address)
            results.append(self._result(row, answer))
        return results

    def _result(self, row, answer: str) -> Result:
        stage, reply, fault, _takes = ANSWERS[answer]
        mail = BuiltMail("sales@example.org", row.address, row.message_id, b"")
        return Result(row, decide(stage, reply, fault), Outcome(mail, stage, reply, fault))

    def _accept(self, message_id: str, address: str) -> None:
        self.accepted.append(Accepted(0.0, message_id, address, 1))

    # --- time, ticks, accounts

    @rule(minutes=st.sampled_from([0.1, 0.6, 6, 90]))
    def wait(self, minutes: float) -> None:
        self.time.forward(minutes=minutes)

    @rule()
    def tick(self) -> None:
        sendmassmail.put_in_order(self.time.at)

    @rule(place=accounts)
    def cool(self, place: int) -> None:
        account_health.cool(self.accounts[place], reason="throttled", now=self.time.at)

    @rule(place=accounts)
    def switch_off(self, place: int) -> None:
        account_health.switch_off(self.accounts[place], reason="credentials", now=self.time.at)

    @rule(place=accounts)
    def switch_on(self, place: int) -> None:
        account_health.switch_on(EmailAccount.objects.get(pk=self.accounts[place]))

    # --- people

    @rule(place=accounts, act=st.sampled_from([campaign.pause_by_system, campaign.resume]))
    def pause_or_resume(self, place: int, act) -> None:
        mailing_out = MailingOut.objects.get(pk=self.mailing_outs[place])
        try:
            if act is campaign.resume:
                campaign.resume(mailing_out)
            else:
                mailing_out.pause()
        except IllegalTransition:
            assert mailing_out.status in {"A", "E", "P", "D", "I"}

    @rule(place=accounts, sure=st.integers(0, 9))
    def cancel(self, place: int, sure: int) -> None:
        mailing_out = MailingOut.objects.get(pk=self.mailing_outs[place])
        if sure == 9 and mailing_out.status in {"A", "E", "P"}:
            campaign.cancel(mailing_out)

    @rule(chosen=places)
    def leave(self, chosen: list[int]) -> None:
        person = Delivery.objects.get(pk=self.ids[chosen[0]]).recipient_id
        mass_contact = MassContact.objects.filter(object_id=person).first()
        if mass_contact is not None:
            unsubscribe.unsubscribe(mass_contact, source="link", now=self.time.at)

    @rule(chosen=places)
    def retry_failed(self, chosen: list[int]) -> None:
        bulk_moves.retry_failed(self._rows(chosen).exclude(reason="poison"), now=self.time.at)

    @rule(chosen=places)
    def send_again(self, chosen: list[int]) -> None:
        rows = self._rows(chosen).filter(travels_alone=False)
        again = set(rows.filter(status="uncertain").values_list("pk", flat=True))
        bulk_moves.send_again(rows, now=self.time.at)
        self.seen_uncertain -= again

    @rule(chosen=places)
    def count_as_sent(self, chosen: list[int]) -> None:
        rows = self._rows(chosen)
        self.decided |= set(rows.filter(status="uncertain").values_list("pk", flat=True))
        bulk_moves.count_as_sent(rows)

    def _rows(self, chosen: list[int]):
        return Delivery.objects.filter(pk__in=[self.ids[place] for place in chosen])

    # --- what holds at every moment

    @invariant()
    def the_oracle_finds_nothing(self) -> None:
        samples: list[Sample] = read_samples()
        rows = read_rows(now=self.time.at)
        require_consistent(
            [replace(row, waits_for=GOES_ON) for row in rows],
            self.accepted,
            samples=[*self.samples, *samples],
            decided=self.decided,
        )

    @invariant()
    def states_change_as_they_may(self) -> None:
        states = dict(Delivery.objects.values_list("pk", "status"))
        assert {pk for pk in self.seen_sent if states[pk] != "sent"} == set()
        by_itself = {pk for pk in self.seen_uncertain if states[pk] in {"pending", "in_flight"}}
        assert by_itself == set()
        self.seen_sent = {pk for pk, status in states.items() if status == "sent"}
        self.seen_uncertain = {pk for pk, status in states.items() if status == "uncertain"}

    @invariant()
    def few_are_in_flight_and_each_in_one_window(self) -> None:
        in_flight = Delivery.objects.filter(status="in_flight")
        by_account = Counter(in_flight.values_list("email_account", flat=True))
        assert max(by_account.values(), default=0) <= IN_FLIGHT_MAX
        out = Counter(
            row.delivery_id
            for run in self.runs.values()
            for window in run.windows
            for row in window.rows
        )
        assert {pk for pk, number in out.items() if number > 1} == set()


def test_no_order_of_events_breaks_the_ledger(record_property):
    quick = 12 if connection.vendor == "postgresql" else 30
    examples, steps = (600, 60) if IS_LONG else (quick, 40)
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=not IS_LONG,
            phases=tuple(Phase) if IS_LONG else (Phase.generate,),  # it takes long to shrink
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property("orders of events", examples)
