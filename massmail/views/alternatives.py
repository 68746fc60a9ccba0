"""What would bring the end of a draft forward: one more mailbox, one more day of the week."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from massmail.models import MassmailSettings
from massmail.services import forecast, words
from massmail.services.forecast import Forecast, Pace

WORTH_IT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Alternative:
    """Something to change, and when it would be done then."""

    text: str
    end: str


def alternatives(
    paces: Sequence[Pace], course: Forecast, settings_row: MassmailSettings, now: datetime
) -> Iterator[Alternative]:
    """Yield what would make the end come at least a day earlier."""
    if course.ends_at is None:
        return
    more = forecast.with_one_more(paces, forecast.new_mailbox(settings_row))
    ends_at = forecast.foresee(more, settings_row, now).ends_at
    if ends_at is not None and ends_at <= course.ends_at - WORTH_IT:
        yield Alternative(_("With one more mailbox"), words.day_of(ends_at, now))
    found = forecast.with_one_more_day(settings_row)
    if found is not None:
        day, changed = found
        ends_at = forecast.foresee(paces, changed, now).ends_at
        if ends_at is not None and ends_at <= course.ends_at - WORTH_IT:
            text = _("If mail left on %(day)s too") % {"day": WEEKDAYS[day]}
            yield Alternative(text, words.day_of(ends_at, now))
