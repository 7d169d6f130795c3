"""Plain Python data to DynamoDB's attribute values, and back.

Two rules hold throughout. Nothing is rounded or shortened: what DynamoDB would not give back exactly is refused. And
equal values have equal texts: numbers are written as DynamoDB itself returns them, sets in sorted order, moments in
UTC and at a fixed width, so that a request, a key and a comparison come out the same for every spelling of a value.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, TypeAlias, cast
from uuid import UUID

from dynamorm_py.core.errors import InvalidItem, InvalidValue
from dynamorm_py.core.wire import AttributeValue, Item

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_ITEM_SIZE = 400 * 1024
MAX_DIGITS = 38
# A number is d.ddd * 10**e; these are the smallest and the largest e that DynamoDB stores.
MIN_EXPONENT = -130
MAX_EXPONENT = 125
# "Nested attributes up to 32 levels deep" counts the item as the first level: DynamoDB Local takes 31 lists or maps
# inside each other (empty or not) as an attribute and refuses the 32nd. Sets do not count.
MAX_DEPTH = 31

# A converter is handed a value of the type it is listed under, which no annotation can say of a mapping.
Converters: TypeAlias = Mapping[type, Callable[[Any], object]]

_NO_CONVERTERS: Converters = MappingProxyType({})
_Encoder: TypeAlias = Callable[[Any, Converters, int], AttributeValue]


class _Refusal(Exception):
    """Why a value was refused. Containers add their step on the way out, so that success never builds a path."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.steps: list[str] = []

    def error(self, path: str) -> InvalidValue:
        where = (path + "".join(reversed(self.steps))).removeprefix(".") or "the value"
        return InvalidValue(f"{where}: {self.rule}")


def encode_number(value: float | Decimal) -> str:
    """The text of a number, exactly as DynamoDB returns it: no exponent, no superfluous zero, `"0"` for -0.

    A float stands for its `repr`. Raises `InvalidValue` for NaN, infinities, more than 38 significant digits, and
    magnitudes outside 1E-130 to 9.99...E+125. The ambient decimal context plays no part.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.DataTypes.Number
    """
    try:
        return _number_text(value)
    except _Refusal as refusal:
        raise refusal.error("") from None


_SURELY_EXACT = 10**MAX_DIGITS
_TOO_LARGE = 10 ** (MAX_EXPONENT + 1)


def _number_text(value: float | Decimal) -> str:
    if isinstance(value, int):
        return _int_text(value)
    if isinstance(value, float):
        return _float_text(value)
    return _decimal_text(value)


def _int_text(value: int) -> str:
    if isinstance(value, bool):
        raise _Refusal("a bool is not a number; use int(value)")
    # The bound comes first: Python refuses to write out an int of more than 4300 digits.
    if not -_TOO_LARGE < value < _TOO_LARGE:
        raise _Refusal(_MAGNITUDE)
    text = int.__repr__(value)
    if not -_SURELY_EXACT < value < _SURELY_EXACT:
        _check_digits(text.lstrip("-").rstrip("0"))
    return text


def _float_text(value: float) -> str:
    text = float.__repr__(value)
    # Without an exponent, repr gives the canonical text already, but for the ".0" of a whole number and for "-0".
    if "e" in text or "n" in text or text == "-0.0":
        return _decimal_text(Decimal(text))
    return text.removesuffix(".0")


def _decimal_text(value: Decimal) -> str:
    text = Decimal.__str__(value)
    # Digits alone, with a sign and a point among them, and few enough to be exact: only zeros can be superfluous.
    if len(text) <= MAX_DIGITS and not text.strip("-.0123456789"):
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    negative, digits, exponent = _significant(value)
    if not digits:
        return "0"
    _check_digits(digits)
    if not MIN_EXPONENT <= exponent + len(digits) - 1 <= MAX_EXPONENT:
        raise _Refusal(_MAGNITUDE)
    return ("-" if negative else "") + _plain(digits, exponent)


_MAGNITUDE = "DynamoDB stores magnitudes from 1E-130 to 9.99E+125, and zero; store a larger or smaller number as text"


def _check_digits(digits: str) -> None:
    if len(digits) > MAX_DIGITS:
        raise _Refusal(
            f"DynamoDB stores {MAX_DIGITS} significant digits, this number has {len(digits)}; round it or store text"
        )


def _significant(value: Decimal) -> tuple[bool, str, int]:
    """Sign, significant digits and the exponent of the last one; no digits for zero."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise _Refusal("NaN and infinities cannot be stored; use None or text")
    text = "".join(map(str, digits)).lstrip("0")
    trimmed = text.rstrip("0")
    return bool(sign), trimmed, exponent + len(text) - len(trimmed)


def _significant_text(text: str) -> tuple[bool, str, int]:
    """As `_significant`, of a number's text; without making a number of it where it is in the form that we write."""
    whole, _, fraction = text.removeprefix("-").partition(".")
    digits = whole + fraction
    if not digits.isdigit():
        return _significant(Decimal(text))
    trimmed = digits.rstrip("0")
    return text[0] == "-", trimmed.lstrip("0"), len(digits) - len(trimmed) - len(fraction)


def _plain(digits: str, exponent: int) -> str:
    if exponent >= 0:
        return digits + "0" * exponent
    whole = len(digits) + exponent
    if whole > 0:
        return f"{digits[:whole]}.{digits[whole:]}"
    return "0." + "0" * -whole + digits


def encode(value: object, path: str = "", converters: Converters = _NO_CONVERTERS) -> AttributeValue:
    """The attribute value of plain data: scalars, enums, UUIDs, moments, addresses, paths, sets, lists, mappings and
    dataclass instances, nested up to `MAX_DEPTH`.

    `path` is where the value stands, for messages. `converters` says how a foreign type becomes plain data; the one
    listed for the type, or for the nearest of its base classes, is used, and may return NotImplemented. An empty set
    becomes an empty list. Raises `InvalidValue`.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
    """
    try:
        if type(value) is str and value.isascii():
            return {"S": value}
        return _encode(value, converters, 0)
    except _Refusal as refusal:
        raise refusal.error(path) from None


def is_empty_set(value: object) -> bool:
    """Whether this is a set that DynamoDB cannot store, and which an item leaves out instead."""
    return isinstance(value, (set, frozenset)) and not value


def _encode(value: object, converters: Converters, level: int) -> AttributeValue:
    kind: type = type(value)
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        if converters:
            convert = _converter_for(kind, converters)
            if convert is not None:
                return _encode_converted(value, convert(value), converters, level)
        encoder = _encoder_for(kind)
    return encoder(value, converters, level)


def _converter_for(kind: type, converters: Converters) -> Callable[[Any], object] | None:
    # The nearest base wins: a converter for a class of one's own beats the built-in type below it, and is itself
    # beaten by a built-in type between the two.
    for base in kind.__mro__:
        if base in converters:
            return converters[base]
        if base in _ENCODERS:
            return None
    return None


def _encode_converted(value: object, plain: object, converters: Converters, level: int) -> AttributeValue:
    if plain is NotImplemented:
        return _refuse(value, converters, level)
    if type(plain) is type(value):
        raise _Refusal(f"the converter of {_name(type(value))} returned that type again; return plain data")
    return _encode(plain, converters, level)


@lru_cache(maxsize=1024)
def _encoder_for(kind: type) -> _Encoder:
    # Before the bases: `class Color(str, Enum)` is found under `str` first, but its value need not be that text.
    if issubclass(kind, Enum):
        return _encode_enum
    for base in kind.__mro__:
        if base in _ENCODERS:
            return _ENCODERS[base]
    if is_dataclass(kind):
        return _encode_dataclass
    if issubclass(kind, Mapping):
        return _encode_mapping
    return _refuse


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _refuse(value: object, converters: Converters, level: int) -> AttributeValue:
    raise _Refusal(
        f"the type {_name(type(value))} cannot be stored; convert it to plain data, or give its type a serializer"
    )


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Refusal("text with a lone surrogate has no UTF-8 form; decode it properly, or store bytes") from None
    return str.__str__(value)


def _encode_none(value: None, converters: Converters, level: int) -> AttributeValue:
    return {"NULL": True}


def _encode_bool(value: bool, converters: Converters, level: int) -> AttributeValue:
    return {"BOOL": value}


def _encode_text(value: str, converters: Converters, level: int) -> AttributeValue:
    return {"S": _text(value)}


def _encode_as_text(value: object, converters: Converters, level: int) -> AttributeValue:
    return {"S": _text(str(value))}


def _encode_int(value: int, converters: Converters, level: int) -> AttributeValue:
    return {"N": int.__repr__(value) if -_SURELY_EXACT < value < _SURELY_EXACT else _int_text(value)}


def _encode_float(value: float, converters: Converters, level: int) -> AttributeValue:
    return {"N": _float_text(value)}


def _encode_decimal(value: Decimal, converters: Converters, level: int) -> AttributeValue:
    return {"N": _decimal_text(value)}


def _encode_binary(value: bytes | bytearray | memoryview, converters: Converters, level: int) -> AttributeValue:
    return {"B": bytes(value)}


def _encode_enum(value: Enum, converters: Converters, level: int) -> AttributeValue:
    return _encode(value.value, converters, level)


def _encode_datetime(value: datetime, converters: Converters, level: int) -> AttributeValue:
    offset = value.utcoffset()
    if offset is None:
        raise _Refusal("a naive datetime does not name a moment; give it a tzinfo, such as datetime.UTC")
    try:
        moment = value.astimezone(UTC) if offset else value
    except OverflowError:
        raise _Refusal("this moment is outside the years 1 to 9999 in UTC") from None
    # What isoformat() writes, at half its price: it asks for the offset again.
    return {
        "S": _MOMENT
        % (
            moment.year,
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second,
            moment.microsecond,
        )
    }


_MOMENT = "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ"


def _encode_date(value: date, converters: Converters, level: int) -> AttributeValue:
    return {"S": date.isoformat(value)}


def _encode_time(value: time, converters: Converters, level: int) -> AttributeValue:
    return {"S": time.isoformat(value, timespec="microseconds")}


def _encode_timedelta(value: timedelta, converters: Converters, level: int) -> AttributeValue:
    microseconds = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    return {"N": _decimal_text(Decimal(f"{microseconds}E-6"))}


def _encode_list(value: list[object] | tuple[object, ...], converters: Converters, level: int) -> AttributeValue:
    level = _deeper(level)
    members: list[AttributeValue] = []
    for member in value:
        try:
            plain = type(member) is str and member.isascii()
            members.append({"S": member} if plain else _encode(member, converters, level))
        except _Refusal as refusal:
            refusal.steps.append(f"[{len(members)}]")
            raise
    return {"L": members}


def _encode_mapping(value: Mapping[object, object], converters: Converters, level: int) -> AttributeValue:
    level = _deeper(level)
    members: Item = {}
    for key, member in value.items():
        name = key if type(key) is str and key.isascii() else _member_name(key)
        if not name:
            raise _Refusal("a map's keys are attribute names, and those cannot be empty")
        if name in members:
            raise _Refusal(f"two keys are both stored as {name!r}; use text keys only")
        try:
            plain = type(member) is str and member.isascii()
            members[name] = {"S": member} if plain else _encode(member, converters, level)
        except _Refusal as refusal:
            refusal.steps.append(f".{name}")
            raise
    return {"M": members}


def member_name(key: object) -> str:
    """The name that a map's key has in a document: the text that it is, or is stored as, and `"7"` for 7. Raises
    `InvalidValue`."""
    try:
        return _member_name(key)
    except _Refusal as refusal:
        raise refusal.error("") from None


def _member_name(key: object) -> str:
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return _text(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return int.__repr__(key)
    [(tag, payload)] = _encode(key, _NO_CONVERTERS, 0).items()
    if tag == "S":
        return str(payload)
    raise _Refusal(f"a map's keys are text; convert the {_name(type(key))} key to str")


def _encode_dataclass(value: Any, converters: Converters, level: int) -> AttributeValue:
    return _encode_mapping({each.name: getattr(value, each.name) for each in fields(value)}, converters, level)


def _encode_set(value: set[object] | frozenset[object], converters: Converters, level: int) -> AttributeValue:
    if not value:
        # DynamoDB has no empty set. Inside a list or a map the place has to be kept, and of all the values that keep
        # it the empty list is the one that pydantic reads back as an empty set, where NULL would be refused.
        return _encode_list([], converters, level)
    kinds = set(map(type, value))
    if kinds == _TEXT_ONLY:
        return {"SS": sorted(map(_text, cast("set[str]", value)))}
    if kinds == _INTS_ONLY:
        return {"NS": sorted(map(_int_text, cast("set[int]", value)))}
    tags: set[str] = set()
    members: set[str | bytes] = set()
    for member in value:
        [(tag, payload)] = _encode(member, converters, level).items()
        if tag not in _SET_TAGS:
            raise _Refusal(f"a set holds text, numbers or binary, not {_name(type(member))}; use a list")
        tags.add(tag)
        members.add(payload)
    if len(tags) > 1:
        raise _Refusal("a set holds members of one type, this one mixes text, numbers or binary; use a list")
    # Sorted, because the order of a Python set changes from process to process and equal requests shall be equal.
    return {_SET_TAGS[tags.pop()]: sorted(cast("set[str]", members))}


_TEXT_ONLY: set[type] = {str}
_INTS_ONLY: set[type] = {int}
_SET_TAGS = {"S": "SS", "N": "NS", "B": "BS"}


def _deeper(level: int) -> int:
    if level >= MAX_DEPTH:
        raise _Refusal(
            f"DynamoDB stores at most {MAX_DEPTH} lists and maps inside each other; flatten the value or store JSON"
        )
    return level + 1


_ENCODERS: dict[type, _Encoder] = {
    type(None): _encode_none,
    bool: _encode_bool,
    str: _encode_text,
    int: _encode_int,
    float: _encode_float,
    Decimal: _encode_decimal,
    bytes: _encode_binary,
    bytearray: _encode_binary,
    memoryview: _encode_binary,
    list: _encode_list,
    tuple: _encode_list,
    dict: _encode_mapping,
    set: _encode_set,
    frozenset: _encode_set,
    UUID: _encode_as_text,
    datetime: _encode_datetime,
    date: _encode_date,
    time: _encode_time,
    timedelta: _encode_timedelta,
    IPv4Address: _encode_as_text,
    IPv6Address: _encode_as_text,
    IPv4Network: _encode_as_text,
    IPv6Network: _encode_as_text,
    PurePath: _encode_as_text,
}


def decode(av: AttributeValue) -> object:
    """The plain data of an attribute value: str, int where the number has no point or exponent else Decimal, bytes,
    bool, None, list, dict, and sets of str, of int and Decimal, or of bytes. Raises `InvalidItem`."""
    try:
        [(tag, payload)] = av.items()
        decoder = _DECODERS[tag]
    except (ValueError, KeyError):
        raise InvalidItem(f"an attribute value has exactly one type, one of {', '.join(_DECODERS)}") from None
    return decoder(payload)


def decode_item(item: Item) -> dict[str, object]:
    """The plain data of every attribute, by attribute name. Raises `InvalidItem`."""
    return {name: av["S"] if "S" in av and len(av) == 1 else decode(av) for name, av in item.items()}


def decode_number(text: str) -> int | Decimal:
    """The number that a text stands for: an int where it has no point or exponent. Raises `InvalidItem`."""
    if "." in text:  # an exception costs more than the rest
        return _decode_decimal(text)
    try:
        return int(text)
    except ValueError:
        return _decode_decimal(text)


def _decode_decimal(text: str) -> Decimal:
    # A program that switched decimal's traps off gets NaN here instead of an exception.
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise InvalidItem("a stored number is not a number")
    return value


def decode_list(payload: list[AttributeValue]) -> list[object]:
    """The plain data of a list's members. Raises `InvalidItem`."""
    return [av["S"] if "S" in av and len(av) == 1 else decode(av) for av in payload]


def _decode_same(payload: object) -> object:
    return payload


def _decode_null(payload: object) -> None:
    return None


def decode_numbers(payload: list[str]) -> set[int | Decimal]:
    """The members of a set of numbers. Raises `InvalidItem`."""
    return {decode_number(text) for text in payload}


_DECODERS: dict[str, Callable[[Any], object]] = {
    "S": _decode_same,
    "N": decode_number,
    "B": bytes,
    "BOOL": _decode_same,
    "NULL": _decode_null,
    "L": decode_list,
    "M": decode_item,
    "SS": set,
    "NS": decode_numbers,
    "BS": set,
}


def same(a: AttributeValue | None, b: AttributeValue | None) -> bool:
    """Whether DynamoDB holds the two equal: numbers by value, sets in any order, lists and maps by their members.
    None is an absent attribute, equal to nothing but itself."""
    if a == b:
        return True
    if a is None or b is None or a.keys() != b.keys():
        return False
    [(tag, left)] = a.items()
    compare = _COMPARISONS.get(tag)
    return compare is not None and compare(left, b[tag])


def _same_numbers(left: str, right: str) -> bool:
    return Decimal(left) == Decimal(right)


def _same_members(left: list[str | bytes], right: list[str | bytes]) -> bool:
    return set(left) == set(right)


def _same_number_members(left: list[str], right: list[str]) -> bool:
    return set(map(Decimal, left)) == set(map(Decimal, right))


def _same_lists(left: list[AttributeValue], right: list[AttributeValue]) -> bool:
    return len(left) == len(right) and all(map(same, left, right))


def _same_maps(left: Item, right: Item) -> bool:
    return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "N": _same_numbers,
    "SS": _same_members,
    "NS": _same_number_members,
    "BS": _same_members,
    "L": _same_lists,
    "M": _same_maps,
}


def depth_of(av: AttributeValue) -> int:
    """How many lists and maps stand inside each other, 0 for a scalar or a set; an item takes up to `MAX_DEPTH`."""
    if "L" in av:
        return 1 + max(map(depth_of, av["L"]), default=0)
    if "M" in av:
        return 1 + max(map(depth_of, av["M"].values()), default=0)
    return 0


def size_bound(item: Item) -> int:
    """A number of bytes that the item's size does not exceed, for less than half of what its size takes to tell.

    It is the length of what `marshal` writes: every text as its UTF-8 bytes, and more than three bytes more for each
    value, be it a number or a container. (Version 2 of its format writes equal texts again, where later ones refer.)
    """
    try:
        return len(marshal.dumps(item, 2))
    except ValueError:  # something in it is of no built-in type
        return item_size(item)


def item_size(item: Item) -> int:
    """The bytes that an item counts towards `MAX_ITEM_SIZE`, names included.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    size = 0
    for name, av in item.items():
        text = av.get("S")
        size += len(name) if name.isascii() else len(name.encode())
        # Most values are text; the rest is asked for its size.
        size += len(text) if text is not None and text.isascii() else _value_size(av)
    return size


def _value_size(av: AttributeValue) -> int:
    [(tag, payload)] = av.items()
    if tag == "S" and payload.isascii():
        return len(payload)
    return _SIZES[tag](payload)


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _number_size(text: str) -> int:
    # The page says "approximately one byte per two significant digits, and one more". DynamoDB Local shows what is
    # meant: the pairs are the digits of base 100, so they are aligned at the point ("1.5" takes two of them), the one
    # more is sign and exponent, and a negative number has an end mark, unless it has all 20 pairs.
    if text.isdigit() and text[0] != "0":
        length = len(text)
        return (length - 1) // 2 - (length - len(text.rstrip("0"))) // 2 + 2
    negative, digits, exponent = _significant_text(text)
    if not digits:
        return 1
    pairs = (exponent + len(digits) - 1) // 2 - exponent // 2 + 1
    return min(1 + pairs + negative, 21)


def _texts_size(payload: list[str]) -> int:
    return sum(map(_text_size, payload))


def _numbers_size(payload: list[str]) -> int:
    return sum(map(_number_size, payload))


def _binaries_size(payload: list[bytes]) -> int:
    return sum(map(len, payload))


def _list_size(payload: list[AttributeValue]) -> int:
    return 3 + len(payload) + sum(map(_value_size, payload))


def _map_size(payload: Item) -> int:
    return 3 + len(payload) + item_size(payload)


def _flag_size(payload: bool) -> int:
    return 1


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": _text_size,
    "N": _number_size,
    "B": len,
    "BOOL": _flag_size,
    "NULL": _flag_size,
    "L": _list_size,
    "M": _map_size,
    "SS": _texts_size,
    "NS": _numbers_size,
    "BS": _binaries_size,
}
