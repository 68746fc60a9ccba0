"""Counters of mailing outs, changed only together with the rows that they count."""

from collections import Counter
from datetime import date
from typing import Any

from django.db.models import Case, F, Value, When

from massmail.models import Delivery, MailingOut

WINDOW_MAX = 50  # deliveries

_STATUS = Delivery.Status


class Tally:
    """Notes moves of rows between states, and writes one UPDATE for each mailing out.

    Write it last in the transaction, after the rows and the account: the counters of a mailing
    out are what several runs wait for each other at.
    """

    def __init__(self) -> None:
        self._moves: dict[int, Counter[str]] = {}
        self._attempts: Counter[int] = Counter()
        self._troubled: set[int] = set()
        self._window_limits: dict[int, int] = {}
        self._sent_on: dict[int, tuple[date, int]] = {}

    def move(self, mailing_out_id: int, number: int, *, source: str, target: str) -> None:
        """Note that so many rows went from one state to another."""
        moves = self._moves.setdefault(mailing_out_id, Counter())
        moves[source] -= number
        moves[target] += number
        if target == _STATUS.FAILED:
            self._troubled.add(mailing_out_id)

    def attempt(self, mailing_out_id: int, number: int) -> None:
        """Note attempts that count."""
        self._attempts[mailing_out_id] += number

    def sent(self, mailing_out_id: int, number: int, *, today: date) -> None:
        """Note mails that were sent on this day, in the settings' time zone."""
        before = self._sent_on.get(mailing_out_id, (today, 0))[1]
        if number:
            self._sent_on[mailing_out_id] = today, before + number

    def trouble(self, mailing_out_id: int) -> None:
        """Note that the mailing out met account trouble: it runs with errors from now on."""
        self._troubled.add(mailing_out_id)

    def limit_windows(self, mailing_out_id: int, limit: int) -> None:
        """Note how many mails the next window of the mailing out may have."""
        self._window_limits[mailing_out_id] = min(limit, WINDOW_MAX)

    def write(self) -> None:
        """Write the counters, in the order of the ids so that two writers never deadlock."""
        ids = {
            *self._moves,
            *self._attempts,
            *self._troubled,
            *self._window_limits,
            *self._sent_on,
        }
        for mailing_out_id in sorted(ids):
            values = self._values(mailing_out_id)
            if values:
                MailingOut.objects.filter(pk=mailing_out_id).update(**values)

    def _values(self, mailing_out_id: int) -> dict[str, Any]:  # expressions for update()
        moves = self._moves.get(mailing_out_id, Counter[str]())
        values: dict[str, Any] = {
            f"{status}_count": F(f"{status}_count") + number
            for status, number in moves.items()
            if number
        }
        if attempts := self._attempts[mailing_out_id]:
            values["attempts_count"] = F("attempts_count") + attempts
        if mailing_out_id in self._sent_on:
            today, number = self._sent_on[mailing_out_id]
            values["today_date"] = today
            values["today_count"] = Case(
                When(today_date=today, then=F("today_count") + number), default=Value(number)
            )
        if mailing_out_id in self._window_limits:
            values["window_limit"] = self._window_limits[mailing_out_id]
        if mailing_out_id in self._troubled:
            values["status"] = Case(
                When(status=MailingOut.Status.ACTIVE, then=Value(MailingOut.Status.ERRORS)),
                default=F("status"),
            )
        return values
