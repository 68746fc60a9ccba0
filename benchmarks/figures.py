"""A figure of a measurement with its comparison, and the table in which figures are shown."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

_HEAD = ("target", "measured", "ours", "compared with", "theirs", "ratio", "wanted", "met")


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, beside what it is compared with in the same run.

    `wanted` is the target in words; `met` is None where there is none. `ratio` is ours to theirs.
    """

    target: str  # S1 … S9
    measured: str  # with its unit
    ours: float
    compared_with: str = ""
    theirs: float | None = None
    wanted: str = ""
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        """Ours to theirs; None where there is nothing to compare."""
        return self.ours / self.theirs if self.theirs else None

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def from_json(line: str) -> Figure:
    """Return the figure that `as_json` wrote."""
    return Figure(**json.loads(line))


def at_most(ratio_max: float, ours: float, theirs: float) -> bool:
    """Tell whether ours is at most so many times theirs."""
    return ours <= ratio_max * theirs


def markdown(figures: Iterable[Figure]) -> str:
    """Return a table of figures."""
    rows = [_HEAD, tuple("---" for _ in _HEAD), *map(_cells, figures)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(figure: Figure) -> tuple[str, ...]:
    met = {None: "", True: "yes", False: "no"}[figure.met]
    return (
        figure.target,
        figure.measured,
        _number(figure.ours),
        figure.compared_with,
        _number(figure.theirs),
        _number(figure.ratio),
        figure.wanted,
        met,
    )


def _number(value: float | None) -> str:
    """Return a number with three figures that count, thousands apart."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def middle(values: Sequence[float]) -> float:
    """Return the median of the rounds of one measurement."""
    return float(median(values))
