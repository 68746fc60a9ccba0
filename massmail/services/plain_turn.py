"""The turn that nearly all mails of a large mailing out take: a window that simply succeeded.

On PostgreSQL one statement records it and claims the next window of the same mailing out; that is
what makes the ledger keep up with the wire. Whatever is not plain (a refusal, a retry, another
mailing out that waits, a person who left meanwhile) makes it roll back, and `ledger` with
`outcomes` does the turn step by step. Both leave the same rows.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from django.db import connection, transaction

from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    MailingOut,
    MassmailSettings,
    Recipient,
)
from massmail.services import account_health, lease, pace, send_window
from massmail.services.eligibility import (
    Candidate,
    Verdict,
    addresses_domain,
    plain_verdicts,
)
from massmail.services.lease import Lease
from massmail.services.ledger import Window
from massmail.services.outcomes import Result
from massmail.services.people_reader import PeopleReader
from massmail.services.smtp_replies import Action
from massmail.services.tally import WINDOW_MAX

# Nothing here waits for another run but the account's row, which this run holds anyway; the
# counters of the mailing out, at which runs do meet, are written after it.
_STATEMENT = """
WITH account AS (
    SELECT id, CASE WHEN today_date = %(today)s THEN today_count ELSE 0 END AS used
    FROM massmail_emailaccount
    WHERE id = %(account)s AND run_id = %(run)s AND massmail AND cooling_count = 0
    FOR UPDATE
), share AS (
    SELECT share.id, share.watermark
    FROM massmail_accountshare share
        JOIN account ON share.email_account_id = account.id
        JOIN massmail_mailingout mailing_out ON share.mailing_out_id = mailing_out.id
    WHERE mailing_out.id = %(mailing_out)s AND mailing_out.status IN ('A', 'E')
        AND mailing_out.message_version_id = %(version)s AND mailing_out.first_version_id IS NULL
        AND mailing_out.window_limit >= %(size)s
        AND (mailing_out.not_after IS NULL OR mailing_out.not_after > %(now)s)
    FOR UPDATE OF share
), sent AS (
    UPDATE massmail_delivery delivery
    SET status = 'sent', sent_at = %(now)s, due_at = NULL, reason = '',
        attempts = delivery.attempts + 1, reply = new.reply, address = new.address
    FROM unnest(%(sent_ids)s::bigint[], %(replies)s::text[], %(addresses)s::text[])
        AS new (id, reply, address)
    WHERE delivery.id = new.id AND delivery.status = 'in_flight'
        AND delivery.claim = %(sent_claim)s
    RETURNING delivery.id
), fresh AS (
    SELECT delivery.id
    FROM massmail_delivery delivery
    WHERE delivery.email_account_id = %(account)s AND delivery.mailing_out_id = %(mailing_out)s
        AND delivery.id > (SELECT watermark FROM share) AND delivery.status = 'pending'
        AND delivery.due_at IS NULL
    ORDER BY delivery.id
    LIMIT %(size)s
), taken AS (
    UPDATE massmail_delivery delivery
    SET status = 'in_flight', claim = %(claim)s, address = delivery.address_key,
        message_id = '<' || delivery.uuid || '@' || %(domain)s || '>'
    FROM fresh
    WHERE delivery.id = fresh.id AND delivery.status = 'pending'
    RETURNING delivery.id, delivery.recipient_id, delivery.uuid, delivery.address_key,
        EXISTS (
            SELECT FROM massmail_suppression suppression
            WHERE suppression.address_key = delivery.address_key
                AND (suppression.until IS NULL OR suppression.until > %(now)s)
        ) AS suppressed
), walked AS (
    UPDATE massmail_accountshare
    SET watermark = (SELECT max(id) FROM taken), served_at = %(now)s,
        exhausted = (SELECT count(*) FROM taken) < %(size)s
    WHERE id = (SELECT id FROM share) AND EXISTS (SELECT FROM taken)
), reserved AS (
    UPDATE massmail_emailaccount
    SET today_date = %(today)s, run_lease_until = %(lease_until)s,
        today_count = (SELECT used FROM account) + (SELECT count(*) FROM taken)
    WHERE id = (SELECT id FROM account)
        AND (%(limit)s::integer IS NULL
            OR (SELECT used FROM account) + (SELECT count(*) FROM taken) <= %(limit)s::integer)
    RETURNING id
)
SELECT taken.id, taken.recipient_id, taken.uuid, taken.address_key, taken.suppressed,
    (SELECT count(*) FROM sent), (SELECT count(*) FROM reserved)
FROM taken ORDER BY taken.id
"""
_COUNT = """
UPDATE massmail_mailingout
SET sent_count = sent_count + %(sent)s, attempts_count = attempts_count + %(sent)s,
    pending_count = pending_count - %(taken)s,
    in_flight_count = in_flight_count + %(taken)s - %(sent)s,
    today_count = CASE WHEN today_date = %(today)s THEN today_count ELSE 0 END + %(sent)s,
    today_date = %(today)s
WHERE id = %(mailing_out)s
"""


class NotPlainError(Exception):
    """The turn is not as plain as it looked; nothing of it was done."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a run knew of its account about a second ago."""

    account: EmailAccount
    settings_row: MassmailSettings
    is_plain: bool  # one mailing out alone waits for the account, no retry is due, nothing hinders
    at: datetime  # the database's time then

    @property
    def today(self) -> date:
        """The day whose limit counts."""
        return self.settings_row.local_date(self.at)


def route(account_id: int, settings_row: MassmailSettings, *, now: datetime) -> Route | None:
    """See what the account has to send (three statements); None if it is gone."""
    account = EmailAccount.objects.filter(pk=account_id).first()
    if account is None:
        return None
    running = MailingOut.objects.running(now).values("pk")
    open_shares = AccountShare.objects.filter(
        email_account=account_id, exhausted=False, mailing_out__in=running
    )
    retries = Delivery.objects.retry_due(now).filter(
        email_account=account_id, mailing_out__in=running
    )
    is_free = _is_free(account, settings_row, now)
    is_plain = is_free and len(open_shares.values("pk")[:2]) == 1 and not retries.exists()
    return Route(account, settings_row, is_plain, now)


def _is_free(account: EmailAccount, settings_row: MassmailSettings, now: datetime) -> bool:
    return (
        settings_row.paused_at is None
        and not pace.keeps_gap(account, settings_row)
        and account_health.hindrance(account, settings_row, now) is None
        and send_window.opens_at(settings_row, now) is None
    )


def may_be_plain(window: Window, results: Sequence[Result], *, size: int) -> bool:
    """Tell whether a full window is to follow one that simply succeeded. Pure."""
    return (
        connection.vendor == "postgresql"
        and size == WINDOW_MAX
        and len(results) == len(window.rows)
        and all(_is_plain_success(result) for result in results)
    )


def _is_plain_success(result: Result) -> bool:
    return result.decision.action is Action.SENT and not result.provider_id


class PlainTurns:
    """Takes the plain turns of one run. Belongs to the thread that made it; PostgreSQL only."""

    def __init__(self, held: Lease) -> None:
        self._held = held
        self._readers: dict[type[Recipient], PeopleReader] = {}

    def record_and_claim(
        self, window: Window, results: Sequence[Result], ahead: Route, *, claim_id: uuid.UUID
    ) -> Window:
        """Record a window and claim the next of the same mailing out, in one transaction.

        Raises NotPlainError, with nothing done.
        """
        before = self._held.clock()
        mailing_out = window.mailing_out
        parameters = self._parameters(window, results, ahead)
        with transaction.atomic(), _prepared_cursor() as cursor:
            cursor.execute(_STATEMENT, {**parameters, "claim": claim_id}, prepare=True)
            taken = cursor.fetchall()
            _require_plain(taken, sent=len(results))
            rows = self._judged(mailing_out, taken, domain=str(parameters["domain"]))
            parameters |= {"sent": len(results), "taken": len(rows)}
            cursor.execute(_COUNT, parameters, prepare=True)
        self._held.renewed_s = before
        return Window(claim_id, mailing_out, tuple(rows), ahead.today)

    def _judged(
        self, mailing_out: MailingOut, taken: Sequence[tuple[Any, ...]], *, domain: str
    ) -> Sequence[Verdict]:
        candidates = [Candidate(*row[:4]) for row in taken]
        model = mailing_out.recipient_model
        reader = self._readers.get(model)
        if reader is None:
            reader = self._readers[model] = PeopleReader(model, size=WINDOW_MAX)
        people = reader.read([row.recipient_id for row in candidates])
        rows = plain_verdicts(candidates, people, domain=domain)
        if rows is None:
            raise NotPlainError
        return rows

    def _parameters(
        self, window: Window, results: Sequence[Result], ahead: Route
    ) -> dict[str, Any]:  # Any: what the database takes
        rows = [result.row for result in results]
        return {
            "account": self._held.account_id,
            "run": self._held.run_id,
            "mailing_out": window.mailing_out.pk,
            "version": window.mailing_out.message_version_id,
            "now": ahead.at,
            "today": ahead.today,
            "lease_until": lease.lease_until(ahead.at),
            "limit": ahead.account.effective_daily_limit(ahead.settings_row),
            "size": WINDOW_MAX,
            "domain": addresses_domain(ahead.account.from_email),
            "sent_claim": window.claim,
            "sent_ids": [row.delivery_id for row in rows],
            "addresses": [row.address for row in rows],
            "replies": [result.reply_text for result in results],
        }


def _require_plain(taken: Sequence[tuple[Any, ...]], *, sent: int) -> None:
    """Raise NotPlainError unless all of the statement took place, and nobody is suppressed."""
    if not taken or taken[0][5:] != (sent, 1) or any(row[4] for row in taken):
        raise NotPlainError


@contextmanager
def _prepared_cursor() -> Iterator["psycopg.Cursor[tuple[Any, ...]]"]:
    """Open a cursor whose statements the server plans once; Django's own plans each time."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor
