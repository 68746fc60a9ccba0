"""The stylesheets: a rule that is not closed swallows all that follow."""

import re
from itertools import accumulate
from pathlib import Path

import pytest
from django.conf import settings

SHEETS = sorted(Path(settings.BASE_DIR, "static").glob("*/*.css"))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_every_rule_is_closed(sheet: Path) -> None:
    css = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
    depths = list(accumulate((mark == "{") - (mark == "}") for mark in re.findall(r"[{}]", css)))

    assert (depths[-1], min(depths), max(depths)) == (0, 0, 2)
