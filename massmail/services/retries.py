"""When a temporarily refused mail is tried again, when it is given up, how long things rest. Pure.

"Try again in N minutes" counts: the first retry comes when the server asks for it, be that earlier
or later than our own schedule; later ones, and the rests of accounts and domains, come at the
later of the two. No word of a server holds a mail for more than 6 hours.
"""

import re
from datetime import datetime, timedelta
from random import Random

from massmail.models import MassmailSettings
from massmail.services import send_window

DELAYS = tuple(timedelta(minutes=m) for m in (5, 15, 30, 60, 120, 240, 480, 720))
JITTER = 0.20  # of the delay, added at random, so that retries of one moment spread
GIVE_UP_AFTER = timedelta(hours=72)
GIVE_UP_ATTEMPTS = 6
COOLING_MAX_MINUTES = 30
ASIDE_MAX = timedelta(hours=1)
ASKED_MIN = timedelta(minutes=1)
ASKED_MAX = timedelta(hours=6)

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_ASKED = re.compile(
    r"\b(?:try|tried|retry|retried|resend|come back|wait|deferred|greylisted|reconnect|delayed)\b"
    r"[^.\d]{0,40}"
    r"(?:(?P<clock>\d{1,2}:\d{2}:\d{2})"
    r"|(?P<number>\d{1,6})\s*(?P<unit>s|m|h|d)(?:ec\w*|in\w*|ours?|rs?|ays?)?)\b",
    re.IGNORECASE,
)
_RETRY_AFTER = re.compile(r"\bretry-after:?\s*(\d{1,6})\b", re.IGNORECASE)


def asked_wait(text: str) -> timedelta | None:
    """Return how long a server asks us to wait, from 1 minute to 6 hours; None: it does not say.

    A bare number counts only after `Retry-After`, as seconds.
    """
    seconds = None
    if found := _RETRY_AFTER.search(text):
        seconds = int(found[1])
    elif found := _ASKED.search(text):
        if clock := found["clock"]:
            hours, minutes, rest = map(int, clock.split(":"))
            seconds = hours * 3600 + minutes * 60 + rest
        else:
            seconds = int(found["number"]) * _UNIT_S[found["unit"].lower()]
    if not seconds:
        return None
    return min(max(timedelta(seconds=seconds), ASKED_MIN), ASKED_MAX)


def retry_at(
    settings_row: MassmailSettings,
    *,
    attempts: int,
    now: datetime,
    random: Random,
    asked: timedelta | None = None,
) -> datetime:
    """Return when a mail is due again after its `attempts`-th temporary refusal (1 is the first).

    `asked` is what the server asked for. A moment outside the sending hours becomes the moment at
    which they open.
    """
    delay = DELAYS[min(attempts, len(DELAYS)) - 1]
    if asked is not None:
        delay = asked if attempts == 1 else max(delay, asked)
    due = now + delay * (1 + random.uniform(0, JITTER))
    return send_window.opens_at(settings_row, due) or due


def step_aside(times: int) -> timedelta:
    """Return how long a row waits at which an account met trouble so many times before.

    The first two times it does not: the trouble is most likely none of its own.
    """
    if times < 2:
        return timedelta()
    return min(DELAYS[min(times - 2, len(DELAYS) - 1)], ASIDE_MAX)


def is_given_up(*, attempts: int, first_attempt_at: datetime | None, now: datetime) -> bool:
    """Tell whether this temporary refusal, the `attempts`-th attempt, is the last one."""
    if first_attempt_at is None or attempts < GIVE_UP_ATTEMPTS:
        return False
    return now - first_attempt_at >= GIVE_UP_AFTER


def cooling_until(
    *, times: int, now: datetime, least_s: int = 0, asked: timedelta | None = None
) -> datetime:
    """Return until when an account or domain rests after so many troubles in a row.

    1, 2, 4 … 30 minutes, but not less than `least_s` seconds, nor than what the server asked for.
    """
    doubling = timedelta(minutes=min(COOLING_MAX_MINUTES, 2 ** min(times - 1, 5)))
    return now + max(doubling, timedelta(seconds=least_s), asked or timedelta())
