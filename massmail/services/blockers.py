"""Why no mail of a mailing out leaves now: ordered reasons in words, and when the next one does.

The deciding reason comes first. A reason is listed only while it is true. What each part has to
say is in `own_reasons`, `account_reasons` and `worker_reasons`.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils.translation import gettext as _

from massmail.clock import database_now
from massmail.models import Delivery, EmailAccount, MailingOut, MassmailSettings
from massmail.services import (
    account_reasons,
    installation,
    own_reasons,
    send_window,
    worker_reasons,
)
from massmail.services.blocker import Blocker, moment
from massmail.services.scene import Scene, Waiting, scene_of

__all__ = [
    "Blocker",
    "Explanation",
    "Prospect",
    "blockers",
    "moment",
    "next_mail_at",
]

TURNS_NAMED = 3
_OVER = frozenset({"done", "cancelled", "expired"})  # codes: nothing more leaves
_State = MailingOut.State


class Prospect(enum.StrEnum):
    """What comes next of a mailing out."""

    LEAVING = "leaving"  # mails are on the wire
    NOW = "now"  # nothing is in the way: within seconds
    LATER = "later"  # by itself, at a moment that is known
    STUCK = "stuck"  # not before somebody acts
    OVER = "over"  # nothing is left to send, or it was cancelled


def blockers(mailing_out: MailingOut, *, now: datetime | None = None) -> list[Blocker]:
    """Return why no mail leaves now; empty when mails are leaving or nothing is left (SQL)."""
    return Explanation(mailing_out, now or database_now()).blockers()


def next_mail_at(mailing_out: MailingOut, *, now: datetime | None = None) -> datetime | None:
    """Return when the next mail could leave as things are; None: not by itself."""
    return Explanation(mailing_out, now or database_now()).next_mail_at()


@dataclass
class Explanation:
    """The facts about one mailing out at one moment, read once."""

    mailing_out: MailingOut
    now: datetime
    given: Scene | None = None  # read for several mailing outs at once

    @cached_property
    def scene(self) -> Scene:
        """What surrounds the mailing out."""
        return self.given or scene_of([self.mailing_out], self.now)

    @property
    def settings_row(self) -> MassmailSettings:
        """The settings."""
        return self.scene.settings_row

    @property
    def waiting(self) -> list[Waiting]:
        """What each account still has to send, those with most first."""
        return self.scene.waiting.get(self.mailing_out.pk, [])

    @property
    def holders(self) -> list[EmailAccount]:
        """The accounts that runs hold, of those that have a part of it; none if none is sending."""
        return self.scene.holders.get(self.mailing_out.pk, [])

    @cached_property
    def state(self) -> MailingOut.State:
        """The word for it."""
        return self.mailing_out.state_at(self.now)

    def blockers(self) -> list[Blocker]:
        """Return the reasons, the deciding one first."""
        installation, own = list(self._installation_reasons()), list(self._own_reasons)
        if own or not self.mailing_out.pending_count:
            return [*installation, *own, *self._dead_runs(), *self._idle_workers()]
        reasons = [*installation, *self._late_reasons(), *self._window_reasons()]
        reasons += self._dead_runs()
        if self._is_leaving:  # but not from these accounts
            lasting = account_reasons.of_accounts(
                self.waiting, self.now, only=account_reasons.LASTING
            )
            return [*reasons, *lasting, *self._misfits()]
        accounts = account_reasons.of_accounts(self.waiting, self.now)
        return [
            *[*reasons, *accounts, *self._orphan_reasons()],
            *[*self._silent_parts(), *self._misfits(), *self._turn_reasons()],
        ]

    def next_mail_at(self) -> datetime | None:
        """Return when the next mail could leave: the earliest over all accounts."""
        found = self.next_mail()
        return found[0] if found else None

    def next_mail(self) -> tuple[datetime, EmailAccount] | None:
        """Return when the next mail could leave by itself, and from which account."""
        lasting = any(each.until is None for each in self._own_reasons)
        if lasting or self.settings_row.paused_at or not self.mailing_out.is_active:
            return None
        found = self._first_free()
        if found is None or self._is_too_late(found[0]) or self._is_unattended(found[0]):
            return None
        return found

    @property
    def prospect(self) -> Prospect:
        """What comes next."""
        if any(each.code in _OVER for each in self._own_reasons):
            return Prospect.OVER
        if self._is_leaving:
            return Prospect.LEAVING
        found = self.next_mail()
        if found is not None:
            return Prospect.NOW if found[0] <= self.now else Prospect.LATER
        if self._is_being_started:
            return Prospect.LATER
        return Prospect.STUCK if self.mailing_out.pending_count else Prospect.OVER

    def sentence(self) -> str:
        """Say what comes next; nothing once it is over."""
        prospect, found = self.prospect, self.next_mail()
        if prospect is Prospect.LEAVING:
            names = ", ".join(each.name for each in self.holders[: account_reasons.NAMED])
            text = _("Mails are leaving from %(accounts)s.") if names else _("Mails are leaving.")
            return text % {"accounts": names}
        if prospect is Prospect.STUCK:
            return _("No mail leaves until somebody acts.")
        if found is None:
            return self._own_reasons[0].text if self._is_being_started else ""
        facts = {"account": found[1].name, "when": moment(found[0])}
        if prospect is Prospect.NOW:
            return _("The next mail leaves from %(account)s within seconds.") % facts
        return _("The next mail leaves from %(account)s at %(when)s.") % facts

    # --- facts

    @cached_property
    def _own_reasons(self) -> list[Blocker]:
        return list(own_reasons.deciding(self.mailing_out, self.now))

    @property
    def _dead_holders(self) -> list[EmailAccount]:
        return [
            each
            for each in self.holders
            if each.run_lease_until is not None and each.run_lease_until < self.now
        ]

    @property
    def _is_leaving(self) -> bool:
        """Whether mails are on the wire, or a live run is about to send them."""
        if not self.mailing_out.is_active or not self.mailing_out.in_flight_count:
            return False
        return not self.holders or len(self.holders) > len(self._dead_holders)

    @property
    def _is_being_started(self) -> bool:
        """Whether a worker makes its start, after which mails leave."""
        is_starting = self.mailing_out.preparing == MailingOut.Preparing.START
        return is_starting and not self.settings_row.paused_at and not list(self._idle_workers())

    def _first_free(self) -> tuple[datetime, EmailAccount] | None:
        """Return when the first account may send one of the mails, limits and hours kept."""
        moments = [
            (max(filter(None, (self.now, each.due_at, each.free_at))), each.account)
            for each in self.waiting
            if each.hindrance is None or each.free_at is not None
        ]
        moments.sort(key=lambda each: each[0])
        first = next((each for each in moments if account_reasons.is_readable(each[1])), None)
        if first is None:
            return None
        earliest, account = first
        if self.state is _State.SCHEDULED and self.mailing_out.start_at:
            earliest = max(earliest, self.mailing_out.start_at)
        return send_window.opens_at(self.settings_row, earliest) or earliest, account

    def _is_too_late(self, when: datetime) -> bool:
        not_after = self.mailing_out.not_after
        return not_after is not None and when >= not_after

    def _is_unattended(self, when: datetime) -> bool:
        """Tell whether no worker would send a mail that could leave at once."""
        return when <= self.now and not self._is_leaving and bool(list(self._silent_parts()))

    def _is_ready(self, each: Waiting) -> bool:
        return each.hindrance is None and (each.due_at is None or each.due_at <= self.now)

    # --- reasons that concern more than one part

    def _installation_reasons(self) -> Iterator[Blocker]:
        paused_at = self.settings_row.paused_at
        if paused_at is None or self.state in {_State.DONE, _State.CANCELLED}:
            return
        text = _("All sending is paused since %(when)s.") % {"when": moment(paused_at)}
        if self.scene.is_copy:
            yield Blocker("database_copy", f"{text} {installation.copy_note()}")
        else:
            yield Blocker("all_paused", f"{text} {self.settings_row.pause_note}".strip())

    def _window_reasons(self) -> Iterator[Blocker]:
        opens_at = send_window.opens_at(self.settings_row, self.now)
        if opens_at is not None:
            text = _("Outside the sending hours until %(when)s.") % {
                "when": moment(opens_at.astimezone(self.settings_row.zone))
            }
            yield Blocker("outside_hours", text, opens_at)

    def _late_reasons(self) -> Iterator[Blocker]:
        """Yield that what waits will not leave in time."""
        found, not_after = self._first_free(), self.mailing_out.not_after
        if found is not None and not_after is not None and self._is_too_late(found[0]):
            text = _(
                "It ends at %(when)s, before any mail can leave: choose a later end, or what waits"
                " expires."
            )
            yield Blocker("too_late", text % {"when": moment(not_after)}, not_after)

    def _dead_runs(self) -> Iterator[Blocker]:
        """Yield the runs whose process is dead; the next tick settles what they had."""
        for account in self._dead_holders[: account_reasons.NAMED]:
            text = _(
                "A process that sent from %(account)s has died. What it had on the wire is about"
                " to be marked as uncertain; the rest goes on."
            )
            yield Blocker("dead_run", text % {"account": account.name}, None, account.pk)

    def _orphan_reasons(self) -> Iterator[Blocker]:
        """Yield that rows wait which no account has; asked only where the numbers differ."""
        waiting = self.mailing_out.pending_count > sum(each.pending for each in self.waiting)
        if not waiting or any(each.is_more or each.account.run_id for each in self.waiting):
            return
        orphans = Delivery.objects.filter(
            mailing_out=self.mailing_out.pk, email_account=None, status=Delivery.Status.PENDING
        )
        if orphans.exists():
            yield Blocker("no_account", _("No account is left that could send. Add one."))

    def _idle_workers(self) -> Iterator[Blocker]:
        """Yield the silent part for which a mailing out waits that workers prepare."""
        if self.state is _State.PREPARING:
            yield from worker_reasons.silent_parts(self.scene, needs_deliveries=True, since=None)

    def _silent_parts(self) -> Iterator[Blocker]:
        if not any(each.account.run_id for each in self.waiting):
            yield from worker_reasons.silent_parts(
                self.scene,
                needs_deliveries=any(self._is_ready(each) for each in self.waiting),
                since=self.mailing_out.start_at,
            )

    def _misfits(self) -> Iterator[Blocker]:
        yield from worker_reasons.misfits(self.scene)

    def _turn_reasons(self) -> Iterator[Blocker]:
        """Yield the other mailing outs with which the accounts take turns."""
        accounts = [each.account.pk for each in self.waiting if self._is_ready(each)]
        others = {
            other.mailing_out_id: other.name
            for account in accounts
            for other in self.scene.others.get(account, ())
            if other.mailing_out_id != self.mailing_out.pk
        }
        for name in list(others.values())[:TURNS_NAMED]:
            text = _("“%(name)s” uses the same accounts; they take turns.") % {"name": name}
            yield Blocker("turns", text)
