"""A run's turns at the ledger, one after the other, while its mails are on the wire.

Each turn records windows that were sent and claims the next one, in one transaction. If the
database fails in a turn, nobody knows whether it was committed: it is made good as soon as the
database answers, and the run ends.
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from massmail.models import EmailAccount, MassmailSettings
from massmail.services import campaign, cooling_domains, ledger, outcomes, plain_turn
from massmail.services import lease as leases
from massmail.services.ledger import Window
from massmail.services.ledger_thread import Jobs
from massmail.services.outcomes import Result
from massmail.services.surroundings import Surroundings

logger = logging.getLogger(__name__)

LOOK_S = 1  # how often a run looks whether it is paused
RETRY_S = 0.5  # how often a turn that failed is tried again

Sent = tuple[Window, list[Result]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a turn brought: the account as it is now, and the next window if there is one."""

    account: EmailAccount | None
    window: Window | None
    at: datetime | None = None  # the database's time in the turn


class Turns:
    """The run's side of the ledger: what is asked of it, and what it answered."""

    def __init__(self, held: leases.Lease, around: Surroundings, jobs: Jobs) -> None:
        self._held = held
        self._around = around
        self._jobs = jobs
        self._turn: Future[Taken] | None = None
        self._look: Future[set[int]] | None = None
        self._looked_s = around.clock()
        self._settings: MassmailSettings | None = None
        self._read_s = 0.0  # when the settings were read
        self._cooling: dict[str, datetime] = {}  # domains that rest, read with them
        self._plain_turns = plain_turn.PlainTurns(held)
        self._route: plain_turn.Route | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether a turn was asked for whose answer was not taken yet."""
        return self._turn is not None

    @property
    def is_answered(self) -> bool:
        """Whether `answer` has one, without waiting."""
        return self._turn is not None and self._turn.done()

    def ask(self, sent: Sequence[Sent], *, size: int) -> None:
        """Ask to record what was sent, and to claim at most `size` rows (0: none)."""
        assert self._turn is None, "one turn at a time: at most two windows are out"
        self._turn = self._jobs.submit(lambda: self._take(sent, size))

    def answer(self) -> Taken:
        """Wait for the turn that was asked for; raises DatabaseError if nothing came of it."""
        assert self._turn is not None, "no turn was asked for"
        turn, self._turn = self._turn, None
        return turn.result()

    def look(self, mailing_out_ids: Callable[[], set[int]]) -> set[int]:
        """Return which of these were seen not to be sent any more; looks about once a second.

        Never waits for the database, but where jobs are done in this thread.
        """
        now_s = self._around.clock()
        if self._look is None and now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            asked = mailing_out_ids()
            self._look = self._jobs.submit(lambda: self._see(asked))
        if self._look is None or not self._look.done():
            return set()
        look, self._look = self._look, None
        return look.result()

    # --- what is done beside the sending

    def _see(self, mailing_out_ids: set[int]) -> set[int]:
        """Keep the lease, and return which mailing outs are stopped: all, if in doubt."""
        try:
            if self._held.is_due() and not leases.renew(self._held, now=self._around.now()):
                return mailing_out_ids
            return mailing_out_ids - campaign.sendable(mailing_out_ids)
        except DatabaseError:
            logger.exception("account %d: the database does not answer", self._held.account_id)
            return mailing_out_ids

    def _take(self, sent: Sequence[Sent], size: int) -> Taken:
        claim_id = uuid.uuid4()
        try:
            return self._plain(sent, size, claim_id) or self._try(sent, size, claim_id)
        except (OperationalError, InterfaceError):
            logger.exception("account %d: a turn at the ledger failed", self._held.account_id)
            if not self._make_good(sent, claim_id):
                raise
            return Taken(None, None)

    def _plain(self, sent: Sequence[Sent], size: int, claim_id: uuid.UUID) -> Taken | None:
        """Take the turn in one statement; None if it is not as plain as that."""
        if len(sent) != 1 or not plain_turn.may_be_plain(*sent[0], size=size):
            return None
        ahead = self._recent_route()
        if ahead is None or not ahead.is_plain or self._cooling:
            return None
        try:
            window = self._plain_turns.record_and_claim(*sent[0], ahead, claim_id=claim_id)
        except plain_turn.NotPlainError:
            return None
        return Taken(ahead.account, window, ahead.at)

    def _try(self, sent: Sequence[Sent], size: int, claim_id: uuid.UUID) -> Taken:
        with self._open_turn() as this:
            _record(this, sent)
            claims = size > 0 and this.is_held
            following = ledger.claim(this, size=size, claim_id=claim_id) if claims else None
            return Taken(this.account if this.is_held else None, following, this.now)

    def _make_good(self, sent: Sequence[Sent], claim_id: uuid.UUID) -> bool:
        """Record what was sent and return what was claimed, as long as the lease lasts."""
        while not self._held.is_over():
            if not connection.in_atomic_block:  # within a transaction it is its owner's
                connection.close_if_unusable_or_obsolete()
            try:
                with self._open_turn() as this:
                    _record(this, sent)
                    outcomes.return_claim(this, claim_id)
            except DatabaseError:
                self._around.sleep(RETRY_S)
            else:
                return True
        return False

    def _open_turn(self) -> AbstractContextManager[ledger.Turn]:
        return ledger.turn(
            self._held,
            now=self._around.now(),
            random_source=self._around.random,
            settings_row=self._recent_settings(),
            cooling=self._cooling,
        )

    def _recent_settings(self) -> MassmailSettings:
        """Return the settings, at most a second old: a pause of all sending acts that fast."""
        now_s = self._around.clock()
        if self._settings is None or now_s - self._read_s >= LOOK_S:
            self._settings, self._read_s, self._route = MassmailSettings.load(), now_s, None
            self._cooling = cooling_domains.active(self._held.account_id, self._around.now())
        return self._settings

    def _recent_route(self) -> plain_turn.Route | None:
        """Return what the account has to send, at most a second old too."""
        settings_row = self._recent_settings()
        if self._route is None:
            self._route = plain_turn.route(
                self._held.account_id, settings_row, now=self._around.now()
            )
        return self._route


def _record(this: ledger.Turn, sent: Sequence[Sent]) -> None:
    for window, results in sent:
        outcomes.record(this, window, results)
