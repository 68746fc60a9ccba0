"""What building one mail costs, by stage: `python -m benchmarks.building`, where `.env` is set up.

Microseconds of processor time per mail, median of interleaved rounds. No database, no network.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import django

ROUNDS = 7
PEOPLE = 1_000

Work = Callable[[], object]


def main() -> None:
    """Measure everything and print the table."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")
    django.setup()
    found: dict[str, list[float]] = {}
    stages = list(_stages())
    for _round in range(ROUNDS):
        for name, work in stages:
            found.setdefault(name, []).append(_microseconds(work))
    for name, times in found.items():
        sys.stdout.write(f"{name:<46}{statistics.median(times):9.1f} µs\n")


def _microseconds(work: Work) -> float:
    """Return what one mail costs; `work` does PEOPLE of them."""
    begin_s = time.process_time()
    work()
    return (time.process_time() - begin_s) / PEOPLE * 1e6


def _stages() -> Iterator[tuple[str, Work]]:
    # Django has to be set up before these can be imported.
    from benchmarks import messages
    from massmail.backends.base import Features
    from massmail.utils.email_creators import compile_message

    plain, any_template = messages.message_a(), messages.message_a(any_template=True)
    eight_bit = Features(eight_bit=True)
    yield "A, plain variables", _building(plain, Features())
    yield "A, any template, 8BITMIME", _building(any_template, eight_bit)
    yield "A, any template, quoted-printable", _building(any_template, Features())
    yield "B, plain variables", _building(messages.message_b(), Features())
    yield "B, any template, 8BITMIME", _building(messages.message_b(any_template=True), eight_bit)
    yield "A by Django's EmailMultiAlternatives", _by_django(plain)
    for name, work in _parts(plain, Features()):
        yield f"  A, plain variables: {name}", work
    for name, work in _parts(any_template, eight_bit):
        yield f"  A, any template, 8BITMIME: {name}", work
    yield f"compiling A ({PEOPLE} times)", lambda: [compile_message(plain) for _ in range(PEOPLE)]


def _building(source: "MessageSource", features: "Features") -> Work:
    from django.utils import timezone

    from benchmarks.messages import SENDER, people
    from massmail.utils.email_creators import compile_message

    message, chosen, now = compile_message(source), list(people(PEOPLE)), timezone.localtime()
    return lambda: [message.build(person, SENDER, date=now, features=features) for person in chosen]
