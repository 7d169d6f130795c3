"""Keys: the limits that DynamoDB sets, and the templates that put several fields into one key attribute.

Everything here works on attribute values, so a value has been through its field's codec before it comes here.

A template such as `TENANT#{tenant_id}#ORDER#{placed_at}` writes its fields *injectively* and *in order*. The argument:
`#` (U+0023) separates, and an encoded part consists of `$` (U+0024) and of characters above it only. So the parts can
be told apart, two tuples never share a key, and where one part ends and the other goes on, the one that ended meets
`#`, or the end of the key, which both sort below whatever the other goes on with: tuples sort as their parts do. Code
points sort as UTF-8 bytes do, and those are what DynamoDB compares.

What the parts look like (each keeps the order of its type):

====  ===============================================================  ==========================
S     characters up to `$` become `$` and two lowercase hex digits     `a b`  → `a$20b`
N     `p`, exponent + 500, digits                                      `12.5` → `p501125`
      `o`                                                              `0`    → `o`
      `n`, 499 - exponent, nine's complement of the digits, `~`        `-12.5` → `n498874~`
B     two lowercase hex digits a byte                                  `b"\\x01\\xff"` → `01ff`
BOOL  `0` or `1`                                                       true   → `1`
====  ===============================================================  ==========================

The exponent is the one of d.ddd * 10**e, in three digits; the digits carry no trailing zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Self, TypeAlias

from dynamorm_py.core.errors import InvalidKey, InvalidModel, InvalidValue
from dynamorm_py.core.records import Record
from dynamorm_py.core.values import encode_number
from dynamorm_py.core.wire import AttributeValue

# Bytes; https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_PARTITION_KEY = 2048
MAX_SORT_KEY = 1024

# What a character takes in UTF-8 at most.
_MOST_BYTES = 4

_DELIMITER = "#"

# The payload's type depends on the tag the function is listed under.
_Encoders: TypeAlias = Mapping[str, Callable[[Any], str]]
_Decoders: TypeAlias = Mapping[str, Callable[[str], Any]]


def check_key_value(av: AttributeValue, attribute: str, expected_type: str, limit: int) -> None:
    """Raises `InvalidKey` for a value that DynamoDB refuses in a key of a table or an index: one of another type than
    `expected_type` ("S", "N" or "B"), an empty one, or one of more than `limit` bytes (numbers have no such limit).
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    """
    text = av.get("S")
    if text and expected_type == "S" and len(text) * _MOST_BYTES <= limit:
        return  # most keys are, and need not be written out to be measured
    [(tag, payload)] = av.items()
    if tag != expected_type:
        raise InvalidKey(f"{attribute}: this key attribute is of type {expected_type}, the value is of type {tag}")
    if tag == "N":
        return
    if not payload:
        raise InvalidKey(f"{attribute}: a key attribute cannot be empty")
    size = len(payload if tag == "B" else payload.encode())
    if size > limit:
        raise InvalidKey(f"{attribute}: a key value takes at most {limit} bytes, this one has {size}; shorten it")


def encode_part(av: AttributeValue) -> str:
    """The text of one template field: injective, and in the order of its type. No character of it is below `$`.
    Raises `InvalidKey` for an empty value and for types that have no order of their own."""
    return _encode(av, _ENCODERS)


def decode_part(text: str, expected_type: str) -> AttributeValue:
    """The inverse of `encode_part` for a field of type "S", "N", "B" or "BOOL". Raises `InvalidKey` for any text
    that `encode_part` does not produce."""
    return _decode(text, expected_type, _DECODERS, _ENCODERS)


def _encode(av: AttributeValue, encoders: _Encoders) -> str:
    [(tag, payload)] = av.items()
    encoder = encoders.get(tag)
    if encoder is None:
        raise InvalidKey(f"a template field is of type {', '.join(encoders)}, not {tag}")
    text = encoder(payload)
    if not text:
        raise InvalidKey("a template field cannot be empty")
    return text


def _decode(text: str, tag: str, decoders: _Decoders, encoders: _Encoders) -> AttributeValue:
    decoder = decoders.get(tag)
    if decoder is None:
        raise InvalidKey(f"a template field is of type {', '.join(decoders)}, not {tag}")
    try:
        av = {tag: decoder(text)}
        # Encoding again is what makes the decoders strict: they may read more than one spelling of a value, but only
        # the one that is written passes.
        if _encode(av, encoders) == text:
            return av
    except ValueError:
        pass
    raise InvalidKey(f"no value of type {tag} is written as {text!r} in a key")


# Patterns stand here as text: `re` compiles one when it is first used, and keeps it. Most models have no templates.
_ESCAPES = {code: f"${code:02x}" for code in range(ord("$") + 1)}
_ESCAPE = r"\$([0-9a-f]{2})"


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _unescape(text: str) -> str:
    return re.sub(_ESCAPE, lambda match: chr(int(match[1], 16)), text)


_BIAS = 500
_COMPLEMENT = str.maketrans("0123456789", "9876543210")


def _canonical(text: str) -> str:
    try:
        return encode_number(Decimal(text))
    except (InvalidOperation, InvalidValue) as error:
        raise InvalidKey(f"{text!r} is not a number that DynamoDB stores") from error


def _encode_number(text: str) -> str:
    canonical = _canonical(text)
    if canonical == "0":
        return "o"
    biased = Decimal(canonical).adjusted() + _BIAS
    digits = canonical.removeprefix("-").replace(".", "").strip("0")
    if canonical.startswith("-"):
        # A longer negative number of the same digits is the smaller one; the end mark, above all digits, says so.
        return "n" + f"{biased}{digits}".translate(_COMPLEMENT) + "~"
    return f"p{biased}{digits}"


_NUMBER = r"(?:p(?P<positive>[0-9]{4,})|n(?P<negative>[0-9]{4,})~|o)"


def _decode_number(text: str) -> str:
    match = re.fullmatch(_NUMBER, text)
    if match is None:
        raise InvalidKey(f"{text!r} is not a number in a key")
    if text == "o":
        return "0"
    sign = "-" if match["negative"] else ""
    body = match["positive"] or match["negative"].translate(_COMPLEMENT)
    exponent, digits = int(body[:3]) - _BIAS, body[3:]
    return _canonical(f"{sign}{digits[0]}.{digits[1:]}E{exponent}")


def _encode_flag(value: bool) -> str:
    return "1" if value else "0"


def _decode_flag(text: str) -> bool:
    return text == "1"


_ENCODERS: _Encoders = {"S": _escape, "N": _encode_number, "B": bytes.hex, "BOOL": _encode_flag}
_DECODERS: _Decoders = {"S": _unescape, "N": _decode_number, "B": bytes.fromhex, "BOOL": _decode_flag}
# For keys that others wrote: text verbatim, numbers as DynamoDB writes them.
_RAW_ENCODERS: _Encoders = {**_ENCODERS, "S": str, "N": _canonical}
_RAW_DECODERS: _Decoders = {**_DECODERS, "S": str, "N": _canonical}

_FIELD = r"\{([^{}]*)\}"


class Template(Record):
    """A key's text with fields in it: `literals[0]`, the first field, `literals[1]`, the second field, and so on; made
    by `Template.parse`."""

    text: str
    fields: tuple[str, ...]
    literals: tuple[str, ...]
    raw: bool = False

    @classmethod
    def parse(cls, text: str, *, raw: bool = False) -> Self:
        """The template that `text` spells: segments separated by `#`, each with at most one `{field}`, at its end.

        A `raw` template describes keys that others wrote: its values go in verbatim, any text separates two fields,
        and the order of the keys is whatever it happens to be. Raises `InvalidModel`.
        """
        pieces = re.split(_FIELD, text)
        literals, fields = tuple(pieces[::2]), tuple(pieces[1::2])
        _check_fields(text, fields)
        _check_literals(text, literals, raw)
        return cls(text, fields, literals, raw)

    @property
    def constant_prefix(self) -> str:
        """The text before the first field, which all keys of this template share."""
        return self.literals[0]

    def build(self, values: Mapping[str, AttributeValue]) -> str:
        """The key's text. Raises `InvalidKey` for a field that is missing or cannot stand in a key."""
        text = self.literals[0]
        for field, literal in zip(self.fields, self.literals[1:], strict=True):
            if field not in values:
                raise InvalidKey(f"{field} is missing; the key {self.text} needs {', '.join(self.fields)}")
            text += self._part(field, values[field], literal) + literal
        return text

    def prefix(self, values: Mapping[str, AttributeValue]) -> tuple[str, tuple[str, ...]]:
        """What all keys with these leading fields begin with, and the fields that were used for it.

        The text goes up to the first missing field, so the separator after the last given one is part of it, and
        `begins_with` matches exactly that value. Raises `InvalidKey` for a field given after a missing one.
        """
        text = self.literals[0]
        for index, (field, literal) in enumerate(zip(self.fields, self.literals[1:], strict=True)):
            if field not in values:
                self._check_gap(values, index)
                return text, self.fields[:index]
            text += self._part(field, values[field], literal) + literal
        return text, self.fields

    def parse_key(self, text: str, types: Mapping[str, str]) -> dict[str, AttributeValue]:
        """The fields of a key that `build` made; `types` has "S", "N", "B" or "BOOL" for each field. Raises
        `InvalidKey` for any text that `build` does not produce."""
        encoders, decoders = (_RAW_ENCODERS, _RAW_DECODERS) if self.raw else (_ENCODERS, _DECODERS)
        values: dict[str, AttributeValue] = {}
        rest = self._without(self.literals[0], text, text)
        for field, literal in zip(self.fields, self.literals[1:], strict=True):
            part = rest.partition(literal)[0] if literal else rest
            rest = self._without(literal, rest[len(part) :], text)
            try:
                values[field] = _decode(part, types[field], decoders, encoders)
            except InvalidKey as error:
                raise InvalidKey(f"{field}: {error.message}") from error
        if rest:
            raise self._stranger(text)
        return values

    def _part(self, field: str, av: AttributeValue, literal: str) -> str:
        try:
            part = _encode(av, _RAW_ENCODERS if self.raw else _ENCODERS)
        except InvalidKey as error:
            raise InvalidKey(f"{field}: {error.message}") from error
        # Looked for in both together, since `-` before `--` would make the first `--` begin one character early.
        if self.raw and literal and (part + literal).find(literal) != len(part):
            raise InvalidKey(
                f"{field}: the value could not be told from the {literal!r} that follows it in {self.text}"
            )
        return part

    def _check_gap(self, values: Mapping[str, AttributeValue], missing: int) -> None:
        for field in self.fields[missing + 1 :]:
            if field in values:
                raise InvalidKey(
                    f"{field} is given without {self.fields[missing]}, which stands before it in {self.text}"
                )

    def _without(self, literal: str, rest: str, text: str) -> str:
        if not rest.startswith(literal):
            raise self._stranger(text)
        return rest[len(literal) :]

    def _stranger(self, text: str) -> InvalidKey:
        return InvalidKey(f"{text!r} is not a key of the template {self.text}")


def _check_fields(text: str, fields: tuple[str, ...]) -> None:
    if not text:
        raise InvalidModel("a key template cannot be empty")
    for index, field in enumerate(fields):
        if not field.isidentifier():
            raise InvalidModel(f"{text}: {{{field}}} does not name a field; write one field's name between the braces")
        if field in fields[:index]:
            raise InvalidModel(f"{text}: {{{field}}} occurs twice; one place is enough to store it")


def _check_literals(text: str, literals: tuple[str, ...], raw: bool) -> None:
    if any("{" in literal or "}" in literal for literal in literals):
        raise InvalidModel(f"{text}: a brace has no partner; braces enclose field names and cannot be literal text")
    if "" in literals[1:-1]:
        raise InvalidModel(f"{text}: two fields without a separator could not be told apart; put # between them")
    if raw:
        return
    for literal in literals[1:]:
        if literal and not literal.startswith(_DELIMITER):
            raise InvalidModel(
                f"{text}: {literal!r} follows a field; only # may, since any other text would break the order of keys"
            )
