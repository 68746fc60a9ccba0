"""The table of parity is true: every row has its place and a living test."""

import pytest

from tests.parity.table import PAGE, ROOT, is_living, page, rows
from tests.security.addresses import addresses

DEFECTS = 58


def test_every_row_names_a_place_that_is_there():
    assert [row.name for row in rows() if not (ROOT / row.where).exists()] == []


def test_every_row_has_a_living_test(record_property):
    dead = [(row.name, test) for row in rows() for test in row.tests if not is_living(test)]

    record_property("rows", len(rows()))
    assert dead == []
    assert [row.name for row in rows() if not row.tests] == []


def test_every_named_address_of_the_table_is_in_the_urlconf():
    named = {address.name for address in addresses()}

    assert [row.name for row in rows() if row.kind == "address" and row.name not in named] == []


def test_every_address_has_a_row():
    ours = {address.name for address in addresses() if not address.name.startswith("admin:")}

    assert ours == {row.name for row in rows() if row.kind == "address"}


def test_every_defect_has_a_row():
    assert sum(row.kind == "defect" for row in rows()) == DEFECTS


@pytest.mark.parametrize("test", ["browser/test_campaign.py::test_none", "no_such_file.py::test_x"])
def test_missing_test_is_not_living(test):
    assert not is_living(test)


def test_page_is_made_from_the_table():
    assert PAGE.read_text("utf-8") == page()
