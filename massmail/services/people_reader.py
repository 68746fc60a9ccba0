"""Reads the recipients of a window, with what decides whether they are written to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.query import ModelIterable

from massmail.models import Recipient


def with_subscription(model: type[Recipient]) -> "QuerySet[Any]":  # Any: of whatever type
    """Return the recipients of a type with `mass_contact_uuid` and `mass_contact_massmail`."""
    return model._default_manager.select_related(*model.RELATED).annotate(
        mass_contact_uuid=F("mass_contacts__uuid"),
        mass_contact_massmail=F("mass_contacts__massmail"),
    )


class PeopleReader:
    """Reads people by their ids, one statement for each window.

    Django words the statement once, for a full window; later windows only bring their ids. That
    saves more than half of the time that reading takes. Belongs to the thread that made it.
    """

    def __init__(self, model: type[Recipient], *, size: int) -> None:
        places = list(range(-size, 0))  # no id is negative
        self._people = with_subscription(model).filter(pk__in=places)
        self._size = size
        compiler = self._people.query.get_compiler(connection=connection)
        self._sql, parameters = compiler.as_sql()
        first = parameters.index(places[0])
        self._before, self._after = parameters[:first], parameters[first + size :]
        assert list(parameters[first : first + size]) == places, "the ids stand in a row"
        self._ids: Sequence[int] = places
        compiler.as_sql = self._worded
        self._people.query.get_compiler = lambda *_, **__: compiler  # type: ignore[method-assign]

    def read(self, ids: Sequence[int]) -> Mapping[int, Any]:
        """Return the people with these ids, at most a full window of them, by id."""
        self._ids = [*ids, *[ids[-1]] * (self._size - len(ids))]
        people: Iterable[Any] = ModelIterable(self._people)
        return {person.pk: person for person in people}

    def _worded(self, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        return self._sql, (*self._before, *self._ids, *self._after)
