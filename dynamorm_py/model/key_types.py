"""What DynamoDB type a field's values are stored as, told from its annotation: a table's keys need it before there is
any value."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import BaseModel, Json, SecretBytes
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from dynamorm_py.core.schema import KeyType
from dynamorm_py.fields.annotations import bare, union_members, unwrapped

# A template also takes truth values, which are no key of their own.
TemplateType: TypeAlias = KeyType | Literal["BOOL"]

_TEXT = (
    str,
    UUID,
    date,
    time,
    PurePath,
    IPv4Address,
    IPv6Address,
    IPv4Network,
    IPv6Network,
    IPv4Interface,
    IPv6Interface,
)
_NUMBERS = (int, float, Decimal, timedelta)
_BINARY = (bytes, bytearray, memoryview, SecretBytes)
_JSON: object = Json  # to type checkers a form of annotation, and at run time the mark in a field's metadata


def key_type(model: type[BaseModel], name: str) -> TemplateType | None:
    """The DynamoDB type of a field's values; None where that is no type of a key, or where nothing says what a
    serializer returns."""
    info = model.model_fields[name]
    for decorator in model.__pydantic_decorators__.field_serializers.values():
        if (name in decorator.info.fields or "*" in decorator.info.fields) and decorator.info.when_used != "json":
            return _returned(decorator.info.return_type, decorator.func)
    return _annotated(info)


def _annotated(info: FieldInfo) -> TemplateType | None:
    for entry in reversed(info.metadata):
        if isinstance(entry, _serializers()) and not entry.when_used.startswith("json"):
            return _returned(entry.return_type, entry.func)
        if type(entry) is _JSON or entry is _JSON:
            return "S"
    return _type_of(unwrapped(info.annotation))


def _serializers() -> tuple[type[Any], ...]:
    """The annotations that serialize. pydantic loads their module on demand: where nobody has, there is none."""
    loaded = sys.modules.get("pydantic.functional_serializers")
    return (loaded.PlainSerializer, loaded.WrapSerializer) if loaded else ()


def _returned(declared: Any, serializer: Callable[..., Any]) -> TemplateType | None:
    if declared is not PydanticUndefined:
        return _type_of(unwrapped(declared))
    try:
        hints = get_type_hints(serializer)
    except (NameError, TypeError):  # names that only the place of the definition knows, and callables without hints
        return None
    return _type_of(unwrapped(hints["return"])) if "return" in hints else None


def _type_of(kind: Any) -> TemplateType | None:  # whatever an annotation can be
    kind = bare(kind)
    if get_origin(kind) is Literal:
        return _only({_type_of(type(value)) for value in get_args(kind)})
    if union_members(kind):
        return _only({_type_of(member) for member in union_members(kind)})
    if hasattr(kind, "__supertype__"):  # a NewType
        return _type_of(kind.__supertype__)
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Enum):
        return _only({_type_of(type(member.value)) for member in kind})
    if issubclass(kind, bool):
        return "BOOL"
    if issubclass(kind, _NUMBERS):
        return "N"
    if issubclass(kind, _BINARY):
        return "B"
    if issubclass(kind, dict | list | tuple | set | frozenset | BaseModel):
        return None
    # Text, and what pydantic writes as text: addresses, URLs, and types of the user's own with a serializer.
    return "S" if issubclass(kind, _TEXT) or hasattr(kind, "__get_pydantic_core_schema__") else None


def _only(kinds: set[TemplateType | None]) -> TemplateType | None:
    return kinds.pop() if len(kinds) == 1 else None
