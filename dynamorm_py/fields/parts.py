"""The part of a pydantic schema that is about one value: a field of a model, or a type inside a document.

A part checks and dumps exactly as the whole model would: with the model's configuration, the field's constraints, and
its decorated or annotated validators and serializers. What it leaves out is what is not about the value itself: the
field's alias, `exclude`, and a serializer of the model as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict
from pydantic_core import SchemaSerializer, SchemaValidator, core_schema
from typing_extensions import is_typeddict

from dynamorm_py.fields.annotations import bare

if TYPE_CHECKING:
    from pydantic import TypeAdapter

# Where a schema names a class that has a serializer, pydantic takes that one, whatever the schema says. This class has
# none, and every model is an instance of it.
_ANY_MODEL = BaseModel

# The core schemas that take values of a type as they are, and dump them so, by themselves.
_UNTOUCHED: Mapping[str, type] = {"str": str, "int": int, "bool": bool}


if TYPE_CHECKING:
    # A Protocol takes longer to make than a record, and nothing but type checkers asks for this one.
    class Part(Protocol):
        """Raises pydantic's `ValidationError`, whose locations lead to the value in `depth` steps, and
        `PydanticSerializationError`. Values that are exactly of the type `untouched` are valid, and dumped as they
        are."""

        @property
        def depth(self) -> int: ...
        def untouched(self) -> type | None: ...
        def validate(self, value: object, *, by_alias: bool = False) -> object: ...
        def dump(self, value: object) -> object: ...


class TypePart:
    """A type of its own."""

    depth = 0

    def __init__(self, annotation: Any) -> None:  # whatever an annotation can be
        self._annotation = annotation

    def validate(self, value: object, *, by_alias: bool = False) -> object:
        valid: object = self._adapter.validate_python(value, strict=False, by_name=True, by_alias=by_alias)
        return valid

    def dump(self, value: object) -> object:
        dumped: object = self._adapter.dump_python(value, round_trip=True, by_alias=False, warnings="error")
        return dumped

    def untouched(self) -> type | None:
        return None  # what the adapter's schema is configured with stands elsewhere

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        from pydantic import TypeAdapter  # noqa: PLC0415  # a module that pydantic loads on demand, too

        kind = bare(self._annotation)
        # These have a configuration of their own, beside which pydantic takes no other.
        configured = isinstance(kind, type) and (
            issubclass(kind, BaseModel) or is_dataclass(kind) or is_typeddict(kind)
        )
        return TypeAdapter(self._annotation, config=None if configured else ConfigDict(arbitrary_types_allowed=True))


class FieldPart:
    """A field of a model class."""

    depth = 1

    def __init__(self, model: type[BaseModel], field: str) -> None:
        self._model = model
        self._field = field

    def validate(self, value: object, *, by_alias: bool = False) -> object:
        # As a field among fields, so that a validator's `info.data` is there, albeit empty.
        checked = self._validator.validate_python({self._field: value}, strict=False, by_name=True, by_alias=by_alias)
        valid: object = checked[0][self._field]
        return valid

    def dump(self, value: object) -> object:
        return self._dump(value)

    def untouched(self) -> type | None:
        fields, config, _ = fields_schema(self._model)
        schema = fields["fields"][self._field]["schema"]
        while schema["type"] in ("default", "nullable") and "serialization" not in schema:
            schema = schema["schema"]
        if not schema.keys() <= {"type", "metadata"}:
            return None  # constraints, validators, serializers
        if schema["type"] == "str" and any(option.startswith("str_") for option in config or ()):
            return None
        return _UNTOUCHED.get(schema["type"])

    @cached_property
    def _validator(self) -> SchemaValidator:
        fields, config, definitions = fields_schema(self._model)
        field = core_schema.model_field(fields["fields"][self._field]["schema"])
        return SchemaValidator(_defined(core_schema.model_fields_schema({self._field: field}), definitions), config)

    @cached_property
    def _dump(self) -> Callable[[object], object]:
        fields, config, definitions = fields_schema(self._model)
        schema = fields["fields"][self._field]["schema"]
        if not _is_decorated(schema):
            serializer = SchemaSerializer(_defined(schema, definitions), config)
            return lambda value: serializer.to_python(value, round_trip=True, by_alias=False, warnings="error")
        # A serializer that decorates a method needs an instance, so the value is dumped as a field of one.
        field = core_schema.model_field(schema)
        one = core_schema.model_schema(_ANY_MODEL, core_schema.model_fields_schema({self._field: field}))
        of_model = SchemaSerializer(_defined(one, definitions), config)

        def dump(value: object) -> object:
            probe = self._model.__new__(self._model)  # without defaults, whose factories may have effects
            object.__setattr__(probe, "__pydantic_extra__", None)
            vars(probe)[self._field] = value
            return of_model.to_python(probe, round_trip=True, by_alias=False, warnings="error")[self._field]

        return dump


def fields_serializer(model: type[BaseModel]) -> SchemaSerializer:
    """A serializer of all fields of a model, each by itself: without the one that the model may have as a whole."""
    fields, config, definitions = fields_schema(model)
    return SchemaSerializer(_defined(core_schema.model_schema(_ANY_MODEL, fields), definitions), config)


def fields_schema(model: type[BaseModel]) -> tuple[Any, Any, list[Any]]:  # core schemas, which are nested dicts
    """The fields of a model's core schema, its configuration, and the definitions that the fields refer to."""
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
    return schema, config, list(definitions.values())


def _defined(schema: Any, definitions: list[Any]) -> Any:
    return core_schema.definitions_schema(schema, definitions) if definitions else schema


def _is_decorated(schema: Any) -> bool:
    while isinstance(schema, dict):
        if schema.get("serialization", {}).get("is_field_serializer"):
            return True
        schema = schema.get("schema")
    return False
