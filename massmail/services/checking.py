"""The check of every recipient of a draft: each mail is built as it would be sent, none is.

It finds people whose mail cannot be built, variables that people lack, and how large the mails
are. What was found belongs to one message and one audience: a stamp of both tells whether it still
holds. Memory is constant; the rows come in chunks.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import Sum

from massmail.clock import database_now
from massmail.models import AudienceCheck, Delivery, EmailAccount, MailingOut, Recipient
from massmail.services import render, versions
from massmail.utils.email_creators import (
    BuildError,
    CompiledMessage,
    MessageError,
    MessageSource,
    Person,
    compile_message,
)

logger = logging.getLogger(__name__)

ON_THE_PAGE_UP_TO = 1_000  # people; so few are checked whenever the page is opened
IN_THE_REQUEST_UP_TO = 10_000  # people; more are checked by a task
ROWS_AT_ONCE = 1_000
SHOWN_MAX = 200  # people of a finding that the page of it lists
SUMMED_UP_TO = 100_000  # people; of more, the stamp holds the numbers alone

MISSING, UNBUILDABLE, DELETED, SIZE = "missing", "unbuildable", "deleted", "size"


@dataclass(slots=True)
class Finding:
    """Something about some people; `name` is the variable that is missing, or why a mail fails.

    `shown` are the first deliveries it concerns. Of a size, `number` is the largest mail's bytes.
    """

    code: str
    name: str = ""
    number: int = 0
    text: str = ""
    shown: list[int] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What tells it from other findings."""
        return f"{self.code}:{self.name}"


@dataclass(slots=True)
class Examination:
    """What the check of some people found."""

    number: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)

    def note(self, code: str, delivery_id: int, *, name: str = "", text: str = "") -> None:
        """Note a finding about one person."""
        new = Finding(code, name, text=text)
        finding = self.findings.setdefault(new.key, new)
        finding.number += 1
        if len(finding.shown) < SHOWN_MAX:
            finding.shown.append(delivery_id)

    def size(self, number_of_bytes: int) -> None:
        """Note the size of a mail."""
        new = Finding(SIZE)
        finding = self.findings.setdefault(new.key, new)
        finding.number = max(finding.number, number_of_bytes)


@dataclass(frozen=True, slots=True)
class _Row:
    delivery_id: int
    recipient: Recipient | None
    account_id: int | None


def examine(
    mailing_out: MailingOut,
    message: CompiledMessage,
    *,
    now: datetime,
    report: Callable[[int], bool] = lambda _number: True,
) -> Examination:
    """Build the mail of everybody to whom the draft would be sent.

    `report` is told after each chunk how many are done; the check ends when it says False.
    """
    found = Examination()
    build = _builder(mailing_out, message, now)
    offered = sorted(message.variables & set(mailing_out.recipient_model.variable_labels()))
    for chunk in _chunks(mailing_out):
        for row in chunk:
            _examine_one(found, row, offered, build)
        found.number += len(chunk)
        if not report(found.number):
            break
    return found


def concerned(mailing_out: MailingOut, key: str, *, now: datetime) -> Iterator[Sequence[int]]:
    """Yield, in chunks, the deliveries that one finding concerns now. Raises MessageError."""
    message = compile_message(_source_of(mailing_out))
    code, _colon, name = key.partition(":")
    build = _builder(mailing_out, message, now) if code == UNBUILDABLE else None
    offered = [name] if code == MISSING and name in message.variables else []
    for chunk in _chunks(mailing_out):
        ids = []
        for row in chunk:
            found = Examination()
            _examine_one(found, row, offered, build)
            if key in found.findings:
                ids.append(row.delivery_id)
        if ids:
            yield ids


def check(mailing_out: MailingOut, *, now: datetime) -> AudienceCheck:
    """Check everybody now, and keep what was found. Raises MessageError."""
    noted = note(mailing_out, now=now)
    run(noted)
    return noted


def note(mailing_out: MailingOut, *, now: datetime) -> AudienceCheck:
    """Note that everybody is to be checked; `run` does it, here or in a task."""
    values = {
        "stamp": stamp_of(mailing_out, _source_of(mailing_out)),
        "asked_at": now,
        "checked_at": None,
        "checked_number": 0,
        "findings": [],
    }
    row, _made = AudienceCheck.objects.update_or_create(
        mailing_out=mailing_out, defaults=values, create_defaults=values
    )
    return row


def run(noted: AudienceCheck) -> None:
    """Do a noted check, and say on the way how far it is; a newer one ends it."""
    mailing_out = noted.mailing_out
    mine = AudienceCheck.objects.filter(pk=noted.pk, asked_at=noted.asked_at, checked_at=None)
    message = compile_message(_source_of(mailing_out))
    found = examine(
        mailing_out,
        message,
        now=noted.asked_at,
        report=lambda number: bool(mine.update(checked_number=number)),
    )
    mine.update(
        checked_at=database_now(),
        checked_number=found.number,
        findings=[asdict(each) for each in found.findings.values()],
    )
    noted.refresh_from_db()
    logger.info("mailing out %d: %d people checked", mailing_out.pk, found.number)


def run_noted(mailing_out_id: int) -> None:
    """Do the noted check of a draft, if there is one. A message that broke since ends it."""
    noted = AudienceCheck.objects.select_related("mailing_out__message__signature").filter(
        pk=mailing_out_id, checked_at=None
    )
    for row in noted:
        try:
            run(row)
        except MessageError:
            row.delete()  # the page says what is wrong with the message


def findings_of(row: AudienceCheck) -> list[Finding]:
    """Return what a check that was kept has found."""
    return [Finding(**values) for values in row.findings]


def stamp_of(mailing_out: MailingOut, source: MessageSource) -> str:
    """Return a digest of all that the result of a check depends on (at most two statements)."""
    digest = hashlib.sha256()
    for each in fields(source):
        digest.update(f"{each.name}={getattr(source, each.name)!r};".encode())
    accounts = EmailAccount.objects.usable_by(mailing_out.owner).order_by("pk")
    facts = (
        mailing_out.recipients_number,
        mailing_out.pending_count,
        mailing_out.exclude_already_received,
        list(accounts.values_list("pk", "from_email", "reply_to")),
        _sum_of_ids(mailing_out),
    )
    digest.update(repr(facts).encode())
    return digest.hexdigest()


def _source_of(mailing_out: MailingOut) -> MessageSource:
    """Return the message of a draft as its start would freeze it now."""
    assert mailing_out.message is not None
    links_pictures = mailing_out.links_pictures
    return versions.source_of(mailing_out.message, links_pictures=links_pictures)


def _sum_of_ids(mailing_out: MailingOut) -> int:
    """Return a number that changes when somebody takes another's place in the audience."""
    if mailing_out.recipients_number > SUMMED_UP_TO:
        return 0
    waiting = mailing_out.deliveries.filter(status=Delivery.Status.PENDING).order_by()
    return int(waiting.aggregate(total=Sum("recipient_id"))["total"] or 0)


Build = Callable[[_Row], int]


def _builder(mailing_out: MailingOut, message: CompiledMessage, now: datetime) -> Build:
    """Return a function that builds the mail of a row and returns its size in bytes."""
    usable = EmailAccount.objects.usable_by(mailing_out.owner).order_by("main", "pk")
    accounts = {account.pk: account for account in usable}
    fallback = next(iter(accounts.values()), EmailAccount(from_email="nobody@example.com"))

    @cache
    def sender_of(account_id: int | None) -> Any:  # lru_cache loses the type
        account = accounts.get(account_id, fallback) if account_id else fallback
        return render.sender_of(account, mailing_out)

    link = render.test_unsubscribe_url()

    def build(row: _Row) -> int:
        recipient = row.recipient
        assert recipient is not None
        person = Person(
            address=recipient.address or "",
            name=recipient.display_name,
            variables=recipient.variables(),
            unsubscribe_url=link,
            message_id=f"<check@{render.site_domain()}>",
        )
        return len(message.build(person, sender_of(row.account_id), date=now).message)

    return build


def _examine_one(
    found: Examination, row: _Row, offered: Sequence[str], build: Build | None
) -> None:
    if row.recipient is None:
        found.note(DELETED, row.delivery_id)
        return
    values = row.recipient.variables() if offered else {}
    for name in offered:
        if values.get(name, "") in {"", None}:
            found.note(MISSING, row.delivery_id, name=name)
    if build is None:
        return
    try:
        found.size(build(row))
    except BuildError as error:
        found.note(UNBUILDABLE, row.delivery_id, name=error.reason, text=str(error))


def _chunks(mailing_out: MailingOut) -> Iterator[list[_Row]]:
    """Yield the pending rows with their recipients, two statements a chunk."""
    model = mailing_out.recipient_model
    people = model._default_manager.select_related(*model.RELATED)
    rows = Delivery.objects.filter(mailing_out=mailing_out.pk, status=Delivery.Status.PENDING)
    last = 0
    while True:
        values = rows.filter(recipient_id__gt=last).order_by("recipient_id")
        chunk = list(values.values_list("pk", "recipient_id", "email_account_id")[:ROWS_AT_ONCE])
        if not chunk:
            return
        last = chunk[-1][1]
        found = people.in_bulk([recipient_id for _pk, recipient_id, _account in chunk])
        yield [_Row(pk, found.get(recipient_id), account) for pk, recipient_id, account in chunk]
