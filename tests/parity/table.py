"""Reads `rows.toml`, and writes `docs/parity.md` from it: `python -m tests.parity.table`."""

import ast
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = Path(__file__).with_name("rows.toml")
PAGE = ROOT / "docs" / "parity.md"
HEADINGS = {
    "component": ("Components", "file"),
    "address": ("Addresses", "URL name"),
    "feature": ("Admin", "what it offers"),
    "defect": ("Known defects of such systems", "what does not happen"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """`where` is a path of the project; a test is `path::name`, its path below `tests/`."""

    kind: str
    name: str
    where: str
    tests: tuple[str, ...]


def rows() -> list[Row]:
    """Return all rows in the order of the file."""
    found = tomllib.loads(ROWS.read_text("utf-8"))
    return [
        Row(kind, row["name"], row["where"], tuple(row["tests"]))
        for kind in HEADINGS
        for row in found[kind]
    ]


def is_living(test: str) -> bool:
    """Tell whether a test is there, and neither skipped nor expected to fail."""
    path, _separator, name = test.partition("::")
    file = ROOT / "tests" / path
    return file.is_file() and name in _living(file)


@lru_cache
def _living(file: Path) -> frozenset[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = {ast.unparse(mark) for mark in node.decorator_list}
            if not any("mark.skip" in mark or "mark.xfail" in mark for mark in marks):
                found.add(node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found.add(node.name)
    return frozenset(found)


def page() -> str:
    """Return the text of the page."""
    everything = rows()
    counts = ", ".join(
        f"{sum(row.kind == kind for row in everything)} {heading.lower()}"
        for kind, (heading, _column) in HEADINGS.items()
    )
    parts = [
        "# Parity",
        (
            "Made from `tests/parity/rows.toml` by `python -m tests.parity.table`; a test fails"
            f" when a row has no living test. {len(everything)} rows: {counts}."
        ),
    ]
    for kind, (heading, column) in HEADINGS.items():
        lines = [f"| {column} | where | test |", "| --- | --- | --- |"]
        lines += [_line(row) for row in everything if row.kind == kind]
        parts += [f"## {heading}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _line(row: Row) -> str:
    tests = "<br>".join(f"`{test}`" for test in row.tests)
    return f"| {row.name} | `{row.where}` | {tests} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
