"""What surrounds mailing outs at one moment: accounts with what waits for them, workers, turns.

Read once for any number of mailing outs, with a constant number of statements, and never by
counting all rows: the accounts' shares say how far each has walked, the rows of a lone account are
those that the mailing out counts itself, and others are counted up to a limit. `blockers` and
`outlook` draw their conclusions from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Case, IntegerField, OuterRef, Subquery, Value, When
from django.utils.translation import gettext as _

from massmail.models import (
    AccountShare,
    Delivery,
    EmailAccount,
    Heartbeat,
    MailingOut,
    MassmailSettings,
)
from massmail.services import installation, resting
from massmail.services.account_health import Hindrance, hindrance
from massmail.services.cooling_domains import domain_of
from massmail.services.resting import RestingDomain

COUNTED_UP_TO = 10_000  # rows an account; above, the pages say "more than"
COUNTED_IN_ALL = 10_000  # rows of all accounts together, about
ESTIMATED_UP_TO = 1
OTHERS_SEEN = 1_000  # shares of other mailing outs


class CountUpTo(Subquery):
    """The number of rows of a correlated, sliced queryset: counting stops at its limit."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one account still has to send of a mailing out, and what keeps it from doing so.

    `pending` is exact unless `is_more`: then there are more than that.
    """

    account: EmailAccount
    pending: int
    due_at: datetime | None  # None: at once
    hindrance: Hindrance | None
    is_more: bool = False
    next_domain: str = ""  # of the row whose moment comes first, if all wait for a moment
    resting: RestingDomain | None = None  # if that domain rests

    @property
    def free_at(self) -> datetime | None:
        """When it could send again; None: nobody knows."""
        return self.hindrance.until if self.hindrance else None

    @property
    def number_text(self) -> str:
        """The number of waiting mails for a sentence."""
        shown = intcomma(self.pending)
        return _("more than %(number)s") % {"number": shown} if self.is_more else shown


@dataclass(frozen=True, slots=True)
class Other:
    """A running mailing out that takes turns at an account; about how much it has there."""

    mailing_out_id: int
    name: str
    waiting: int


@dataclass(frozen=True)
class Scene:
    """The facts of one moment."""

    now: datetime
    settings_row: MassmailSettings
    waiting: dict[int, list[Waiting]]  # by mailing out, the account with most first
    others: dict[int, list[Other]]  # by account
    heartbeats: tuple[Heartbeat, ...]
    holders: dict[int, list[EmailAccount]] = field(default_factory=dict)  # by mailing out
    is_copy: bool = False  # all is paused, and the database is not where it was

    def last_seen(self, role: Heartbeat.Role) -> datetime | None:
        """Return when any host last reported this part."""
        return max((each.seen_at for each in self.heartbeats if each.role == role), default=None)


def scene_of(
    mailing_outs: Iterable[MailingOut],
    now: datetime,
    *,
    settings_row: MassmailSettings | None = None,
    counting: bool = True,
) -> Scene:
    """Read the scene of some mailing outs (about four statements).

    Without `counting`, what waits is divided evenly over the accounts that have something left:
    good enough for a list, and as fast for millions of rows.
    """
    row, chosen = settings_row or MassmailSettings.load(), list(mailing_outs)
    by_id = {each.pk: each for each in chosen if each.started_at and each.pending_count}
    found = _waiting_by_id(by_id, row, now, counting=counting) if by_id else {}
    accounts = {each.account.pk for rows in found.values() for each in rows}
    in_flight = [each.pk for each in chosen if each.in_flight_count]
    return Scene(
        now=now,
        settings_row=row,
        waiting={pk: sorted(rows, key=_most_first) for pk, rows in found.items()},
        others=_others(accounts, now) if accounts else {},
        heartbeats=tuple(Heartbeat.objects.all()),
        holders=_holders(in_flight) if in_flight else {},
        is_copy=row.paused_at is not None and installation.is_copy(row),
    )


def _waiting_by_id(
    by_id: dict[int, MailingOut], row: MassmailSettings, now: datetime, *, counting: bool
) -> dict[int, list[Waiting]]:
    limit = _limit(list(by_id)) if counting else ESTIMATED_UP_TO
    found = {pk: list[Waiting]() for pk in by_id}
    for share in _shares(list(by_id), limit=limit):
        if (each := _waiting(share, row, now, limit=limit)).pending:
            found[share.mailing_out_id].append(each)
    if counting:
        found = {pk: _counted(by_id[pk].pending_count, rows) for pk, rows in found.items()}
    else:
        found = {pk: _divided(by_id[pk].pending_count, rows) for pk, rows in found.items()}
    return _with_domains(found, now)


def _limit(mailing_out_ids: Sequence[int]) -> int:
    """Return up to how many rows of each account are counted (one statement)."""
    shares = AccountShare.objects.filter(mailing_out__in=mailing_out_ids).count()
    if shares <= len(mailing_out_ids):
        return ESTIMATED_UP_TO  # one account each: the mailing out has its number
    return max(ESTIMATED_UP_TO, min(COUNTED_UP_TO, COUNTED_IN_ALL // shares))


def _with_domains(found: dict[int, list[Waiting]], now: datetime) -> dict[int, list[Waiting]]:
    """Let those wait for domains that rest, whose rows all wait for a moment.

    It is judged by the row whose moment comes first: the others, as a rule, wait for later.
    """
    accounts = {each.account.pk for rows in found.values() for each in rows if each.next_domain}
    domains = resting.read(accounts, now)
    return {pk: [_rested(each, domains) for each in rows] for pk, rows in found.items()}


def _rested(each: Waiting, domains: Mapping[tuple[int, str], RestingDomain]) -> Waiting:
    rest = domains.get((each.account.pk, each.next_domain))
    if rest is None or each.due_at is None:
        return each
    return replace(each, due_at=max(each.due_at, rest.until), resting=rest)


def _holders(mailing_out_ids: Sequence[int]) -> dict[int, list[EmailAccount]]:
    """Return the accounts that a run holds, by mailing out that they have a part of."""
    shares = (
        AccountShare.objects.filter(mailing_out__in=mailing_out_ids)
        .exclude(email_account__run_id=None)
        .select_related("email_account")
        .order_by("pk")
    )
    found: dict[int, list[EmailAccount]] = {}
    for share in shares[:OTHERS_SEEN]:
        found.setdefault(share.mailing_out_id, []).append(share.email_account)
    return found


def _shares(mailing_out_ids: Sequence[int], *, limit: int) -> Iterable[AccountShare]:
    mine = Delivery.objects.filter(
        email_account=OuterRef("email_account"),
        mailing_out=OuterRef("mailing_out"),
        status=Delivery.Status.PENDING,
    )
    fresh = mine.filter(due_at=None, pk__gt=OuterRef("watermark"))
    retried = mine.filter(due_at__isnull=False)
    return (
        AccountShare.objects.filter(mailing_out__in=mailing_out_ids)
        .select_related("email_account__owner")
        .annotate(
            fresh=Case(
                When(exhausted=False, then=CountUpTo(fresh.values("pk")[: limit + 1])),
                default=Value(0),
            ),
            retried=CountUpTo(retried.values("pk")[: limit + 1]),
            next_due=Subquery(retried.order_by("due_at").values("due_at")[:1]),
            next_address=Subquery(retried.order_by("due_at").values("address_key")[:1]),
        )
    )


def _waiting(share: AccountShare, row: MassmailSettings, now: datetime, *, limit: int) -> Waiting:
    fresh, retried, next_due = share.fresh, share.retried, share.next_due  # type: ignore[attr-defined]  # annotations
    return Waiting(
        account=share.email_account,
        pending=min(fresh + retried, limit),
        due_at=None if fresh else next_due,
        hindrance=hindrance(share.email_account, row, now),
        is_more=fresh + retried > limit,
        next_domain="" if fresh else domain_of(share.next_address or ""),  # type: ignore[attr-defined]  # the same
    )


def _counted(number: int, rows: list[Waiting]) -> list[Waiting]:
    """Return the rows with the mailing out's own number, if one account has all of them."""
    if len(rows) == 1 and rows[0].is_more:
        return [replace(rows[0], pending=number, is_more=False)]
    return rows


def _divided(number: int, rows: Sequence[Waiting]) -> list[Waiting]:
    """Return the rows with even parts of a number; the parts are estimates."""
    return [
        replace(each, pending=(number + place) // len(rows), is_more=False)
        for place, each in enumerate(rows)
    ]


def _most_first(each: Waiting) -> tuple[int, int]:
    return -each.pending, each.account.pk


def _others(account_ids: Iterable[int], now: datetime) -> dict[int, list[Other]]:
    """Return the running mailing outs of each account, with even parts of what they have."""
    shares = AccountShare.objects.filter(
        email_account__in=account_ids,
        mailing_out__in=MailingOut.objects.running(now).filter(pending_count__gt=0),
    ).order_by("mailing_out")
    rows = list(
        shares.values_list(
            "email_account", "mailing_out", "mailing_out__name", "mailing_out__pending_count"
        )[:OTHERS_SEEN]
    )
    number_of_shares: dict[int, int] = {}
    for _account_id, pk, _name, _pending in rows:
        number_of_shares[pk] = number_of_shares.get(pk, 0) + 1
    found: dict[int, list[Other]] = {}
    for account, pk, name, pending in rows:
        found.setdefault(account, []).append(Other(pk, name, pending // number_of_shares[pk]))
    return found
