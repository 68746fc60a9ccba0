"""The state of the installation for operators: what runs, what waits and why, what is in trouble.

Facts only; `massmail_status` prints them. Reading them changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from common.fields import key_fingerprint
from massmail.models import EmailAccount, Heartbeat, MailingOut, MassmailSettings
from massmail.models.email_account import EmailAccountQuerySet
from massmail.services import blockers, heartbeat, words
from massmail.services.account_health import Obstacle
from massmail.services.outlook import outlook
from massmail.services.scene import Scene, scene_of


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """The last sign of life of one part on one host."""

    host: str
    role: str
    version: str
    age_s: float
    is_alive: bool
    has_our_key: bool
    has_our_version: bool
    clock_offset_s: float
    is_clock_right: bool  # it goes like the database's

    @property
    def part(self) -> str:
        """Its role in words."""
        return str(Heartbeat.Role(self.role).label)

    @property
    def whole_age_s(self) -> int:
        """How many seconds ago it was seen."""
        return int(self.age_s)


@dataclass(frozen=True, slots=True)
class MailingOutStatus:
    """One mailing out: its counts, what comes next, and why no mail leaves, if none does."""

    id: int
    name: str
    owner: str
    state: str  # a MailingOut.State
    counts: dict[str, int]  # a Delivery.Status -> rows
    prospect: str  # a blockers.Prospect
    sentence: str  # the same in words
    next_mail_at: datetime | None
    next_account_id: int | None
    ends_at: datetime | None  # about when it is done, as things are
    stuck: int  # mails of accounts that are off, which that does not count
    blockers: tuple[blockers.Blocker, ...]


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account that is off or rests."""

    id: int
    name: str
    owner: str
    obstacle: str  # "off" or "cooling"
    until: datetime | None  # None: until somebody switches it on
    reason: str
    reply: str  # the server's own words


@dataclass(frozen=True, slots=True)
class Status:
    """The installation at one moment."""

    at: datetime
    paused_at: datetime | None
    pause_note: str
    workers: tuple[WorkerStatus, ...]
    mailing_outs: tuple[MailingOutStatus, ...]
    accounts_in_trouble: tuple[AccountStatus, ...]


def status(*, now: datetime, mailing_out_id: int | None = None) -> Status:
    """Return the state: mailing outs that are active, paused or being prepared, or the named one.

    A few statements, whatever the number of mailing outs. Raises MailingOut.DoesNotExist.
    """
    settings_row = MassmailSettings.objects.first() or MassmailSettings()
    found = _mailing_outs(mailing_out_id)
    scene = scene_of(found, now, settings_row=settings_row)
    return Status(
        at=now,
        paused_at=settings_row.paused_at,
        pause_note=settings_row.pause_note,
        workers=tuple(worker_status(each, now) for each in scene.heartbeats),
        mailing_outs=tuple(_mailing_out(each, scene) for each in found),
        accounts_in_trouble=accounts_in_trouble(EmailAccount.objects.all(), now),
    )


def _mailing_outs(mailing_out_id: int | None) -> list[MailingOut]:
    rows = MailingOut.objects.select_related("owner", "paused_by")
    if mailing_out_id is not None:
        return [rows.get(pk=mailing_out_id)]
    paused = Q(status=MailingOut.Status.PAUSED, started_at__isnull=False)
    open_ones = rows.filter(Q(status__in=MailingOut.ACTIVE) | paused | ~Q(preparing=""))
    return list(open_ones.order_by("pk"))


def _mailing_out(mailing_out: MailingOut, scene: Scene) -> MailingOutStatus:
    explanation = blockers.Explanation(mailing_out, scene.now, scene)
    following = explanation.next_mail()
    course = outlook(mailing_out, scene)
    return MailingOutStatus(
        id=mailing_out.pk,
        name=mailing_out.name,
        owner=mailing_out.owner.username,
        state=mailing_out.state_at(scene.now).value,
        counts={
            "pending": mailing_out.pending_count,
            "in_flight": mailing_out.in_flight_count,
            "sent": mailing_out.sent_count,
            "failed": mailing_out.failed_count,
            "skipped": mailing_out.skipped_count,
            "uncertain": mailing_out.uncertain_count,
        },
        prospect=explanation.prospect.value,
        sentence=explanation.sentence(),
        next_mail_at=following[0] if following else None,
        next_account_id=following[1].pk if following else None,
        ends_at=course.ends_at if following else None,
        stuck=course.stuck,
        blockers=tuple(explanation.blockers()),
    )


def worker_status(row: Heartbeat, now: datetime) -> WorkerStatus:
    age = now - row.seen_at
    return WorkerStatus(
        host=row.host,
        role=row.role,
        version=row.version,
        age_s=round(age.total_seconds(), 1),
        is_alive=age <= heartbeat.STALE_AFTER,
        has_our_key=row.key_fingerprint == key_fingerprint(),
        has_our_version=row.version == settings.VERSION,
        clock_offset_s=row.clock_offset_s,
        is_clock_right=heartbeat.is_clock_right(row.clock_offset_s),
    )


def accounts_in_trouble(accounts: EmailAccountQuerySet, now: datetime) -> tuple[AccountStatus, ...]:
    """Return those of these accounts that went off by themselves, and those that rest.

    An account that a person does not use for mailings is in no trouble.
    """
    rows = accounts.select_related("owner").order_by("pk")
    troubled = rows.filter(Q(massmail=False) & ~Q(off_reason="") | Q(cooling_until__gt=now))
    return tuple(_account(each) for each in troubled)


def _account(account: EmailAccount) -> AccountStatus:
    is_off = not account.massmail
    return AccountStatus(
        id=account.pk,
        name=account.name,
        owner=account.owner.username,
        obstacle=Obstacle.OFF if is_off else Obstacle.COOLING,
        until=None if is_off else account.cooling_until,
        reason=words.of_trouble(account.off_reason if is_off else account.cooling_reason),
        reply=account.trouble_reply,
    )
