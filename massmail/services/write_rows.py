"""One UPDATE for many rows with texts of their own: `UPDATE … FROM (VALUES …)`."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models


def update_from_values(
    model: type[models.Model],
    fields: Sequence[str],
    rows: Sequence[tuple[int, *tuple[str, ...]]],
    *,
    constants: Mapping[str, Any],
    expected: Mapping[str, Any],
    counted: Sequence[str] = (),
) -> set[int]:
    """Update rows by id where the expected fields still hold; return the ids that were updated.

    `rows` have the id and then a text for each of `fields`; `constants` are the same for all;
    the numbers in `counted` grow by one. One statement, on PostgreSQL and SQLite.
    """
    if not rows:
        return set()
    table = model._meta.db_table
    own = [f"{_column(model, name)} = new.column{place}" for place, name in enumerate(fields, 2)]
    same = [f"{_column(model, name)} = %s" for name in constants]
    same += [f"{_column(model, name)} = {table}.{_column(model, name)} + 1" for name in counted]
    held = "".join(f" AND {table}.{_column(model, name)} = %s" for name in expected)
    width = f"({', '.join(['%s'] * (1 + len(fields)))})"
    sql = (
        f"UPDATE {table} SET {', '.join(own + same)} "  # noqa: S608  # names of the model's columns
        f"FROM (VALUES {', '.join([width] * len(rows))}) AS new "
        f"WHERE {table}.id = new.column1{held} RETURNING {table}.id"
    )
    parameters = [_prepared(model, name, value) for name, value in constants.items()]
    parameters += [value for row in rows for value in row]
    parameters += [_prepared(model, name, value) for name, value in expected.items()]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {row[0] for row in cursor.fetchall()}


def _column(model: type[models.Model], name: str) -> str:
    return str(model._meta.get_field(name).column)  # type: ignore[union-attr]  # a stored field


def _prepared(model: type[models.Model], name: str, value: Any) -> Any:
    field = model._meta.get_field(name)
    return field.get_db_prep_save(value, connection)  # type: ignore[union-attr]  # a stored field
