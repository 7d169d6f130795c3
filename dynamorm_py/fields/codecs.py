"""From Python values to attribute values and back, one codec for each field.

What a user hands in for a field, an operand, a key, a new value, goes through pydantic's validator and serializer of
that very field, so that converters, `Annotated` validators and decorated serializers apply everywhere alike, and then
through `core.values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from math import ceil
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaValidator, core_schema, to_jsonable_python

from dynamorm_py.core.errors import InvalidOperation, InvalidValue
from dynamorm_py.core.values import encode
from dynamorm_py.core.wire import AttributeValue


class Codec(Protocol):
    """Encodes operands for one path. `plain` takes a value as it is: a text's beginning is not a whole text."""

    def encode(self, value: object) -> AttributeValue: ...
    def compared(self, value: object) -> AttributeValue: ...
    def plain(self, value: object) -> AttributeValue: ...
    def item(self) -> Codec: ...
    def child(self, name: str) -> Codec: ...


@cache
def converters() -> Mapping[type, Any]:
    """How pydantic's own types become plain data. Whatever core.values does not know goes to pydantic last."""
    from pydantic import Secret, SecretBytes, SecretStr  # noqa: PLC0415  # a module that pydantic loads on demand, too

    def revealed(value: Any) -> object:
        return value.get_secret_value()

    return {SecretStr: revealed, SecretBytes: revealed, Secret: revealed, object: _plain}


def _plain(value: object) -> object:
    """Plain data for a type that core.values has no encoding of its own for; what holds other values is opened one
    level only, so that those keep their types."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {entry.name: getattr(value, entry.name) for entry in fields(value)}
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise InvalidValue(
            f"a {type(value).__name__} cannot be stored: give it a serializer, or store plain data"
        ) from error


class PlainCodec:
    """For paths of which no type is known, as `attr("a", "b")` makes them."""

    __slots__ = ("_name",)

    def __init__(self, name: str = "") -> None:
        self._name = name

    def encode(self, value: object) -> AttributeValue:
        return encode(value, self._name, converters())

    compared = plain = encode

    def item(self) -> Codec:
        return self

    def child(self, name: str) -> Codec:
        return self


class TypeCodec:
    """For a value of a known type inside a document: an element of a list, a value of a map, a nested model's field."""

    __slots__ = ("_annotation", "_name")

    def __init__(self, annotation: Any, name: str) -> None:  # whatever an annotation can be
        self._annotation = annotation
        self._name = name

    def encode(self, value: object) -> AttributeValue:
        adapter = _adapter(self._annotation)
        try:
            dumped = adapter.dump_python(adapter.validate_python(value, strict=False), round_trip=True)
        except ValidationError as error:
            raise invalid(self._name, error) from error
        return encode(dumped, self._name, converters())

    def compared(self, value: object) -> AttributeValue:
        adapter = _adapter(self._annotation)
        try:
            valid = adapter.validate_python(value, strict=False)
        except ValidationError as error:
            return _unvalidated(self._name, value, lambda: adapter.dump_python(value, warnings="error"), error)
        return encode(adapter.dump_python(valid, round_trip=True), self._name, converters())

    def plain(self, value: object) -> AttributeValue:
        return encode(value, self._name, converters())

    def item(self) -> Codec:
        return codec_of_item(self._annotation, self._name)

    def child(self, name: str) -> Codec:
        return codec_of_child(self._annotation, self._name, name)


class FieldCodec:
    """For a field of a model class; `epoch` for a time to live, which is stored as whole seconds."""

    __slots__ = ("_epoch", "_field", "_model", "_validator")

    def __init__(self, model: type[BaseModel], field: str, *, epoch: bool = False) -> None:
        self._model = model
        self._field = field
        self._epoch = epoch
        self._validator: SchemaValidator | None = None

    def encode(self, value: object) -> AttributeValue:
        try:
            valid = self._validate(value)
        except ValidationError as error:
            raise invalid(self._field, error, self._model.__name__) from error
        return self._encoded(valid)

    def compared(self, value: object) -> AttributeValue:
        """As `encode`, but a value of the right type that the field's constraints exclude may be compared with."""
        try:
            valid = self._validate(value)
        except ValidationError as error:
            return _unvalidated(f"{self._model.__name__}.{self._field}", value, lambda: self._dump(value), error)
        return self._encoded(valid)

    def plain(self, value: object) -> AttributeValue:
        return self._named(value)

    def item(self) -> Codec:
        return codec_of_item(self._model.model_fields[self._field].annotation, self._field)

    def child(self, name: str) -> Codec:
        return codec_of_child(self._model.model_fields[self._field].annotation, self._field, name)

    def _encoded(self, valid: object) -> AttributeValue:
        if self._epoch and isinstance(valid, datetime):
            return epoch(valid, self._field)
        return self._named(self._dump(valid))

    def _named(self, value: object) -> AttributeValue:
        try:
            return encode(value, self._field, converters())
        except InvalidOperation as error:
            raise error.about(self._model.__name__) from error.__cause__

    def _validate(self, value: object) -> Any:
        if self._validator is None:
            self._validator = _field_validator(self._model, self._field)
        return self._validator.validate_python(value, strict=False, by_name=True, by_alias=False)

    def _dump(self, value: object) -> object:
        # A serializer that decorates a method needs an instance, so the value is dumped as a field of one.
        probe = self._model.model_construct()
        vars(probe)[self._field] = value
        return probe.model_dump(include={self._field}, round_trip=True, by_alias=False, warnings="error")[self._field]


def epoch(moment: datetime, name: str) -> AttributeValue:
    """Whole seconds since 1970, rounded up, so that nothing expires before its time."""
    if moment.tzinfo is None:
        raise InvalidValue(f"{name} is a datetime without a time zone: give it one, such as timezone.utc")
    return {"N": str(ceil(moment.timestamp()))}


def from_epoch(value: AttributeValue) -> object:
    """The datetime that `epoch` stored; anything else is left to pydantic."""
    return datetime.fromtimestamp(int(value["N"]), UTC) if value.get("N", "").lstrip("-").isdigit() else None


def invalid(name: str, error: ValidationError, model: str | None = None) -> InvalidValue:
    """pydantic's error as ours: its rules, but never the value itself, which may be a secret."""
    problems = "; ".join(
        ".".join(str(part) for part in (name, *problem["loc"])) + f": {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    )
    return InvalidValue(problems, model=model)


def codec_of_item(annotation: Any, name: str) -> Codec:  # whatever an annotation can be
    """The codec of what a list, set, tuple or map holds."""
    inner = unwrapped(annotation)
    arguments = get_args(inner)
    origin = get_origin(inner)
    if origin in (list, set, frozenset) and arguments:
        return TypeCodec(arguments[0], f"{name}[]")
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return TypeCodec(arguments[0], f"{name}[]")
    if origin is dict and len(arguments) == 2:
        return TypeCodec(arguments[1], f"{name}[]")
    return PlainCodec(name)


def codec_of_child(annotation: Any, name: str, child: str) -> Codec:  # whatever an annotation can be
    """The codec of a map's entry: a nested model's field, or a dict's value."""
    inner = unwrapped(annotation)
    if isinstance(inner, type) and issubclass(inner, BaseModel) and child in inner.model_fields:
        return FieldCodec(inner, child)
    if get_origin(inner) is dict:
        return codec_of_item(inner, name)
    return PlainCodec(f"{name}.{child}")


def unwrapped(annotation: Any) -> Any:  # whatever an annotation can be
    """The annotation without `Annotated` and without None; a union of several types stays one."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
            continue
        arguments = get_args(annotation)
        if type(None) in arguments and _is_union(annotation):
            rest = tuple(argument for argument in arguments if argument is not type(None))
            annotation = Union[rest]  # noqa: UP007  # the members are known at run time only
            continue
        return annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _unvalidated(name: str, value: object, dump: Any, error: ValidationError) -> AttributeValue:
    try:
        dumped = dump()
    except PydanticSerializationError:
        raise invalid(name, error) from error
    return encode(dumped, name, converters())


def _field_validator(model: type[BaseModel], field: str) -> SchemaValidator:
    """A validator of one field, decorated validators included: the part of the model's schema that is about it."""
    model.model_rebuild()
    root: Any = model.__pydantic_core_schema__
    definitions = {entry["ref"]: entry for entry in root.get("definitions", ())}
    schema = root
    config = None
    while schema["type"] != "model-fields":
        if schema["type"] == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        else:
            config = schema.get("config", config)
            schema = schema["schema"]
    part = schema["fields"][field]["schema"]
    if definitions:
        part = core_schema.definitions_schema(part, list(definitions.values()))
    return SchemaValidator(part, config)
