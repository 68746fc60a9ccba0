"""Why no mail of a mailing out leaves now: ordered reasons in words, and when the next one does.

The deciding reason comes first. A reason is listed only while it is true.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.fields import SecretUnreadable, key_fingerprint
from massmail.clock import database_now
from massmail.models import EmailAccount, Heartbeat, MailingOut, MassmailSettings
from massmail.services import heartbeat, send_window, words
from massmail.services.account_health import Hindrance, Obstacle
from massmail.services.scene import Scene, Waiting, scene_of

TURNS_NAMED = 3
_LASTING = frozenset({"account_off", "cooling", "limit", "key", "worker_key", "no_account"})


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason. `code` is stable; `until` is when it ends by itself, None: somebody must act."""

    code: str
    text: str
    until: datetime | None = None
    account_id: int | None = None  # whose page is the way out, if it is an account's


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

    def blockers(self) -> list[Blocker]:
        """Return the reasons, the deciding one first."""
        own = list(self._own_reasons())
        if own or not self.mailing_out.pending_count:
            return [*self._installation_reasons(), *own]
        reasons = [*self._installation_reasons(), *self._window_reasons()]
        accounts = list(self._account_reasons())
        if self.mailing_out.in_flight_count:  # mails leave, but not from these accounts
            return [*reasons, *(each for each in accounts if each.code in _LASTING)]
        return [*reasons, *accounts, *self._worker_reasons(), *self._turn_reasons()]

    def next_mail_at(self) -> datetime | None:
        """Return when the next mail could leave: the earliest over all accounts."""
        found = self.next_mail()
        return found[0] if found else None

    def next_mail(self) -> tuple[datetime, EmailAccount] | None:
        """Return when the next mail could leave, and from which account."""
        if self.settings_row.paused_at or not self.mailing_out.is_active:
            return None
        moments = [
            (max(filter(None, (self.now, each.due_at, each.free_at))), each.account)
            for each in self.waiting
            if each.hindrance is None or each.free_at is not None
        ]
        if not moments:
            return None
        earliest, account = min(moments, key=lambda each: each[0])
        state = self.mailing_out.state_at(self.now)
        if state is MailingOut.State.SCHEDULED and self.mailing_out.start_at:
            earliest = max(earliest, self.mailing_out.start_at)
        return send_window.opens_at(self.settings_row, earliest) or earliest, account

    # --- reasons, in the order in which they decide

    def _installation_reasons(self) -> Iterator[Blocker]:
        if self.settings_row.paused_at is not None:
            text = _("All sending is paused since %(when)s.") % {
                "when": moment(self.settings_row.paused_at)
            }
            yield Blocker("all_paused", f"{text} {self.settings_row.pause_note}".strip())

    def _own_reasons(self) -> Iterator[Blocker]:
        """Yield what the mailing out itself decides."""
        state = self.mailing_out.state_at(self.now)
        texts = {
            MailingOut.State.PREPARING: _("It is being prepared."),
            MailingOut.State.DRAFT: _("It is a draft: it was not started yet."),
            MailingOut.State.CANCELLED: _("It was cancelled."),
            MailingOut.State.DONE: _("It is done."),
        }
        if state in texts:
            yield Blocker(state.value, texts[state])
        elif state is MailingOut.State.PAUSED:
            yield Blocker("paused", self._pause_text())
        elif state is MailingOut.State.SCHEDULED and self.mailing_out.start_at:
            start_at = self.mailing_out.start_at
            text = _("It starts at %(when)s.") % {"when": moment(start_at)}
            yield Blocker("scheduled", text, start_at)

    def _pause_text(self) -> str:
        reason = MailingOut.PauseReason(self.mailing_out.pause_reason or "by_hand")
        by = self.mailing_out.paused_by
        if by is not None:
            return _("It was paused by %(who)s.") % {"who": by.get_full_name() or by.username}
        return _("It is paused: %(reason)s.") % {"reason": reason.label}

    def _window_reasons(self) -> Iterator[Blocker]:
        opens_at = send_window.opens_at(self.settings_row, self.now)
        if opens_at is not None:
            text = _("Outside the sending hours until %(when)s.") % {
                "when": moment(opens_at.astimezone(self.settings_row.zone))
            }
            yield Blocker("outside_hours", text, opens_at)

    def _account_reasons(self) -> Iterator[Blocker]:
        for each in self.waiting:
            if each.hindrance is not None:
                yield self._account_reason(each, each.hindrance)
            elif each.due_at is not None and each.due_at > self.now:
                text = ngettext(
                    "%(number)s mail was refused for the time being; next try %(when)s.",
                    "%(number)s mails were refused for the time being; next try %(when)s.",
                    each.pending,
                ) % {"number": each.number_text, "when": moment(each.due_at)}
                yield Blocker("retry", text, each.due_at, each.account.pk)
            else:
                yield from self._key_reasons(each)
        if self._has_orphans() and not self.mailing_out.in_flight_count:
            yield Blocker("no_account", _("No account is left that could send. Add one."))

    def _has_orphans(self) -> bool:
        """Tell whether rows wait that no account has; not asked where not all were counted."""
        if any(each.is_more for each in self.waiting):
            return False
        return self.mailing_out.pending_count > sum(each.pending for each in self.waiting)

    def _account_reason(self, each: Waiting, hindrance: Hindrance) -> Blocker:
        account, facts = each.account, {"account": each.account.name, "number": each.number_text}
        if hindrance.obstacle is Obstacle.OFF:
            facts["reason"] = words.of_trouble(account.off_reason or words.BY_HAND)
            text = _("%(account)s is off: %(reason)s") % facts
            if account.main:
                text = ngettext(
                    "%(number)s VIP waits for %(account)s, which is off: %(reason)s",
                    "%(number)s VIPs wait for %(account)s, which is off: %(reason)s",
                    each.pending,
                )
                text %= facts
            return Blocker("account_off", text, None, account.pk)
        facts["when"] = moment(hindrance.until) if hindrance.until else ""
        if hindrance.obstacle is Obstacle.COOLING:
            facts["reason"] = words.of_trouble(account.cooling_reason)
            text = _("%(account)s rests until %(when)s: %(reason)s") % facts
            return Blocker("cooling", text, hindrance.until, account.pk)
        if hindrance.obstacle is Obstacle.LIMIT:
            facts["used"] = intcomma(account.today_count)
            text = _("%(account)s has sent its %(used)s of today; it goes on %(when)s.") % facts
            return Blocker("limit", text, hindrance.until, account.pk)
        text = _("%(account)s keeps a gap between mails; next %(when)s.") % facts
        return Blocker("gap", text, hindrance.until, account.pk)

    def _key_reasons(self, each: Waiting) -> Iterator[Blocker]:
        try:
            for name in ("email_host_password", "email_app_password", "refresh_token"):
                getattr(each.account, name)
        except SecretUnreadable:
            text = _(
                "The password of %(account)s cannot be read: this installation has another"
                " encryption key. Ask an operator."
            ) % {"account": each.account.name}
            yield Blocker("key", text, None, each.account.pk)
        for beat in self.scene.heartbeats:
            is_fresh = beat.seen_at > self.now - heartbeat.STALE_AFTER
            is_delivering = beat.role == Heartbeat.Role.DELIVERIES
            if is_fresh and is_delivering and beat.key_fingerprint != key_fingerprint():
                text = _("The worker on %(host)s has another encryption key.")
                yield Blocker("worker_key", text % {"host": beat.host})

    def _worker_reasons(self) -> Iterator[Blocker]:
        if any(each.account.run_id for each in self.waiting):
            return
        ready = [each for each in self.waiting if self._is_ready(each)]
        seen = self.scene.last_seen(Heartbeat.Role.CONTROL)
        if seen is None:
            yield Blocker("no_worker", _("No worker has reported yet. Start worker and beat."))
        elif seen < self.now - heartbeat.STALE_AFTER:
            text = _("No worker has reported since %(when)s.") % {"when": moment(seen)}
            yield Blocker("no_worker", text)
        elif ready and not self._deliveries_alive():
            yield Blocker("no_deliveries_worker", _("No worker for deliveries has reported."))

    def _deliveries_alive(self) -> bool:
        seen = self.scene.last_seen(Heartbeat.Role.DELIVERIES)
        started = self.mailing_out.start_at
        if seen is not None and seen >= self.now - heartbeat.STALE_AFTER:
            return True
        return started is not None and started > self.now - heartbeat.STALE_AFTER

    def _is_ready(self, each: Waiting) -> bool:
        return each.hindrance is None and (each.due_at is None or each.due_at <= self.now)

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


def moment(when: datetime) -> str:
    """Return a moment in words, with its zone."""
    local = when if when.tzinfo and not _is_utc(when) else timezone.localtime(when)
    return f"{formats.date_format(local, 'SHORT_DATETIME_FORMAT')} {local:%Z}"


def _is_utc(when: datetime) -> bool:
    return str(when.tzinfo) == "UTC"
