"""The sending hours of the settings in words."""

from datetime import datetime

from django.utils import formats
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from massmail.models import MassmailSettings
from massmail.services import send_window
from massmail.services.blockers import moment


def days_in_words(days: tuple[bool, ...]) -> str:
    """Return weekdays, those in a row as "Mon–Thu"."""
    runs: list[list[int]] = []
    for day in (day for day in range(7) if days[day]):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = [
        f"{WEEKDAYS_ABBR[run[0]]}–{WEEKDAYS_ABBR[run[-1]]}"
        if len(run) > 1
        else WEEKDAYS_ABBR[run[0]]
        for run in runs
    ]
    return ", ".join(str(name) for name in names)


def hours_of(row: MassmailSettings) -> str:
    """Return days, hours and zone; empty if mail leaves at any time."""
    if not row.use_business_time:
        return ""
    return _("%(days)s %(start)s–%(end)s %(zone)s") % {
        "days": days_in_words(row.sending_days),
        "start": formats.time_format(row.business_time_start, "H:i"),
        "end": formats.time_format(row.business_time_end, "H:i"),
        "zone": row.time_zone,
    }


def hours_in_words(row: MassmailSettings, now: datetime) -> str:
    """Say when mail leaves, and what that means now."""
    if not row.use_business_time:
        return _("Mail leaves at any hour, on any day.")
    opens_at = send_window.opens_at(row, now)
    if opens_at is None:
        return _("Mail leaves %(hours)s. Started now, a first mail leaves at once.") % {
            "hours": hours_of(row)
        }
    return _("Mail leaves %(hours)s. Started now, a first mail leaves %(when)s.") % {
        "hours": hours_of(row),
        "when": moment(opens_at.astimezone(row.zone)),
    }
