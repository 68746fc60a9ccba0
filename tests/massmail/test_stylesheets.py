"""The stylesheets: a rule that is not closed swallows all that follow."""

import re
from itertools import accumulate
from pathlib import Path

import pytest
from django.conf import settings

FOREIGN = re.compile(
    r"""@import|url\(\s*['"]?(?:https?:)?//|\bsrc=['"](?:https?:)?//|<link[^>]+href=['"](?:https?:)?//"""
)
SHEETS = sorted(Path(settings.BASE_DIR, "static").glob("*/*.css"))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_every_rule_is_closed(sheet: Path) -> None:
    css = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
    depths = list(accumulate((mark == "{") - (mark == "}") for mark in re.findall(r"[{}]", css)))

    assert (depths[-1], min(depths), max(depths)) == (0, 0, 2)


def test_pages_load_nothing_from_other_sites() -> None:
    """Neither icons nor fonts, scripts or styles: what a page needs lies beside it."""
    pages = [*SHEETS, *sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))]

    foreign = [
        (page.name, found) for page in pages for found in FOREIGN.findall(page.read_text("utf-8"))
    ]

    assert len(pages) > 50
    assert foreign == []
