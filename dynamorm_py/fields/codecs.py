"""From Python values to attribute values and back, one codec for each field.

What a user hands in for a field (an operand, a key, a new value) goes through pydantic's serializer and validator of
that very field, so that converters, `Annotated` validators and decorated serializers apply everywhere alike, and then
through `core.values`.

A value may come as an instance holds it (`User.payload == user.payload`) or as the constructor takes it
(`User.day == "2024-05-06"`). The first reading wins where both are possible: it is what the field's type says, and the
two differ only for types whose stored form is not valid input or means something else as such (`Json`, `Base64Str`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache, cached_property
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from dynamorm_py.core.errors import InvalidItem, InvalidOperation, InvalidValue
from dynamorm_py.core.values import decode, encode, member_name
from dynamorm_py.core.wire import AttributeValue
from dynamorm_py.fields.annotations import allows_none, child_of, is_map, is_set, item_of, unwrapped
from dynamorm_py.fields.parts import FieldPart, TypePart
from dynamorm_py.fields.revival import Reviver, reviver

if TYPE_CHECKING:
    from dynamorm_py.fields.parts import Part

# What `decode` returns where there is no value: None may be one.
ABSENT = object()


if TYPE_CHECKING:
    # A Protocol takes longer to make than a record, and nothing but type checkers asks for this one.
    class Codec(Protocol):
        """Encodes operands for one path, and decodes what stands there. `plain` takes a value as it is: a text's
        beginning is not a whole text. `decode` takes None for an absent attribute, and returns `ABSENT` where that has
        no value."""

        def encode(self, value: object) -> AttributeValue: ...
        def compared(self, value: object) -> AttributeValue: ...
        def plain(self, value: object) -> AttributeValue: ...
        def decode(self, value: AttributeValue | None) -> object: ...
        def takes_none(self) -> bool: ...
        def is_whole(self) -> bool: ...
        def segment(self, key: object) -> str | int: ...
        def item(self, index: int | None = None) -> Codec: ...
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
    if isinstance(value, Collection):
        return list(value)
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError:
        return NotImplemented


class PlainCodec:
    """For paths of which no type is known, as `attr("a", "b")` makes them."""

    __slots__ = ("_model", "_name")

    def __init__(self, name: str = "", model: str | None = None) -> None:
        self._name = name
        self._model = model

    def encode(self, value: object) -> AttributeValue:
        return encoded(value, self._name, self._model)

    compared = plain = encode

    def decode(self, value: AttributeValue | None) -> object:
        return None if value is None else decode(value)

    def takes_none(self) -> bool:
        return True

    def is_whole(self) -> bool:
        return False

    def segment(self, key: object) -> str | int:
        if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)):
            return key
        raise InvalidOperation(f"{self._name} is indexed with a name or a number, not with {key!r}", model=self._model)

    def item(self, index: int | None = None) -> Codec:
        return self

    def child(self, name: str) -> Codec:
        return self


class TypedCodec:
    """For a value of a known type; `name` and `owner` say what it is a part of, for messages."""

    def __init__(self, name: str, owner: str) -> None:
        self._name = name
        self._owner = owner
        self._inner: dict[str | int | None, Codec] = {}

    @cached_property
    def _annotation(self) -> Any:  # whatever an annotation can be
        raise NotImplementedError

    @cached_property
    def _part(self) -> Part:
        raise NotImplementedError

    def encode(self, value: object) -> AttributeValue:
        """The attribute value of a value that the type and its constraints accept. Raises `InvalidValue`."""
        if type(value) is str and self._untouched is str and value.isascii():
            return {"S": value}  # as most keys and operands are
        if self._is_untouched(value):
            return self._encoded(value)
        try:
            plain = self._settled(value)
        except ValidationError as error:
            raise self._invalid(error) from error
        return self._checked(value, self._encoded(plain))

    def compared(self, value: object) -> AttributeValue:
        """As `encode`, but a value of the right type that the constraints exclude may be compared with."""
        if self._is_untouched(value):
            return self._encoded(value)
        try:
            plain = self._settled(value)
        except ValidationError as error:
            try:
                plain = self._part.dump(value)
            except PydanticSerializationError:
                raise self._invalid(error) from error
        return self._checked(value, self._encoded(plain))

    def plain(self, value: object) -> AttributeValue:
        return encoded(value, self._name, self._owner)

    def decode(self, value: AttributeValue | None) -> object:
        if value is None and not self.takes_none():
            return self._valid(set()) if is_set(self._annotation) else ABSENT
        return self._valid(None if value is None else self.decoded(value))

    def takes_none(self) -> bool:
        return allows_none(self._annotation)

    def is_whole(self) -> bool:
        """Whether only whole numbers are values of the type."""
        return self._is(int)

    def segment(self, key: object) -> str | int:
        """What stands in a document path for a subscript: `scores[7]` is a name if `scores` is a dict."""
        if is_map(self._annotation):
            return member_name(key)
        return PlainCodec(self._name, self._owner).segment(key)

    def item(self, index: int | None = None) -> Codec:
        """The codec of what a list, set, tuple or map holds."""
        if index not in self._inner:
            annotation = item_of(self._annotation, index)
            self._inner[index] = (
                PlainCodec(f"{self._name}[]", self._owner)
                if annotation is None
                else TypeCodec(annotation, f"{self._name}[]", self._owner)
            )
        return self._inner[index]

    def child(self, name: str) -> Codec:
        """The codec of a map's entry: a nested model's field, or a dict's value."""
        if is_map(self._annotation):
            return self.item()
        if name not in self._inner:
            self._inner[name] = self._entry(name)
        return self._inner[name]

    def _entry(self, name: str) -> Codec:
        inner = unwrapped(self._annotation)
        path = f"{self._name}.{name}"
        if isinstance(inner, type) and issubclass(inner, BaseModel) and name in inner.model_fields:
            return FieldCodec(inner, name, path=path, owner=self._owner)
        annotation = child_of(inner, name)
        return PlainCodec(path, self._owner) if annotation is None else TypeCodec(annotation, path, self._owner)

    def _is_untouched(self, value: object) -> bool:
        """Whether pydantic would hand the value back as it is: asking it takes ten times as long."""
        # Text can hold surrogates, which pydantic refuses in its own words.
        return type(value) is self._untouched and (type(value) is not str or value.isascii())

    @cached_property
    def _untouched(self) -> type | None:
        return self._part.untouched()

    def _settled(self, value: object) -> object:
        """The plain data that is stored for a value, as the type's own validator reads it back."""
        try:
            plain = self._part.dump(value)
            valid = self._validated(plain)
            return plain if valid is plain else self._part.dump(valid)
        except (ValidationError, PydanticSerializationError):
            valid = self._validated(value, by_alias=True)
        try:
            return self._part.dump(valid)
        except PydanticSerializationError as error:
            raise InvalidValue(f"{self._name}: {serializing(error)}", model=self._owner) from error

    def _validated(self, value: object, *, by_alias: bool = False) -> object:
        try:
            return self._part.validate(value, by_alias=by_alias)
        except KeyError as error:  # `info.data["other"]`
            raise InvalidValue(
                f"{self._name}: its validator needs the field {error}, which is not known here: load the item, change "
                "it and save() it",
                model=self._owner,
            ) from error

    def _valid(self, data: object) -> object:
        try:
            return self._part.validate(data)
        except ValidationError as error:
            message = f"a stored item does not fit the model: {self._invalid(error).message}"
            raise InvalidItem(message, model=self._owner) from error

    def _invalid(self, error: ValidationError) -> InvalidValue:
        return invalid(self._name, error, self._owner, self._part.depth)

    def _encoded(self, plain: object) -> AttributeValue:
        return encoded(plain, self._name, self._owner)

    def decoded(self, value: AttributeValue) -> object:
        """The plain data of an attribute value, as the validator takes it."""
        plain = decode(value)
        return plain if self._revive is None else self._revive(plain)

    def is_revived(self) -> bool:
        """Whether `decoded` gives more than what DynamoDB's own types say."""
        return self._revive is not None

    @cached_property
    def _revive(self) -> Reviver | None:
        return reviver(self._annotation)

    def _is(self, kind: type) -> bool:
        found = unwrapped(self._annotation)
        return isinstance(found, type) and issubclass(found, kind)

    def _checked(self, value: object, stored: AttributeValue) -> AttributeValue:
        """Refuses what pydantic, which takes True for 1, let through."""
        members = value if isinstance(value, set | frozenset) and "NS" in stored else (value,)
        if ("N" in stored or "NS" in stored) and any(isinstance(member, bool) for member in members):
            raise InvalidValue(f"{self._name}: a bool is not a number; use int(value)", model=self._owner)
        return stored


class TypeCodec(TypedCodec):
    """For a part of a document: an element of a list, a value of a map, an entry of a TypedDict."""

    def __init__(self, annotation: Any, name: str, owner: str) -> None:  # whatever an annotation can be
        super().__init__(name, owner)
        self._given = annotation

    @cached_property
    def _annotation(self) -> Any:
        return self._given

    @cached_property
    def _part(self) -> Part:
        return TypePart(self._given)


class FieldCodec(TypedCodec):
    """For a field of a model class; `epoch` for a time to live, which is stored as whole seconds. `path` and `owner`
    say where a nested model's field stands, for messages."""

    def __init__(
        self,
        model: type[BaseModel],
        field: str,
        *,
        epoch: bool = False,
        path: str | None = None,
        owner: str | None = None,
    ) -> None:
        super().__init__(path or field, owner or model.__name__)
        self._model = model
        self._field = field
        self._epoch = epoch

    @cached_property
    def _part(self) -> Part:
        if self._model.model_fields[self._field].exclude:
            raise InvalidOperation(f"{self._name} is excluded from what is stored", model=self._owner)
        return FieldPart(self._model, self._field)

    @cached_property
    def _annotation(self) -> Any:
        return self._model.model_fields[self._field].annotation

    def decode(self, value: AttributeValue | None) -> object:
        """The field's value as the model itself would read it, but for defaults other than None and an empty set."""
        data = None if value is None else self.decoded(value)
        info = self._model.model_fields[self._field]
        if data is None and not self.takes_none():
            if not is_set(info.annotation):
                return ABSENT
            data = set()
        if value is None and not info.is_required() and data is None:
            return None if info.default_factory is None and info.default is None else ABSENT
        return self._valid(data)

    def _encoded(self, plain: object) -> AttributeValue:
        if self._epoch and isinstance(plain, datetime):
            return epoch(plain, self._name, self._owner)
        return super()._encoded(plain)

    def is_revived(self) -> bool:
        return self._epoch or super().is_revived()

    def decoded(self, value: AttributeValue) -> object:
        return from_epoch(value, self._name) if self._epoch and self._is(datetime) else super().decoded(value)


def encoded(value: object, name: str, model: str | None = None) -> AttributeValue:
    """`core.values.encode`, for pydantic's types too, with the model in its errors."""
    try:
        return encode(value, name, converters())
    except InvalidOperation as error:
        raise error.about(model) from error.__cause__


def epoch(moment: datetime, name: str, model: str | None = None) -> AttributeValue:
    """Whole seconds since 1970, rounded up, so that nothing expires before its time."""
    if moment.tzinfo is None:
        raise InvalidValue(
            f"{name}: a naive datetime does not name a moment; give it a tzinfo, such as datetime.UTC", model=model
        )
    return {"N": str(ceil(moment.timestamp()))}


def from_epoch(value: AttributeValue, name: str) -> object:
    """The datetime that `epoch` stored; what is no number of seconds is left to pydantic. Raises `InvalidItem`."""
    if not value.get("N", "").lstrip("-").isdigit():
        return decode(value)
    try:
        return datetime.fromtimestamp(int(value["N"]), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidItem(
            f"{name}: a time to live is in seconds since 1970, and {value['N']} is out of range"
        ) from error


def invalid(name: str, error: ValidationError, model: str | None = None, depth: int = 0) -> InvalidValue:
    """pydantic's error as ours: its rules, but never the value itself, which may be a secret. `name` stands for the
    first `depth` steps of its locations."""
    problems = "; ".join(
        ".".join(str(part) for part in (name, *problem["loc"][depth:])) + f": {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    )
    return InvalidValue(problems, model=model)


def serializing(error: PydanticSerializationError) -> str:
    """What a serializer complained of, without the value, which pydantic's warnings quote."""
    text = str(error)
    return "the value is of another type than its annotation's" if "input_value=" in text else text
