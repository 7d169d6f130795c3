"""The models of this process that share a table with tenants, found among the classes that exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from dynamorm_py.core.errors import InvalidModel
from dynamorm_py.core.schema import Schema

if TYPE_CHECKING:
    from dynamorm_py.model.base import Model


class Relatives:
    """What the model classes below a root declare about the tables of tenants.

    Nothing is registered: Python keeps the classes, and a class that is gone is gone here too. The metaclass only tells
    that there is a new one, so that what was found before is looked for again.
    """

    def __init__(self, root: Callable[[], type[Model]]) -> None:
        self._root = root
        self._made = 0
        self._known: dict[str, tuple[int, tuple[Schema, ...]]] = {}

    @property
    def generation(self) -> int:
        """How many classes have been made so far."""
        return self._made

    def made(self) -> None:
        """A class was made."""
        self._made += 1

    def of_table(self, table: str, /) -> tuple[Schema, ...]:
        """The schemas of the models with a tenant on a table."""
        known = self._known.get(table)
        if known is None or known[0] != self._made:
            found = tuple([schema for schema in self._schemas(table) if schema.tenant is not None])
            known = self._known[table] = self._made, found
        return known[1]

    def _schemas(self, table: str) -> Iterator[Schema]:
        for model in _below(self._root()):
            if model.__dynamorm_table__ != table:
                continue
            if not model.__pydantic_fields_complete__:
                model.model_rebuild(raise_errors=False)  # it may have waited for names that are known by now
            # Nobody can use one that still waits, or that was refused where it was defined.
            if model.__pydantic_fields_complete__:
                with suppress(InvalidModel):
                    yield model.__dynamorm_schema__


def _below(model: type[Model]) -> Iterator[type[Model]]:
    for each in type.__subclasses__(model):
        yield each
        yield from _below(each)
