"""Compares the ledger with what the servers took: is anybody lost, or mailed twice?

Pure functions over rows, log entries and samples, which return *findings*; none means that all is
well. The criteria:

* C1: every row is in a final state, or there is a reason for which it waits.
* C2: nobody is lost: what is `sent` was taken by a server, who was eligible was tried.
* C3: nobody got two mails, and no mail that a server took can leave once more.
* C4: the states add up to the rows, and the counters are those of the rows, at every sample.

The readers take any function that runs one statement of SQL: Django's, or that of an installation
that runs in processes of its own.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from massmail.addresses import address_key
from tests.faults.accept_log import Accepted

STATES = ("pending", "in_flight", "sent", "failed", "skipped", "uncertain")
FINAL = frozenset({"sent", "failed", "skipped", "uncertain"})
# Reasons of failed rows that no server was asked about.
NOT_TRIED = frozenset({"local", "expired", "smtputf8"})
SHOWN = 10  # ids in one finding

Query = Callable[[str], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One delivery. `waits_for` says why it is not in a final state, if there is a reason."""

    delivery_id: int
    mailing_out_id: int
    address_key: str
    message_id: str
    status: str
    reason: str = ""
    attempts: int = 0
    sent_again: bool = False  # a person had it sent once more: two copies may be out
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The states of one mailing out at one moment, counted from its rows and from its counters."""

    mailing_out_id: int
    rows: tuple[int, ...]  # in the order of STATES
    counters: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which ledger and log disagree."""

    criterion: str
    text: str

    def __str__(self) -> str:
        return f"{self.criterion}: {self.text}"


def require_consistent(
    rows: Sequence[LedgerRow],
    accepted: Sequence[Accepted],
    *,
    samples: Iterable[Sample] = (),
    eligible: Collection[str] = (),
    decided: Collection[int] = (),
) -> None:
    """Raise AssertionError with everything that was found; see `findings`."""
    found = findings(rows, accepted, samples=samples, eligible=eligible, decided=decided)
    if found:
        raise AssertionError("\n".join(map(str, found)))


def findings(
    rows: Sequence[LedgerRow],
    accepted: Sequence[Accepted],
    *,
    samples: Iterable[Sample] = (),
    eligible: Collection[str] = (),
    decided: Collection[int] = (),
) -> list[Finding]:
    """Return everything that is wrong.

    `eligible` are addresses that nothing keeps from getting a mail. `decided` are ids of rows
    which a person counted as sent.
    """
    return [
        *unexplained(rows),
        *lost(rows, accepted, eligible=eligible, decided=decided),
        *unknown(rows, accepted),
        *twice(rows, accepted),
        *unbalanced(samples),
    ]


def unexplained(rows: Sequence[LedgerRow]) -> Iterator[Finding]:
    """C1: rows that are not at their end, without a reason; ends without a reason."""
    for status in ("pending", "in_flight"):
        stuck = [r.delivery_id for r in rows if r.status == status and not r.waits_for]
        if stuck:
            yield Finding("C1", f"{_ids(stuck)} are {status} for no reason")
    unknown_states = [r.delivery_id for r in rows if r.status not in STATES]
    if unknown_states:
        yield Finding("C1", f"{_ids(unknown_states)} are in no known state")
    silent = [
        r.delivery_id for r in rows if r.status in {"failed", "skipped"} and not r.reason.strip()
    ]
    if silent:
        yield Finding("C1", f"{_ids(silent)} failed or were left out without a reason")


def lost(
    rows: Sequence[LedgerRow],
    accepted: Sequence[Accepted],
    *,
    eligible: Collection[str] = (),
    decided: Collection[int] = (),
) -> Iterator[Finding]:
    """C2: rows sent that no server took, ends without a try, eligible people left out."""
    taken = {entry.message_id for entry in accepted}
    missing = [
        r.delivery_id
        for r in rows
        if r.status == "sent" and r.message_id not in taken and r.delivery_id not in decided
    ]
    if missing:
        yield Finding("C2", f"{_ids(missing)} are sent, but no server took them")
    untried = [
        r.delivery_id
        for r in rows
        if r.attempts == 0
        and (r.status == "uncertain" or (r.status == "failed" and r.reason not in NOT_TRIED))
    ]
    if untried:
        yield Finding("C2", f"{_ids(untried)} ended without a single attempt")
    served = {r.address_key for r in rows if r.status != "skipped"}
    left_out = sorted(set(eligible) - served)
    if left_out:
        yield Finding("C2", f"{_some(left_out)} are eligible, but have no row or are left out")


def unknown(rows: Sequence[LedgerRow], accepted: Sequence[Accepted]) -> Iterator[Finding]:
    """C2, C3: mails that a server took and the ledger knows nothing of, or takes for unsent."""
    by_message = {r.message_id: r for r in rows if r.message_id}
    strangers = [entry.message_id for entry in accepted if entry.message_id not in by_message]
    if strangers:
        yield Finding("C2", f"{_some(strangers)} were taken by a server, but have no row")
    known = [
        (by_message[entry.message_id], entry)
        for entry in accepted
        if entry.message_id in by_message
    ]
    astray = [row.delivery_id for row, entry in known if row.address_key != _key(entry)]
    if astray:
        yield Finding("C3", f"{_ids(astray)} went to another address than the row's")
    for status, group in _by_status(row for row, _entry in known if not _may_be_out(row)):
        ids = sorted({row.delivery_id for row in group})
        yield Finding("C3", f"{_ids(ids)} are {status}, but a server took them")


def twice(rows: Sequence[LedgerRow], accepted: Sequence[Accepted]) -> Iterator[Finding]:
    """C3: more than one mail to a recipient of a mailing out."""
    by_message = {r.message_id: r for r in rows if r.message_id}
    copies = Counter((entry.message_id, _key(entry)) for entry in accepted)
    doubled = [
        f"{message_id} ({number} copies)"
        for (message_id, _address), number in copies.items()
        if number > (2 if message_id in by_message and by_message[message_id].sent_again else 1)
    ]
    if doubled:
        yield Finding("C3", f"{_some(doubled)} were taken more than once")
    people = Counter(
        (by_message[message_id].mailing_out_id, address)
        for message_id, address in copies
        if message_id in by_message
    )
    mailed_twice = [
        f"{address} of mailing out {pk}" for (pk, address), number in people.items() if number > 1
    ]
    if mailed_twice:
        yield Finding("C3", f"{_some(mailed_twice)} got several mails of one mailing out")


def unbalanced(samples: Iterable[Sample]) -> Iterator[Finding]:
    """C4: samples whose states do not add up, or whose counters are not those of the rows."""
    totals: dict[int, int] = {}
    for number, sample in enumerate(samples):
        where = f"sample {number} of mailing out {sample.mailing_out_id}"
        total = totals.setdefault(sample.mailing_out_id, sum(sample.rows))
        if sum(sample.rows) != total:
            yield Finding("C4", f"{where} has {sum(sample.rows)} rows, the first one had {total}")
        if sample.rows != sample.counters:
            rows, counters = (
                dict(zip(STATES, counted, strict=True))
                for counted in (sample.rows, sample.counters)
            )
            yield Finding("C4", f"{where}: the rows are {rows}, the counters {counters}")


# --- readers


def django_query(sql: str) -> list[tuple[Any, ...]]:
    """Run one statement in Django's database."""
    # only once Django is set up: an experiment with processes of its own needs no Django here
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def read_rows(
    query: Query = django_query, *, mailing_outs: Collection[int] = (), now: datetime | None = None
) -> list[LedgerRow]:
    """Return the deliveries of the mailing outs, or of all; `now` is the ledger's moment.

    A daily limit and sending hours are no reasons here: experiments that use them say so
    themselves (`dataclasses.replace`).
    """
    sql = _ROWS.format(now=_moment(now), chosen=_chosen("d.mailing_out_id", mailing_outs))
    names = [field.name for field in fields(LedgerRow)]
    rows = (dict(zip(names, row, strict=True)) for row in query(sql))
    return [LedgerRow(**values | {"sent_again": bool(values["sent_again"])}) for values in rows]


def read_samples(
    query: Query = django_query, *, mailing_outs: Collection[int] = ()
) -> list[Sample]:
    """Return a sample of each mailing out, or of all, as one statement sees them."""
    sql = _SAMPLES.format(
        counters=", ".join(f"m.{state}_count" for state in STATES),
        rows=", ".join(f"COUNT(CASE d.status WHEN '{state}' THEN 1 END)" for state in STATES),
        chosen=_chosen("m.id", mailing_outs),
    )
    return [Sample(row[0], tuple(row[7:13]), tuple(row[1:7])) for row in query(sql)]


_ROWS = """
SELECT d.id, d.mailing_out_id, COALESCE(d.address_key, ''), d.message_id, d.status, d.reason,
  d.attempts, d.travels_alone,
  CASE
    WHEN d.status = 'in_flight' AND a.run_lease_until > {now} THEN 'a run holds it'
    WHEN d.status <> 'pending' THEN ''
    WHEN s.paused_at IS NOT NULL THEN 'all sending is paused'
    WHEN m.status = 'P' THEN 'its mailing out is paused, or a draft'
    WHEN m.start_at > {now} THEN 'its mailing out begins later'
    WHEN d.due_at > {now} THEN 'it is due later'
    WHEN NOT a.massmail THEN 'its account is off'
    WHEN a.cooling_until > {now} THEN 'its account rests'
    WHEN a.next_send_at > {now} THEN 'its account keeps a gap'
    ELSE ''
  END
FROM massmail_delivery d
JOIN massmail_mailingout m ON m.id = d.mailing_out_id
LEFT JOIN massmail_emailaccount a ON a.id = d.email_account_id
LEFT JOIN massmail_massmailsettings s ON s.id = 1
WHERE {chosen} ORDER BY d.id
"""
_SAMPLES = """
SELECT m.id, {counters}, {rows}
FROM massmail_mailingout m LEFT JOIN massmail_delivery d ON d.mailing_out_id = m.id
WHERE {chosen} GROUP BY m.id ORDER BY m.id
"""


def _moment(now: datetime | None) -> str:
    """Return a moment (without one: the present) as both databases compare it with theirs."""
    now = now or datetime.now(UTC)
    return f"'{now.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"


def _chosen(column: str, ids: Collection[int]) -> str:
    return f"{column} IN ({', '.join(map(str, map(int, ids)))})" if ids else "1 = 1"


# --- small things


def _may_be_out(row: LedgerRow) -> bool:
    """Tell whether a server may have taken the mail, going by its row."""
    held = row.status == "in_flight" and bool(row.waits_for)
    poison = (row.status, row.reason) == ("failed", "poison")
    return row.status in {"sent", "uncertain"} or held or poison or row.sent_again


def _by_status(rows: Iterable[LedgerRow]) -> Iterator[tuple[str, list[LedgerRow]]]:
    ordered = sorted(rows, key=lambda row: row.status)
    for status, group in itertools.groupby(ordered, key=lambda row: row.status):
        yield status, list(group)


def _key(entry: Accepted) -> str:
    return address_key(entry.recipient) or entry.recipient


def _ids(delivery_ids: Sequence[int]) -> str:
    return f"deliveries {_some([str(pk) for pk in delivery_ids])}"


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
