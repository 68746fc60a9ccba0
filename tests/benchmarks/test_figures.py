"""Figures go from one process to another, and into a table."""

import pytest

from benchmarks.figures import Figure, from_json, markdown

pytestmark = pytest.mark.once

FIGURE = Figure("S1", "CPU µs", 25.0, "theirs", 1_000.0, wanted="at most 1/20", met=True)


def test_figure_survives_its_way_through_a_pipe():
    assert from_json(FIGURE.as_json()) == FIGURE


def test_table_has_a_line_a_figure():
    lines = markdown([FIGURE, Figure("S9", "rows", 50)]).splitlines()

    assert lines[2] == "| S1 | CPU µs | 25 | theirs | 1,000 | 0.025 | at most 1/20 | yes |"
    assert lines[3] == "| S9 | rows | 50 |  |  |  |  |  |"
