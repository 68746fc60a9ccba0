"""All measurements, or some: `./run bench [NAME…] [--full] [--write]`.

Each runs in a process and on a database of its own, so that none disturbs the next.
"""

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.case import CASES
from benchmarks.environment import CASE_S, ROOT, Home, Servers
from benchmarks.figures import Figure, from_json, markdown
from benchmarks.servers import postfix_tool

EMBEDDED = frozenset({"S7"})  # on SQLite and the embedded broker
OWN_SETTINGS = {"S9": {"MASSMAIL_LEASE_S": "3"}}  # seconds: no need to wait for the usual 30
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures begin -->\n", "<!-- figures end -->\n"


def main() -> int:
    """Measure what was asked for, print the table; 1 if something could not be measured."""
    wanted = _arguments()
    names = wanted.names or list(CASES)
    figures: list[Figure] = []
    failed = []
    with Home(Servers(wanted.database, wanted.redis)) as home:
        for name in names:
            with home.case(name.lower(), embedded=name in EMBEDDED) as environment:
                found = _measure(name, environment, full=wanted.full)
            figures += found
            failed += [] if found else [name]
    text = f"{_circumstances(wanted)}\n{markdown(figures)}"
    sys.stdout.write(f"\n{text}")
    if failed:
        sys.stdout.write(f"\nNot measured: {', '.join(failed)}\n")
    if wanted.write:
        _write(DOCUMENT, text)
    return bool(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description="Measure the engine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--full", action="store_true", help="large enough for figures to publish")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.name}")
    parser.add_argument("--database", default="", metavar="URL", help="a PostgreSQL server")
    parser.add_argument("--redis", default="", metavar="URL", help="a Redis database to use alone")
    wanted = parser.parse_args()
    if unknown := sorted(set(wanted.names) - set(CASES)):
        parser.error(f"there is no measurement {', '.join(unknown)}")
    return wanted


def _measure(name: str, environment: dict[str, str], *, full: bool) -> list[Figure]:
    """Run one measurement; return its figures, none if it failed."""
    command = [sys.executable, "-m", "benchmarks.case", name, *(["--full"] if full else [])]
    sys.stderr.write(f"{name} …\n")
    log = Path(environment["VAR_DIR"]) / "case.log"
    try:
        with log.open("wb") as errors:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**environment, **OWN_SETTINGS.get(name, {})},
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=CASE_S,
                check=True,
            )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{log.read_text(errors='replace')[-4_000:]}\n{name}: {error}\n")
        return []
    return [from_json(line) for line in done.stdout.decode().splitlines()]


def _circumstances(wanted: argparse.Namespace) -> str:
    """Return when, where and how it was measured."""
    command = " ".join(["./run bench", *wanted.names, *(["--full"] if wanted.full else [])])
    source = "found" if postfix_tool("smtp-source") else "not found: no comparison with it"
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `{command}`, "
        f"{os.cpu_count()} processors ({platform.machine()}), load {os.getloadavg()[0]:.1f} at "
        f"the end, Python {platform.python_version()}, postfix's tools {source}.\n"
    )


def _write(document: Path, text: str) -> None:
    """Put the table between its marks in a document. Raises ValueError if it has none."""
    before, _begin, rest = document.read_text("utf-8").partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{document} has no place for the figures")
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
