"""When a mailing out will be done, and what would bring that forward. Pure; no SQL.

Each account is followed by itself: how many mails it may send on each day, by its limit, its pace
and the sending hours. Other mailing outs at the same account take turns with this one, so until it
is done each of them sends as many mails as it, or all that it has. Retries are not foreseen.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from massmail.models import EmailAccount, MassmailSettings
from massmail.services import send_window

MAILS_A_SECOND = 20.0  # of one connection without gap and limit: an estimate on the safe side
DAYS_MAX = 3_660  # ten years; nobody plans further
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Pace:
    """What one account still has to send of a mailing out, and how fast it is.

    `others` are the waiting mails of each other mailing out with which it takes turns. `free_at`
    is when it may send again, None as long as it is off.
    """

    waiting: int
    seconds_a_mail: float
    per_day: int | None = None
    used_today: int = 0
    spreads: bool = False
    free_at: datetime | None = None
    is_off: bool = False
    is_movable: bool = True  # its people could be another account's as well
    others: tuple[int, ...] = ()

    @property
    def mails_until_done(self) -> int:
        """How many mails leave the account until the last of this mailing out."""
        return self.waiting + sum(min(other, self.waiting) for other in self.others)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected course, `ends_at` None where nothing can be sent as things are.

    `stuck` are the mails of accounts that are off; `ends_at` does not count them. `is_far`: the
    end is more than ten years away.
    """

    first_at: datetime | None = None
    ends_at: datetime | None = None
    sending_days: int = 0
    per_hour: float = 0.0
    stuck: int = 0
    is_far: bool = False


@dataclass(frozen=True, slots=True)
class _Course:
    """The course of one account."""

    first_at: datetime
    ends_at: datetime
    sending_days: int
    is_far: bool = False


def seconds_a_mail(account: EmailAccount, settings_row: MassmailSettings) -> float:
    """Return how long an account takes for a mail within its sending hours, its limit aside."""
    gap_s = sum(account.effective_gap_s(settings_row)) / 2
    per_second = account.per_second or MAILS_A_SECOND * account.connections
    return max(gap_s, 1 / per_second)


def foresee(paces: Sequence[Pace], settings_row: MassmailSettings, now: datetime) -> Forecast:
    """Return the course of a mailing out from this moment on."""
    waiting = [pace for pace in paces if pace.waiting]
    courses = [_course(pace, settings_row, now) for pace in waiting if not pace.is_off]
    stuck = sum(pace.waiting for pace in waiting if pace.is_off)
    if not courses:
        return Forecast(stuck=stuck)
    return Forecast(
        first_at=min(course.first_at for course in courses),
        ends_at=max(course.ends_at for course in courses),
        sending_days=max(course.sending_days for course in courses),
        per_hour=sum(_per_hour(pace, settings_row, now) for pace in waiting),
        stuck=stuck,
        is_far=any(course.is_far for course in courses),
    )


def with_one_more(paces: Sequence[Pace], extra: Pace) -> list[Pace]:
    """Return the paces if one more account shared the work of those that others could do."""
    movable = [pace for pace in paces if pace.is_movable and not pace.is_off]
    fixed = [pace for pace in paces if pace not in movable]
    total = sum(pace.waiting for pace in movable)
    shares = [*movable, extra]
    return fixed + [
        replace(pace, waiting=(total + place) // len(shares)) for place, pace in enumerate(shares)
    ]


def new_mailbox(settings_row: MassmailSettings) -> Pace:
    """Return a mailbox as the settings make them, not used yet today."""
    mailbox = EmailAccount(kind=EmailAccount.Kind.MAILBOX)
    return Pace(
        waiting=0,
        seconds_a_mail=seconds_a_mail(mailbox, settings_row),
        per_day=settings_row.emails_per_day,
    )


def with_one_more_day(settings_row: MassmailSettings) -> tuple[int, MassmailSettings] | None:
    """Return the weekday (0 is Monday) after the sending days, and the settings with it.

    None if mail leaves on any day.
    """
    days = settings_row.sending_days
    if not settings_row.use_business_time or all(days):
        return None
    last = max((day for day in range(7) if days[day]), default=-1)
    chosen = next(day % 7 for day in range(last + 1, last + 8) if not days[day % 7])
    changed = copy.copy(settings_row)
    setattr(changed, WEEKDAYS[chosen], True)
    return chosen, changed


def _course(pace: Pace, settings_row: MassmailSettings, now: datetime) -> _Course:
    """Follow one account from day to day; days that it fills wholly are counted, not walked."""
    left = pace.mails_until_done
    earliest = max(now, pace.free_at) if pace.free_at else now
    today = settings_row.local_date(now)
    first_at, sending_days = None, 0
    day = settings_row.local_date(earliest)
    end_of_time = day + timedelta(days=DAYS_MAX)
    while day <= end_of_time:
        used = pace.used_today if day == today else 0
        opens_at, capacity, step_s = _day(pace, settings_row, day, earliest=earliest, used=used)
        if opens_at is not None and capacity:
            first_at = first_at or opens_at
            sending_days += 1
            if left <= capacity:
                ends_at = opens_at + timedelta(seconds=(left - 1) * step_s)
                return _Course(first_at, ends_at, sending_days)
            left -= capacity
            whole_weeks = _whole_weeks(pace, settings_row, day, left=left)
            left -= whole_weeks * _in_a_week(pace, settings_row, day)
            sending_days += whole_weeks * _days_a_week(settings_row)
            day += timedelta(weeks=min(whole_weeks, DAYS_MAX))
        day += timedelta(days=1)
    far = datetime.combine(end_of_time, datetime.min.time(), settings_row.zone)
    return _Course(first_at or far, far, sending_days, is_far=True)


def _day(
    pace: Pace, settings_row: MassmailSettings, day: date, *, earliest: datetime, used: int
) -> tuple[datetime | None, int, float]:
    """Return from when an account sends on a day, how many mails, and how far apart in seconds."""
    hours = send_window.hours_of(settings_row, day)
    if hours is None or hours[1] <= earliest:
        return None, 0, pace.seconds_a_mail
    opens_at = max(hours[0], earliest)
    open_s = (hours[1] - opens_at).total_seconds()
    capacity = math.ceil(open_s / pace.seconds_a_mail)
    step_s = pace.seconds_a_mail
    if pace.per_day is not None:
        allowance = max(0, pace.per_day - used)
        if pace.spreads and 0 < allowance < capacity:
            step_s = open_s / allowance
        capacity = min(capacity, allowance)
    return opens_at, capacity, step_s


def _in_a_week(pace: Pace, settings_row: MassmailSettings, day: date) -> int:
    """Return how many mails leave in any week after this day."""
    return _days_a_week(settings_row) * _in_a_day(pace, settings_row, day)


def _in_a_day(pace: Pace, settings_row: MassmailSettings, day: date) -> int:
    """Return how many mails leave on a whole sending day; an hour more or less a year aside."""
    start, end = settings_row.business_time_start, settings_row.business_time_end
    open_s = 24 * 60 * 60.0
    if settings_row.use_business_time:
        open_s = (datetime.combine(day, end) - datetime.combine(day, start)).total_seconds()
    capacity = math.ceil(open_s / pace.seconds_a_mail)
    return capacity if pace.per_day is None else min(capacity, pace.per_day)


def _days_a_week(settings_row: MassmailSettings) -> int:
    return sum(settings_row.sending_days) if settings_row.use_business_time else 7


def _whole_weeks(pace: Pace, settings_row: MassmailSettings, day: date, *, left: int) -> int:
    """Return how many whole weeks after this day are filled, the last of them not included."""
    in_a_week = _in_a_week(pace, settings_row, day)
    return max(0, (left - 1) // in_a_week) if in_a_week else 0


def _per_hour(pace: Pace, settings_row: MassmailSettings, now: datetime) -> float:
    """Return how many mails of the mailing out leave the account in an hour as things are now."""
    if pace.is_off:
        return 0.0
    used = pace.used_today
    today = settings_row.local_date(now)
    opens_at, capacity, step_s = _day(pace, settings_row, today, earliest=now, used=used)
    if opens_at is None or opens_at > now or not capacity:
        return 0.0
    return 3600 / step_s / (1 + len([other for other in pace.others if other]))
