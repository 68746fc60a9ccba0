"""When a temporarily refused mail is tried again, and when it is given up. Pure."""

from datetime import datetime, timedelta
from random import Random

from massmail.models import MassmailSettings
from massmail.services import send_window

DELAYS = tuple(timedelta(minutes=m) for m in (5, 15, 30, 60, 120, 240, 480, 720))
JITTER = 0.20  # of the delay, added at random, so that retries of one moment spread
GIVE_UP_AFTER = timedelta(hours=72)
GIVE_UP_ATTEMPTS = 6
COOLING_MAX_MINUTES = 30


def retry_at(
    settings_row: MassmailSettings, *, attempts: int, now: datetime, random: Random
) -> datetime:
    """Return when a mail is due again after its `attempts`-th temporary refusal (1 is the first).

    A moment outside the sending hours becomes the moment at which they open.
    """
    delay = DELAYS[min(attempts, len(DELAYS)) - 1]
    due = now + delay * (1 + random.uniform(0, JITTER))
    return send_window.opens_at(settings_row, due) or due


def is_given_up(*, attempts: int, first_attempt_at: datetime | None, now: datetime) -> bool:
    """Tell whether this temporary refusal, the `attempts`-th attempt, is the last one."""
    if first_attempt_at is None or attempts < GIVE_UP_ATTEMPTS:
        return False
    return now - first_attempt_at >= GIVE_UP_AFTER


def cooling_until(*, times: int, now: datetime) -> datetime:
    """Return until when an account rests after so many troubles in a row: 1, 2, 4 … 30 minutes."""
    minutes = min(COOLING_MAX_MINUTES, 2 ** min(times - 1, 5))
    return now + timedelta(minutes=minutes)
