"""What callers give as a key, in any of its three forms, as the fields' attribute values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TypeAlias
from uuid import UUID

from dynamorm_py.core.errors import InvalidKey, InvalidOperation
from dynamorm_py.core.schema import Tenant
from dynamorm_py.core.wire import AttributeValue
from dynamorm_py.model.mapping import ModelMapping

KeyValue: TypeAlias = str | int | float | Decimal | bytes | datetime | date | time | timedelta | UUID | Enum
KeyArgument: TypeAlias = KeyValue | Mapping[str, KeyValue]

# Types of values that are neither None nor a whole key.
_SIMPLE = frozenset({str, int, UUID, Decimal, datetime, date, bytes})


def key_values(
    mapping: ModelMapping,
    names: Sequence[str],
    arguments: Sequence[object],
    keywords: Mapping[str, object],
    verb: str,
) -> dict[str, AttributeValue]:
    """The fields called `names`, from positional values in that order, keywords, or one mapping."""
    try:
        if not keywords and len(arguments) == len(names) and _SIMPLE.issuperset(map(type, arguments)):
            given: Mapping[str, object] = dict(zip(names, arguments, strict=True))  # as most are: all is known of them
        else:
            given = _by_name(names, arguments, keywords, mapping.schema.tenant)
        return {name: mapping.codecs[name].encode(value) for name, value in given.items()}
    except InvalidOperation as error:
        raise error.about(mapping.schema.model, verb) from error.__cause__


def _by_name(
    names: Sequence[str], arguments: Sequence[object], keywords: Mapping[str, object], tenant: Tenant | None
) -> dict[str, object]:
    given: dict[str, object]
    if len(arguments) == 1 and isinstance(arguments[0], Mapping):
        given = dict(arguments[0])
    elif len(arguments) > len(names):
        raise InvalidKey(f"the key is {_listed(names)}, and {len(arguments)} values were given")
    else:
        given = dict(zip(_positional(names, arguments, keywords, tenant), arguments, strict=False))
    for name, value in keywords.items():
        if name in given:
            raise InvalidKey(f"{name} was given twice")
        given[name] = value
    unknown = [name for name in given if name not in names]
    if unknown:
        raise InvalidKey(f"{_listed(unknown)} is not part of the key, which is {_listed(names)}")
    absent = [name for name, value in given.items() if value is None]
    if absent:
        raise InvalidKey(f"{_listed(absent)} cannot be None in a key")
    # A tenant's scope knows the tenant; where there is none, compiling says so.
    missing = [name for name in names if name not in given and not (tenant and name == tenant.field)]
    if missing:
        raise InvalidKey(f"the key needs {_listed(names)}, and {_listed(missing)} is missing")
    return given


def _positional(
    names: Sequence[str], arguments: Sequence[object], keywords: Mapping[str, object], tenant: Tenant | None
) -> Sequence[str]:
    """Whom positional values belong to: the tenant may be left out, and is where there is one value too few."""
    if tenant is None or (len(arguments) + len(keywords) >= len(names) and tenant.field not in keywords):
        return names
    return [name for name in names if name != tenant.field]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "nothing"
