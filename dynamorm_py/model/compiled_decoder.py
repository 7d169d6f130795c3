"""The decoder of one model, as straight-line source that is generated from its fields.

The generic recursion (`core.values.decode`, `ModelMapping.plain`) says what an item means; the generated function gives
the same plain data without asking every value what it is. What an annotation tells of the stored type is a guess, never
a rule: an item that holds a value of another type is handed to the recursion whole, so that whatever it means, its
errors included, is the recursion's own. Only where None may stand in a value's place is the value asked first.

Measured on CPython 3.13, for ten attributes with a list and a dict: the recursion takes 4.0 µs, the generated function
1.1. Making it takes a third of a millisecond, and importing this module one more, which a cold start's first reads
would not earn back: `ModelMapping` asks for it when many items were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel

from dynamorm_py.core.errors import InvalidItem
from dynamorm_py.core.records import Record
from dynamorm_py.core.values import decode, decode_item, decode_list, decode_number, decode_numbers
from dynamorm_py.core.wire import AttributeValue, Item
from dynamorm_py.fields.annotations import allows_none, is_map, is_set, item_of, unwrapped

PlainData: TypeAlias = dict[str, object]


class StoredField(Record):
    """A field as its decoder needs it: `key_type` is the DynamoDB type of its scalars, where the field's annotation or
    serializer tells; `revive` replaces the decoding of values of which DynamoDB's types do not say enough; `absent`
    makes the plain data of an absent attribute, where that is not left to pydantic."""

    name: str
    attribute: str
    annotation: Any  # whatever an annotation can be
    required: bool
    optional: bool
    key_type: Literal["S", "N", "B", "BOOL"] | None = None
    revive: Callable[[AttributeValue], object] | None = None
    absent: Callable[[], object] | None = None


def compiled_decoder(
    model: str, fields: Iterable[StoredField], generic: Callable[[Item], PlainData]
) -> Callable[[Item], PlainData]:
    """What gives the same as `generic` for every item of the model, faster for those that are as the fields say."""
    names: dict[str, Any] = {
        "decode": decode,
        "generic": generic,
        "list_of": decode_list,
        "map_of": decode_item,
        "number": decode_number,
        "numbers": decode_numbers,
        "present": _present,
        "surprises": (AttributeError, KeyError, TypeError, ValueError, InvalidItem),
    }
    lines = _lines(tuple(fields), names)
    exec(compile("\n".join(lines), f"<decoder of {model}>", "exec"), names)  # noqa: S102  # of reprs and literals only
    compiled: Callable[[Item], PlainData] = names["plain"]
    return compiled


def _present(plain: object) -> object:
    """What is not None: NULL in a field that does not take it counts as absent."""
    if plain is None:
        raise KeyError
    return plain


def _lines(fields: tuple[StoredField, ...], names: dict[str, Any]) -> list[str]:
    """The source; adds to `names` what it refers to."""
    expected = [each for each in fields if each.required and each.absent is None]
    others = [each for each in fields if each not in expected]
    lines = ["def plain(item):", " try:", "  data = {"]
    lines += [f"   {each.name!r}: {_read(each, f'item[{each.attribute!r}]', names)}," for each in expected]
    lines += ["  }", "  get = item.get"]
    for each in others:
        lines += [
            f"  v = get({each.attribute!r})",
            "  if v is not None:",
            f"   data[{each.name!r}] = {_read(each, 'v', names)}",
        ]
        if each.absent is not None:
            names[f"absent_{len(names)}"] = each.absent
            lines += ["  else:", f"   data[{each.name!r}] = absent_{len(names) - 1}()"]
    return [*lines, "  return data", " except surprises:", "  return generic(item)"]


def _read(field: StoredField, value: str, names: dict[str, Any]) -> str:
    """The expression of a field's plain data; `value` is the expression of its attribute value."""
    form = None if field.revive is not None else _field_form(field)
    if form is None:
        function = "decode"
        if field.revive is not None:
            function = f"revive_{len(names)}"
            names[function] = field.revive
        return f"{function}({value})" if field.optional else f"present({function}({value}))"
    if not field.optional:
        return form.plain(f"{value}[{form.tag!r}]")
    first = value if value == "v" else f"(v := {value})"
    return f"{form.plain(f'v[{form.tag!r}]')} if {form.tag!r} in {first} else decode(v)"


class _Form(Record):
    """How values of a type are most probably stored: under which tag, and the expression of the plain data of such a
    payload."""

    tag: str
    plain: Callable[[str], str]


def _same(payload: str) -> str:
    return payload


def _calling(function: str) -> Callable[[str], str]:
    return lambda payload: f"{function}({payload})"


_OF_KEYS: Mapping[str, _Form] = {
    "S": _Form("S", _same),
    "N": _Form("N", _calling("number")),
    "B": _Form("B", _calling("bytes")),
    "BOOL": _Form("BOOL", _same),
}
_WHOLE_NUMBER = _Form("N", _calling("int"))
_OF_TYPES: Mapping[object, _Form] = {
    **dict.fromkeys((str, datetime, date, time, UUID), _OF_KEYS["S"]),
    **dict.fromkeys((float, Decimal), _OF_KEYS["N"]),
    int: _WHOLE_NUMBER,
    bytes: _OF_KEYS["B"],
    bool: _OF_KEYS["BOOL"],
}
_OF_SETS: Mapping[str, _Form] = {
    "S": _Form("SS", _calling("set")),
    "N": _Form("NS", _calling("numbers")),
    "B": _Form("BS", _calling("set")),
}
_LIST = _Form("L", _calling("list_of"))
_MAP = _Form("M", _calling("map_of"))


def _field_form(field: StoredField) -> _Form | None:
    kind = unwrapped(field.annotation)
    if field.key_type is None:
        return _form(kind, 1)
    return _WHOLE_NUMBER if kind is int and field.key_type == "N" else _OF_KEYS[field.key_type]


def _form(kind: Any, depth: int) -> _Form | None:  # whatever an annotation can be
    if is_set(kind):
        member = _form(unwrapped(item_of(kind)), depth)
        return None if member is None else _OF_SETS.get(member.tag)
    if is_map(kind):
        return _collection(_MAP, item_of(kind), depth, "{{k{0}: {1} for k{0}, m{0} in {2}.items()}}")
    if isinstance(kind, type):
        if kind in _OF_TYPES:
            return _OF_TYPES[kind]
        if issubclass(kind, BaseModel) or is_dataclass(kind):
            return _MAP
        return _LIST if issubclass(kind, list | tuple) else None
    if item_of(kind, 0) is not None:
        return _collection(_LIST, item_of(kind), depth, "[{1} for m{0} in {2}]")
    return None


def _collection(whole: _Form, member: Any, depth: int, comprehension: str) -> _Form:
    """A list or a map of one type; of `whole`'s form where its members are of several, or may be None."""
    form = None if member is None or allows_none(member) else _form(unwrapped(member), depth + 1)
    if form is None:
        return whole
    each = form.plain(f"m{depth}[{form.tag!r}]")
    return _Form(whole.tag, lambda payload: comprehension.format(depth, each, payload))
