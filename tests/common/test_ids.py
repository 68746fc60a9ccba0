"""Ids in requests: numbers that a database takes, and nothing else."""

import pytest

from common.ids import id_in, ids_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("9" * 5_000, None),
        ("-1", None),
        ("٣", None),
        ("1 ", None),
        ("", None),
    ],
)
def test_id_in(text: str, found: int | None) -> None:
    assert id_in(text) == found


def test_ids_in_passes_over_what_is_none() -> None:
    assert ids_in(["1", "x", "2"]) == [1, 2]
