"""A model class as the library uses it: its schema, its codecs, and the way between instances and items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from types import GenericAlias
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, SchemaSerializer

from dynamorm_py.core.errors import InvalidItem, InvalidKey, InvalidOperation, InvalidValue
from dynamorm_py.core.records import replace
from dynamorm_py.core.schema import Index, KeyAttribute, Schema
from dynamorm_py.core.values import decode, decode_item, encode, same
from dynamorm_py.core.wire import AttributeValue, Item
from dynamorm_py.fields.annotations import is_set
from dynamorm_py.fields.codecs import FieldCodec, converters, encoded, epoch, invalid, serializing
from dynamorm_py.fields.parts import FieldPart, fields_schema, fields_serializer
from dynamorm_py.model.compiled_later import CompiledLater
from dynamorm_py.model.declared_fields import DeclaredFields
from dynamorm_py.model.key_types import key_type
from dynamorm_py.model.schema_builder import Declarations, SchemaBuilder

if TYPE_CHECKING:
    from dynamorm_py.fields.paths import Path
    from dynamorm_py.model.base import Model


# From so many items on, one call of pydantic for all of them is worth what leads to it.
_MANY = 8

# Whatever the field, such values are stored, and as their type says. Others can stand for an absent attribute, or, as
# True does to pydantic, for a number.
_UNCONDITIONAL = frozenset((str, int, float, Decimal, bytes, list, tuple, dict, date, datetime, time, UUID))


class ModelMapping:
    """Everything the library derives from one model class, made once."""

    def __init__(self, model: type[Model], table: str | None, declarations: Declarations) -> None:
        self.model = model
        self._declared = DeclaredFields(model)
        self.fields: Mapping[str, FieldInfo] = self._declared.infos
        self.attributes = self._declared.attributes
        self._table = table
        self._declarations = declarations

    @cached_property
    def schema(self) -> Schema:
        """The model as the core sees it. A class without a table, such as a nested document, has none."""
        if self._table is None:
            raise self._declared.invalid("the class has no table: give it one with table=, or use a subclass that has")
        return SchemaBuilder(self._declared).build(self._table, self._declarations)

    def index(self, attribute: str) -> Index:
        """The index that a class attribute declares."""
        return self.schema.indexes[self._declarations.indexes[attribute].name or attribute]

    def join(self, attribute: str, entity: str) -> None:
        """Makes the model one of several that share its table. Items that were written before have no entity yet."""
        if attribute in self.attributes.values():
            raise self._declared.invalid(f"{attribute} is a field's attribute, and the table's entity attribute too")
        if self.schema.entity not in (None, (attribute, entity)):
            raise self._declared.invalid(f"the model belongs to another Table already, as {self.schema.entity}")
        # An index that copies some attributes has to copy the one that says whose they are.
        indexes = {
            name: index
            if isinstance(index.projection, str)
            else replace(index, projection=(*index.projection, attribute))
            for name, index in self.schema.indexes.items()
        }
        self.schema = replace(self.schema, entity=(attribute, entity), indexes=indexes)
        vars(self).pop("composed", None)  # it names the entity's attribute too

    @cached_property
    def codecs(self) -> Mapping[str, FieldCodec]:
        """How each field's values become attribute values."""
        return {name: FieldCodec(self.model, name, epoch=name == self._time_to_live) for name in self.fields}

    @cached_property
    def paths(self) -> Mapping[str, Path[Any]]:
        """What `Model.field` is, for each field."""
        # A first read by key needs no paths, and nothing of what they are made of.
        from dynamorm_py.core.expressions import AttributePath  # noqa: PLC0415
        from dynamorm_py.fields.paths import Path  # noqa: PLC0415

        return {
            name: Path(
                AttributePath((self.attributes[name],), self.model),
                self.codecs[name],
                stores_null=name in self._nulls,
                inside=(name,),
            )
            for name in self.fields
        }

    @cached_property
    def library(self) -> frozenset[str]:
        """The attributes that the library writes itself."""
        schema = self.schema
        return frozenset(name for name in (schema.version, schema.created, schema.updated) if name)

    def encode(self, instance: Model) -> Item:
        """The instance's fields as an item; without those that are absent, and without what the library keeps."""
        return self._encoder.call(instance)

    def item_of(self, instance: Model, only: set[str] | None = None) -> Item:
        """`encode`, for every instance of every model; of some fields alone where they are named."""
        item: Item = {}
        try:
            for name, value in self._dumped(instance, only).items():
                self._put(item, instance, name, value)
        except InvalidOperation as error:
            raise error.about(self.schema.model) from error.__cause__
        return item

    @cached_property
    def _encoder(self) -> CompiledLater[Model, Item]:
        return CompiledLater(self.item_of, self.compiled_item_of)

    def compiled_item_of(self) -> Callable[[Model], Item]:
        """`item_of`, compiled; itself where not every field that an instance has is stored at all times."""
        schema, _, definitions = fields_schema(self.model)
        declared = schema["fields"]
        if self._takes_extra or any("serialization_exclude_if" in each for each in declared.values()):
            return self.item_of
        # No cold start waits for this module.
        from dynamorm_py.model.compiled_encoder import WrittenField, compiled_encoder  # noqa: PLC0415

        fields = (
            WrittenField(
                name,
                None if self.attributes[name] in self.library else self.attributes[name],
                None if name == self._time_to_live else declared[name]["schema"],
                name in self.optional,
                name in self._nulls,
            )
            for name, info in self.fields.items()
            if not info.exclude
        )
        known = {each["ref"]: each for each in definitions}
        return compiled_encoder(self.model.__name__, fields, known, self._dumped, self._put, self.item_of)

    def _dumped(self, instance: Model, only: set[str] | None) -> Mapping[str, object]:
        try:
            dumped: dict[str, object] = self._serializer.to_python(
                instance, include=only, round_trip=True, by_alias=False, warnings="error"
            )
        except PydanticSerializationError as error:
            raise self._unserializable(instance, error) from error
        return dumped

    def _put(self, item: Item, instance: Model, name: str, value: object) -> None:
        """Adds a field's attribute, if it has one."""
        attribute = self._plainly.get(name)
        kind = type(value)
        if attribute is not None and (
            kind in _UNCONDITIONAL or (kind is bool and name not in self._numbers) or (kind is set and value)
        ):
            item[attribute] = encode(value, name, converters())
        else:
            self._put_field(item, instance, name, value)

    def _put_field(self, item: Item, instance: Model, name: str, value: object) -> None:
        """As `_put`, for values that can stand for an absent attribute, or for something else than their type says."""
        attribute = self.attributes.get(name, name)
        if attribute in self.library:
            return
        if value is None:
            self._check_none(instance, name)
        stored = self._encode_field(name, value)
        if stored is not None:
            item[attribute] = stored

    @cached_property
    def _plainly(self) -> Mapping[str, str]:
        """The attributes of the fields that are stored as their values' types say, and by the application alone."""
        return {
            name: attribute
            for name, attribute in self.attributes.items()
            if attribute not in self.library and name != self._time_to_live
        }

    @cached_property
    def _time_to_live(self) -> str | None:
        return self._declared.with_role("time_to_live")

    def _check_none(self, instance: Model, name: str) -> None:
        """Refuses None where an assignment put it into a field that does not take it: pydantic dumps it without a
        word, the attribute would be removed, and an item without a required one could not be read again."""
        if name in self.optional or name not in self.fields or getattr(instance, name) is not None:
            return
        try:
            FieldPart(self.model, name).validate(None)
        except ValidationError as error:
            raise invalid(name, error, self.schema.model, FieldPart.depth) from error

    @cached_property
    def _serializer(self) -> SchemaSerializer:
        # The model's own, whatever `model_dump` was overridden with; but a serializer of the model as a whole shapes
        # what an application hands out, and an item has its fields.
        whole = self.model.__pydantic_decorators__.model_serializers
        return fields_serializer(self.model) if whole else self.model.__pydantic_serializer__

    def _unserializable(self, instance: Model, error: PydanticSerializationError) -> InvalidValue:
        for name, value in vars(instance).items():
            if name in self.fields and not self.fields[name].exclude:
                try:
                    FieldPart(self.model, name).dump(value)
                except PydanticSerializationError as own:
                    return InvalidValue(f"{name}: {serializing(own)}", model=self.schema.model)
        return InvalidValue(serializing(error), model=self.schema.model)

    def decode(self, item: Item) -> Any:  # the model's instance; its type is the caller's
        """A stored item as an instance that remembers what was read."""
        if self._in_key:
            item = self._with_key_fields(item)
        instance = self._instance(item)
        self.remember(instance, item)
        instance.after_read()
        return instance

    def decode_all(self, items: Sequence[Item]) -> list[Any]:
        """`decode` for all of them, which takes less for each where they are many."""
        if len(items) < _MANY or not self._decoder.is_compiled:
            return [self.decode(item) for item in items]
        if self._in_key:
            items = [self._with_key_fields(item) for item in items]
        plain = self._decoder.call
        try:
            instances = self._validate_all([plain(item) for item in items])
        except (ValidationError, InvalidItem):
            return [self.decode(item) for item in items]  # which raises what the first of those that do not fit does
        remember = self.remember
        for instance, item in zip(instances, items, strict=True):
            remember(instance, item)
            instance.after_read()
        return instances

    @cached_property
    def _validate_all(self) -> Callable[[list[dict[str, object]]], list[Any]]:
        from pydantic import TypeAdapter  # noqa: PLC0415  # a module that pydantic loads on demand, too

        of_model: Any = GenericAlias(list, (self.model,))
        validator = TypeAdapter(of_model).validator
        return lambda plain: validator.validate_python(plain, strict=False, by_name=True, by_alias=False)

    def _instance(self, item: Item) -> Any:
        try:
            # The model's own, whatever `model_validate` was overridden with, as in `_serializer`.
            return self.model.__pydantic_validator__.validate_python(
                self._decoder.call(item), strict=False, by_name=True, by_alias=False
            )
        except ValidationError as error:
            message = f"a stored item does not fit the model: {invalid('item', error).message}"
            raise InvalidItem(message, model=self.schema.model, key=self._key_of(item)) from error
        except InvalidItem as error:
            raise error.about(self.schema.model, None, self._key_of(item)) from error.__cause__

    def _key_of(self, item: Item) -> dict[str, object]:
        return decode_item({name: item[name] for name in self.schema.key.names if name in item})

    def plain(self, item: Item) -> dict[str, object]:
        """An item as plain data by field name, with what an absent attribute means."""
        data: dict[str, object] = {}
        names, revived, optional, extra = self._names, self._revived, self.optional, self._takes_extra
        for attribute, value in item.items():
            name = names.get(attribute)
            if name is not None:
                decoded = self.codecs[name].decoded(value) if name in revived else decode(value)
                if decoded is not None or name in optional:
                    data[name] = decoded
            elif extra and attribute not in self.composed:
                data[attribute] = decode(value)
        for name, empty in self._absent.items():
            if name not in data:
                data[name] = empty()
        return data

    @cached_property
    def _decoder(self) -> CompiledLater[Item, dict[str, object]]:
        return CompiledLater(self.plain, self.compiled_plain)

    def compiled_plain(self) -> Callable[[Item], dict[str, object]]:
        """`plain`, compiled; itself where the model takes attributes that no field names."""
        if self._takes_extra:
            return self.plain
        # No cold start waits for this module.
        from dynamorm_py.model.compiled_decoder import StoredField, compiled_decoder  # noqa: PLC0415

        fields = (
            StoredField(
                name,
                self.attributes[name],
                info.annotation,
                required=info.is_required(),
                optional=name in self.optional,
                key_type=key_type(self.model, name),
                revive=self.codecs[name].decoded if name in self._revived else None,
                absent=self._absent.get(name),
            )
            for name, info in self.fields.items()
        )
        return compiled_decoder(self.model.__name__, fields, self.plain)

    @cached_property
    def remember(self) -> Callable[[Model, Item], None]:
        """Makes an item what an instance was loaded as."""
        # The slot's own setter goes past pydantic's `__setattr__`, frozen models' too.
        setter: Callable[[Model, Item], None] = cast(Any, self.model).__dynamorm_snapshot__.__set__
        return setter

    def unknown(self, item: Item) -> Item:
        """The attributes that neither a field nor a composed key accounts for."""
        return {
            name: value
            for name, value in item.items()
            if name not in self._names and name not in self.composed and not self._takes_extra
        }

    def difference(self, before: Item, now: Item) -> tuple[Item, list[str]]:
        """What `now` changes and removes, compared with what was read. A stored form that merely reads as the same
        value (another writer's date format, a default for what was absent) is no change."""
        known = dict.fromkeys((*self.attributes.values(), *now))
        differing = [
            name
            for name in known
            if (was := before.get(name)) != (value := now.get(name))
            and name not in self.library
            and not same(was, value)
        ]
        if self._takes_extra:
            differing += [
                name for name in before if name not in self._names and name not in self.composed and name not in now
            ]
        if not differing:
            return {}, []
        names = {self._names.get(name, name) for name in differing}
        read = self.item_of(self._instance(before), names)
        differing = [name for name in differing if not same(read.get(name), now.get(name))]
        return (
            {name: now[name] for name in differing if name in now},
            [name for name in differing if name not in now and name in before],
        )

    def stamps(self, item: Item) -> dict[str, object]:
        """The version and timestamps of a stored item, by field name, as the model validates them."""
        return {
            self._names[name]: self._validated(self._names[name], item[name]) for name in self.library if name in item
        }

    def _validated(self, name: str, value: AttributeValue) -> object:
        decoded = decode(value)
        return datetime.fromisoformat(decoded) if isinstance(decoded, str) else decoded

    def composed_fields(self, item: Item) -> Item:
        """The attributes of the fields that an item's composed keys tell. Keys that others wrote tell nothing."""
        return self._told(item, self.schema.composed())

    def _with_key_fields(self, item: Item) -> Item:
        """The item with the fields that only the table's key holds: other programs need not store them a second time.
        The keys of indexes are not asked, since they can be stale."""
        if item.keys() >= self._in_key:
            return item
        return {**self._told(item, self.schema.key.attributes), **item}

    @cached_property
    def _in_key(self) -> frozenset[str]:
        """The attributes of the fields that the table's key is composed from."""
        composed = (part for part in self.schema.key.attributes if part.template is not None)
        return frozenset(self.attributes[name] for part in composed for name in part.fields)

    def _told(self, item: Item, parts: Iterable[KeyAttribute]) -> Item:
        told: Item = {}
        for part in parts:
            text = item.get(part.name, {}).get("S")
            if part.template is None or text is None:
                continue
            types = {name: self._declared.key_type_of(name, in_template=True) for name in part.fields}
            try:
                values = part.template.parse_key(text, types)
            except InvalidKey:
                continue
            told.update({self.attributes[name]: value for name, value in values.items()})
        return told

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The fields that a repr leaves out."""
        return frozenset(name for name, info in self.fields.items() if not info.repr)

    # How single fields are stored

    def _encode_field(self, name: str, value: object) -> AttributeValue | None:
        if value is None:
            return {"NULL": True} if name in self._nulls else None
        if isinstance(value, set | frozenset) and not value:
            return None
        if isinstance(value, datetime) and name == self._time_to_live:
            return epoch(value, name, self.schema.model)
        if isinstance(value, bool) and name in self._numbers:
            raise InvalidValue(f"{name}: a bool is not a number; use int(value)", model=self.schema.model)
        return encoded(value, name, self.schema.model)

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return frozenset(name for name in self.fields if key_type(self.model, name) == "N")

    @cached_property
    def _revived(self) -> frozenset[str]:
        """The fields whose plain data is more than what DynamoDB's types say."""
        return frozenset(name for name, codec in self.codecs.items() if codec.is_revived())

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {attribute: name for name, attribute in self.attributes.items()}

    @cached_property
    def composed(self) -> frozenset[str]:
        """What the library adds to an item besides the fields: the keys that templates make, and the entity."""
        return frozenset((*(attribute.name for attribute in self.schema.composed()), *(self.schema.entity or ())[:1]))

    @cached_property
    def _takes_extra(self) -> bool:
        return self.model.model_config.get("extra") == "allow"

    @property
    def optional(self) -> frozenset[str]:
        """The fields that may be None."""
        return self._declared.optional

    @cached_property
    def _nulls(self) -> frozenset[str]:
        """The fields that store None as NULL: where asked to, and where absence would read as some other default."""
        return frozenset(
            name
            for name in self.fields
            if self._declared.markers[name].null == "store"
            or (name in self.optional and not self.fields[name].is_required() and not self._defaults_to_none(name))
        )

    def _defaults_to_none(self, name: str) -> bool:
        info = self.fields[name]
        return info.default_factory is None and info.default is None

    @cached_property
    def _absent(self) -> Mapping[str, Callable[[], object]]:
        """What fields read as when their attribute is absent, where that is not pydantic's default."""
        absent: dict[str, Callable[[], object]] = {}
        for name, info in self.fields.items():
            if is_set(info.annotation) and name not in self.optional:
                absent[name] = set
            elif info.is_required() and name in self.optional:
                absent[name] = lambda: None
        return absent

    @cached_property
    def indispensable(self) -> frozenset[str]:
        """The fields without whose attribute an item cannot be read."""
        required = (name for name, info in self.fields.items() if info.is_required() and name not in self._absent)
        return frozenset(name for name in required if self.attributes[name] not in self.library)


def snapshot_of(instance: Model) -> Any:  # an item, or what a transaction left of one
    """What an instance carries of the item that it was read as or written to; None for a new one."""
    try:
        # The slot itself is asked: where it is empty, `getattr` goes on to pydantic's `__getattr__`.
        return cast(Any, type(instance)).__dynamorm_snapshot__.__get__(instance)
    except AttributeError:
        return None
