"""S5: what a mail costs in a large mailing out, beside one to a thousand people."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.models import User

from benchmarks import servers
from benchmarks.campaigns import draft_to, message_of, tidy
from benchmarks.environment import CASE_S, run_python
from benchmarks.figures import Figure, middle
from benchmarks.people import add_owner, add_relay
from benchmarks.statements import counting
from benchmarks.stopwatch import spent
from massmail.models import MailingOut
from massmail.utils.sendmassmail import run_until_idle

SMALL = 1_000
SMALL_TURNS = 10  # small mailing outs before and after the large one
RATIO = 1.15
STATEMENTS = 0.1


@dataclass(frozen=True, slots=True)
class Size:
    """How many people a mailing out has."""

    large: int
    counted: int  # of the one whose statements are counted


QUICK = Size(large=100_000, counted=10_000)
FULL = Size(large=1_000_000, counted=10_000)


def cost_of_size(*, full: bool) -> Iterator[Figure]:
    """S5: time a mail by the size of the mailing out, and statements a mail."""
    size = FULL if full else QUICK
    owner = add_owner()
    with servers.sink() as port:
        add_relay(owner, port=port)
        _sent_us(owner, SMALL)  # whatever is made once
        before = [_sent_us(owner, SMALL) for _turn in range(SMALL_TURNS)]
        large = _sent_us(owner, size.large)
        after = [_sent_us(owner, SMALL) for _turn in range(SMALL_TURNS)]
        small = middle(before + after)
        yield Figure(
            "S5",
            f"{size.large:,} people: µs a mail",
            large,
            f"{SMALL:,} people",
            small,
            wanted=f"at most {RATIO} times",
            met=large <= RATIO * small,
        )
        if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
            yield _statements(owner, size.counted)


def _sent_us(owner: User, people: int) -> float:
    """Send a mailing out in this process; return the time of a mail in microseconds."""
    draft = draft_to(people, owner, message_of("A", owner))
    draft.start()
    tidy()
    took = spent(lambda: run_until_idle(mailing_out_id=draft.pk))
    _require_sent(draft, people)
    return took.wall_s / people * 1e6


def _statements(owner: User, people: int) -> Figure:
    """Send a mailing out by another process whose statements are counted on their way."""
    draft = draft_to(people, owner, message_of("A", owner))
    draft.start()
    url = urlsplit(os.environ["DATABASE_URL"])
    with counting(url.hostname or "127.0.0.1", url.port or 5432) as (port, counted):
        user = url.netloc.rpartition("@")[0]
        through = urlunsplit(url._replace(netloc=f"{user}@127.0.0.1:{port}"))
        run_python(
            "manage.py", "sendmassmail", "--until-idle", "--mailing-out", str(draft.pk),
            environment={**os.environ, "DATABASE_URL": through}, timeout_s=CASE_S,
        )  # fmt: skip
    _require_sent(draft, people)
    each = counted.statements / people
    return Figure(
        "S5",
        f"statements a mail, {people:,} people",
        each,
        wanted=f"at most {STATEMENTS}",
        met=each <= STATEMENTS,
    )


def _require_sent(draft: MailingOut, people: int) -> None:
    draft.refresh_from_db()
    if draft.sent_count != people:
        raise RuntimeError(f"{draft.sent_count} of {people} mails were sent")
