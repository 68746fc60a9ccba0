"""One measurement in a process of its own: `python -m benchmarks.case NAME [--full]`.

Prints a line of JSON for each figure. `benchmarks.__main__` gives it its database and broker.
"""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module

import django

from benchmarks.figures import Figure

Measurement = Callable[..., Iterator[Figure]]

# Name, then module and function: they import models, so only once Django is set up.
CASES = {
    "S1": ("benchmarks.wire", "build_and_send"),
    "S2": ("benchmarks.mailing", "whole"),
    "S3": ("benchmarks.wire", "far_away"),
    "S4": ("benchmarks.large_start", "create_and_start"),
    "S5": ("benchmarks.growth", "cost_of_size"),
    "S6": ("benchmarks.ticks", "tick_of_many"),
    "S7": ("benchmarks.mailing", "embedded"),
    "S8": ("benchmarks.mailing", "memory"),
    "S9": ("benchmarks.kills", "killed"),
    "stages": ("benchmarks.stages", "of_a_mail"),
}


def main(name: str, *, full: bool) -> None:
    """Measure, and print each figure when it is known."""
    django.setup()
    module, function = CASES[name]
    measure: Measurement = getattr(import_module(module), function)
    for figure in measure(full=full):
        sys.stdout.write(figure.as_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], full="--full" in sys.argv[2:])
