"""Instances of models that somebody else wrote, made from the types of their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeAlias, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dynamorm_py.core.errors import DynamormError
from dynamorm_py.fields.annotations import unwrapped
from dynamorm_py.fields.declaration import marker_of
from dynamorm_py.model import Model

# Values by field, or a function that makes them for the number of an item, from 0 on.
Examples: TypeAlias = Mapping[str, object] | Callable[[int], Mapping[str, object]]

_START = datetime(2100, 1, 1, tzinfo=UTC)  # far enough ahead for a time to live
_KEPT = ("version_number", "created_timestamp", "updated_timestamp")


class ExampleItems:
    """Examples of one model's items. Those of one number differ in nothing but the tenant."""

    def __init__(self, model: type[Model], given: Examples | None) -> None:
        self._model = model
        self._given = given
        schema = model.__dynamorm_schema__
        keyed = {name for index in schema.indexes.values() for name in index.key.fields}
        self._named = {*keyed, *schema.key.fields, *(name for each in schema.uniques for name in each.fields)}

    def make(self, number: int, tenant: str | None) -> Model:
        """The example of a number. Raises `AssertionError` where the types of the fields do not tell enough."""
        schema = self._model.__dynamorm_schema__
        values = {
            info.alias or name: self._value(name, info, number)
            for name, info in self._model.model_fields.items()
            if self._needs_value(name, info)
        }
        if schema.tenant is not None:
            values[schema.tenant.field] = tenant
        given = self._given(number) if callable(self._given) else self._given
        try:
            return self._model(**{**values, **(given or {})})
        except (ValidationError, DynamormError) as error:
            raise AssertionError(
                f"{self._model.__name__}: no example item could be made of the types of its fields; give "
                f"examples={{{self._model.__name__}: {{…}}}} for what they do not tell: {error}"
            ) from error

    def _needs_value(self, name: str, info: FieldInfo) -> bool:
        # What is in a key differs from item to item, and is there, so that the item is in all of its indexes.
        role = marker_of(info).role
        return role not in _KEPT and (info.is_required() or name in self._named)

    def _value(self, name: str, info: FieldInfo, number: int) -> object:
        if marker_of(info).role == "time_to_live":
            later = _START + timedelta(days=number)
            return later if unwrapped(info.annotation) is datetime else int(later.timestamp())
        return _example(info.annotation, name, number if self._varies(name) else 0)

    def _varies(self, name: str) -> bool:
        """Whether a field tells the items of a tenant apart: their partitions are the same where that can be."""
        schema = self._model.__dynamorm_schema__
        first = schema.tenant.field if schema.tenant else None
        sort = [field for part in schema.key.sort for field in part.fields if field != first]
        unique = {field for each in schema.uniques for field in each.fields}
        return name in (sort or schema.key.fields) or name in unique


def _example(annotation: Any, name: str, number: int) -> object:  # whatever an annotation can be
    kind = unwrapped(annotation)
    origin = get_origin(kind)
    if origin is Literal:
        choices = get_args(kind)
        return choices[number % len(choices)]
    for known, make in _MAKERS.items():
        if isinstance(kind, type) and issubclass(kind, known):
            return make(kind, name, number)
    if isinstance(origin, type):
        return origin()
    members = get_args(kind)
    return _example(members[0], name, number) if members else f"{name}-{number}"


def _member(kind: Any, name: str, number: int) -> object:
    members = list(kind)
    return members[number % len(members)]


def _nested(kind: type[BaseModel], name: str, number: int) -> object:
    return {
        info.alias or field: _example(info.annotation, field, number)
        for field, info in kind.model_fields.items()
        if info.is_required()
    }


# The first that fits: an enumeration of texts is text too, and a bool a number.
_MAKERS: Mapping[type, Callable[[Any, str, int], object]] = {
    Enum: _member,
    BaseModel: _nested,
    bool: lambda kind, name, number: bool(number % 2),
    str: lambda kind, name, number: f"{name}-{number}",
    bytes: lambda kind, name, number: f"{name}-{number}".encode(),
    int: lambda kind, name, number: number + 1,
    float: lambda kind, name, number: number + 0.5,
    Decimal: lambda kind, name, number: Decimal(number) + Decimal("0.5"),
    datetime: lambda kind, name, number: _START + timedelta(hours=number),
    date: lambda kind, name, number: _START.date() + timedelta(days=number),
    time: lambda kind, name, number: time(number % 24),
    timedelta: lambda kind, name, number: timedelta(hours=number + 1),
    UUID: lambda kind, name, number: UUID(int=number + 1),
    list: lambda kind, name, number: [],
    dict: lambda kind, name, number: {},
    set: lambda kind, name, number: set(),
    tuple: lambda kind, name, number: (),
}
