"""When mail may leave: the sending hours of the settings. Pure; the clock is a parameter."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from massmail.models import MassmailSettings


def opens_at(settings_row: MassmailSettings, now: datetime) -> datetime | None:
    """Return when the sending hours next begin, or None if mail may leave now.

    Hours and days are read on the wall clock of the settings' time zone. An hour that the clock
    repeats counts the first time; one that it leaps over is the first moment after the gap.
    """
    if not settings_row.use_business_time:
        return None
    today = settings_row.local_date(now)
    for days in range(9):  # a week, a day that a leap of the clock may leave without hours, today
        hours = hours_of(settings_row, today + timedelta(days=days))
        if hours is not None and now < hours[1]:
            return None if hours[0] <= now else hours[0]
    raise ValueError("The settings have sending hours without a day.")


def closes_at(settings_row: MassmailSettings, now: datetime) -> datetime:
    """Return when this day's sending ends: with the sending hours, without them at midnight.

    In the past if the hours are over; on a day without sending it is not asked.
    """
    if not settings_row.use_business_time:
        return next_day_at(settings_row, now)
    today = settings_row.local_date(now)
    return _instant(settings_row.zone, today, settings_row.business_time_end)


def hours_of(settings_row: MassmailSettings, day: date) -> tuple[datetime, datetime] | None:
    """Return from when until when mail may leave on a calendar day; None: not on that day."""
    if not settings_row.use_business_time:
        midnight = time()
        tomorrow = day + timedelta(days=1)
        return (
            _instant(settings_row.zone, day, midnight),
            _instant(settings_row.zone, tomorrow, midnight),
        )
    begins = _instant(settings_row.zone, day, settings_row.business_time_start)
    ends = _instant(settings_row.zone, day, settings_row.business_time_end)
    return (begins, ends) if settings_row.sending_days[day.weekday()] and begins < ends else None


def _instant(zone: ZoneInfo, day: date, wall: time) -> datetime:
    """Return the moment, in UTC, at which a wall clock first shows this time or a later one."""
    naive = datetime.combine(day, wall)
    late = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == naive:
        return late
    early = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)  # the gap's end lies between them
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == late.astimezone(zone).utcoffset():
            late = middle
        else:
            early = middle
    return late.replace(microsecond=0)


def next_day_at(settings_row: MassmailSettings, now: datetime) -> datetime:
    """Return the next local midnight, when daily limits begin anew."""
    tomorrow = settings_row.local_date(now) + timedelta(days=1)
    return datetime.combine(tomorrow, datetime.min.time()).replace(tzinfo=settings_row.zone)
