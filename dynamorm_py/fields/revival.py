"""What pydantic does not read back from plain data by itself: a bytearray from bytes, and a timedelta from a number of
seconds, which it takes for a float and so rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel
from typing_extensions import is_typeddict

from dynamorm_py.fields.annotations import child_of, is_map, item_of, unwrapped

Reviver: TypeAlias = Callable[[object], object]


def reviver(annotation: Any, outer: tuple[Any, ...] = ()) -> Reviver | None:  # whatever an annotation can be
    """What turns the plain data of a type into what pydantic then validates; None where it needs nothing. Members of
    unions, and a type inside itself, are left to pydantic."""
    kind = unwrapped(annotation)
    if kind in outer:
        return None
    if kind is timedelta:
        return _timedelta
    if kind is bytearray:
        return _bytearray
    outer = (*outer, kind)
    entries = {name: found for name in _names(kind) if (found := reviver(_entry(kind, name), outer)) is not None}
    if entries:
        return lambda plain: _mapped(plain, entries)
    if get_args(kind) and item_of(kind, 0) is not None:
        return _of_collection(kind, outer)
    return None


def _of_collection(kind: Any, outer: tuple[Any, ...]) -> Reviver | None:
    if is_map(kind):
        value = reviver(item_of(kind), outer)
        return None if value is None else lambda plain: _values(plain, value)
    places = len(get_args(kind)) if item_of(kind) is None else 1
    found = [reviver(item_of(kind, index), outer) for index in range(places)]
    if not any(found):
        return None
    return lambda plain: _members(plain, found)


def _timedelta(plain: object) -> object:
    return timedelta(microseconds=int(plain.scaleb(6))) if isinstance(plain, Decimal) else plain


def _bytearray(plain: object) -> object:
    return bytearray(plain) if isinstance(plain, bytes) else plain


def _mapped(plain: object, entries: Mapping[str, Reviver]) -> object:
    if not isinstance(plain, dict):
        return plain
    return {name: entries[name](value) if name in entries else value for name, value in plain.items()}


def _values(plain: object, value: Reviver) -> object:
    return {name: value(member) for name, member in plain.items()} if isinstance(plain, dict) else plain


def _members(plain: object, revivers: list[Reviver | None]) -> object:
    if isinstance(plain, set):
        plain = list(plain)
    if not isinstance(plain, list):
        return plain
    each = revivers * len(plain) if len(revivers) == 1 else revivers
    paired = zip(plain, each, strict=False)
    return [revive(member) if revive else member for member, revive in paired] + plain[len(each) :]


def _names(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return list(kind.__annotations__) if is_dataclass(kind) or is_typeddict(kind) else []


def _entry(kind: Any, name: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_fields[name].annotation
    return child_of(kind, name)
