"""A model class as the library uses it: its schema, its codecs, and the way between instances and items."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, SchemaSerializer

from dynamorm_py.core.errors import InvalidItem, InvalidKey, InvalidModel, InvalidValue
from dynamorm_py.core.expressions import AttributePath
from dynamorm_py.core.keys import MAX_PARTITION_KEY, MAX_SORT_KEY, Template
from dynamorm_py.core.schema import Index, Key, KeyAttribute, KeyType, Projection, Schema, Unique
from dynamorm_py.core.values import decode, decode_item, same
from dynamorm_py.core.wire import AttributeValue, Item
from dynamorm_py.fields.annotations import allows_none, is_set, nested_models, unwrapped
from dynamorm_py.fields.codecs import FieldCodec, encoded, epoch, invalid, serializing
from dynamorm_py.fields.declaration import marker_of
from dynamorm_py.fields.parts import FieldPart, fields_serializer
from dynamorm_py.fields.paths import Path
from dynamorm_py.model.key_types import key_type

if TYPE_CHECKING:
    from dynamorm_py.model.base import Model
    from dynamorm_py.model.indexes import GlobalIndex, LocalIndex, PrimaryKey, UniqueConstraint

M = TypeVar("M", bound="Model")

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.NamingRules
_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,255}")
_INDEX_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
MAX_KEY_ATTRIBUTES = 4
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-attributes
MAX_NAME = 64 * 1024 - 1
MAX_KEY_NAME = 255


@dataclass(frozen=True, slots=True)
class Declarations:
    """What a class body declares besides fields; `indexes` by class attribute."""

    primary_key: PrimaryKey | None
    indexes: Mapping[str, GlobalIndex | LocalIndex]
    uniques: Mapping[str, UniqueConstraint]


class ModelMapping:
    """Everything the library derives from one model class, made once."""

    def __init__(self, model: type[Model], table: str | None, declarations: Declarations) -> None:
        self.model = model
        self.fields: Mapping[str, FieldInfo] = model.model_fields
        self.markers = {name: marker_of(info) for name, info in self.fields.items()}
        self.attributes = {name: name if marker.name is None else marker.name for name, marker in self.markers.items()}
        self.indexes: dict[str, Index] = {}
        self._check_attributes()
        self._table = table
        self._declarations = declarations

    @cached_property
    def schema(self) -> Schema:
        """The model as the core sees it. A class without a table, such as a nested document, has none."""
        if self._table is None:
            raise self._invalid("the class has no table: give it one with table=, or use a subclass that has")
        return self._build(self._table, self._declarations)

    def join(self, attribute: str, entity: str) -> None:
        """Makes the model one of several that share its table. Items that were written before have no entity yet."""
        if attribute in self.attributes.values():
            raise self._invalid(f"{attribute} is a field's attribute, and the table's entity attribute too")
        if self.schema.entity not in (None, (attribute, entity)):
            raise self._invalid(f"the model belongs to another Table already, as {self.schema.entity}")
        # An index that copies some attributes has to copy the one that says whose they are.
        indexes = {
            name: index
            if isinstance(index.projection, str)
            else replace(index, projection=(*index.projection, attribute))
            for name, index in self.schema.indexes.items()
        }
        self.schema = replace(self.schema, entity=(attribute, entity), indexes=indexes)
        self.indexes = {name: indexes[index.name] for name, index in self.indexes.items()}

    @cached_property
    def codecs(self) -> Mapping[str, FieldCodec]:
        """How each field's values become attribute values."""
        return {name: FieldCodec(self.model, name, epoch=name == self._role("time_to_live")) for name in self.fields}

    @cached_property
    def paths(self) -> Mapping[str, Path[Any]]:
        """What `Model.field` is, for each field."""
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
        dumped: dict[str, object]
        try:
            dumped = self._serializer.to_python(instance, round_trip=True, by_alias=False, warnings="error")
        except PydanticSerializationError as error:
            raise self._unserializable(instance, error) from error
        item: Item = {}
        for name, value in dumped.items():
            attribute = self.attributes.get(name, name)
            if attribute in self.library:
                continue
            if value is None:
                self._check_none(instance, name)
            stored = self._encode_field(name, value)
            if stored is not None:
                item[attribute] = stored
        return item

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
        item = self._with_key_fields(item)
        instance = self._instance(item)
        self.remember(instance, item)
        instance.after_read()
        return instance

    def _instance(self, item: Item) -> Any:
        try:
            return self.model.model_validate(self.plain(item), strict=False, by_name=True, by_alias=False)
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
        extra = self._takes_extra
        for attribute, value in item.items():
            name = self._names.get(attribute)
            if name is not None:
                decoded = self._decode_field(name, value)
                if decoded is not None or name in self.optional:
                    data[name] = decoded
            elif extra and attribute not in self.composed:
                data[attribute] = decode(value)
        for name, empty in self._absent.items():
            if name not in data:
                data[name] = empty()
        return data

    def remember(self, instance: Model, item: Item) -> None:
        """Makes an item what the instance was loaded as."""
        object.__setattr__(instance, "__dynamorm_snapshot__", item)

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
        known = [*self.attributes.values(), *(now.keys() - self.attributes.keys())]
        differing = [
            name
            for name in dict.fromkeys(known)
            if name not in self.library and not same(before.get(name), now.get(name))
        ]
        if self._takes_extra:
            differing += [
                name for name in before if name not in self._names and name not in self.composed and name not in now
            ]
        if not differing:
            return {}, []
        read = self.encode(self._instance(before))
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
            types = {name: self._key_type(name, in_template=True) for name in part.fields}
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
        if isinstance(value, datetime) and name == self._role("time_to_live"):
            return epoch(value, name, self.schema.model)
        if isinstance(value, bool) and name in self._numbers:
            raise InvalidValue(f"{name}: a bool is not a number; use int(value)", model=self.schema.model)
        return encoded(value, name, self.schema.model)

    def _decode_field(self, name: str, value: AttributeValue) -> object:
        return self.codecs[name].decoded(value) if name in self._revived else decode(value)

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

    @cached_property
    def optional(self) -> frozenset[str]:
        """The fields that may be None."""
        return frozenset(name for name, info in self.fields.items() if allows_none(info.annotation))

    @cached_property
    def _nulls(self) -> frozenset[str]:
        """The fields that store None as NULL: where asked to, and where absence would read as some other default."""
        return frozenset(
            name
            for name in self.fields
            if self.markers[name].null == "store"
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

    # The schema

    def _role(self, role: str) -> str | None:
        return next((name for name, marker in self.markers.items() if marker.role == role), None)

    def _check_attributes(self) -> None:
        seen: dict[str, str] = {}
        for name, attribute in self.attributes.items():
            if attribute in seen:
                raise self._invalid(
                    f"{seen[attribute]} and {name} are both stored as {attribute}: rename one with name="
                )
            seen[attribute] = name
            self._check_field(name, attribute)
            for nested in nested_models(self.fields[name].annotation):
                self._check_nested(name, nested)
        for role in (
            "partition_key",
            "sort_key",
            "version_number",
            "created_timestamp",
            "updated_timestamp",
            "time_to_live",
        ):
            marked = [name for name, marker in self.markers.items() if marker.role == role]
            if len(marked) > 1:
                raise self._invalid(f"{' and '.join(marked)} are both marked {role}(): a model has one")
        self._check_kind("version_number", int, "an int")
        self._check_kind("created_timestamp", datetime, "a datetime")
        self._check_kind("updated_timestamp", datetime, "a datetime")
        self._check_kind("time_to_live", (datetime, int), "a datetime or an int")

    def _check_nested(self, field: str, nested: type[Any]) -> None:
        renamed = [name for name, info in nested.model_fields.items() if marker_of(info).name not in (None, name)]
        if renamed:
            raise self._invalid(
                f"{field} holds a {nested.__name__}, whose {renamed[0]} is declared with name=: inside a document, "
                "attributes are called as their fields"
            )

    def _check_field(self, name: str, attribute: str) -> None:
        info, marker = self.fields[name], self.markers[name]
        if not 1 <= len(attribute.encode()) <= MAX_NAME:
            raise self._invalid(f"{name} is stored as {attribute[:20]!r}: a name has 1 to {MAX_NAME} bytes")
        if marker.null not in ("absent", "store"):
            raise self._invalid(f"{name} has null={marker.null!r}: None is 'absent', or asked to 'store'")
        if info.exclude and (info.is_required() or marker.role != "plain"):
            raise self._invalid(f"{name} is excluded from what is stored, so it needs a default and can have no role")

    def _check_kind(self, role: str, kind: type | tuple[type, ...], words: str) -> None:
        name = self._role(role)
        if name is None:
            return
        found = unwrapped(self.fields[name].annotation)
        if not (isinstance(found, type) and issubclass(found, kind)) or issubclass(found, bool):
            raise self._invalid(f"{name} is marked {role}() and has to be {words}")

    def _build(self, table: str, declarations: Declarations) -> Schema:
        if not _TABLE_NAME.fullmatch(table):
            raise self._invalid(f"table={table!r}: a table's name has 1 to 255 letters, digits, _ . -")
        key = self._primary_key(declarations.primary_key)
        indexes: dict[str, Index] = {}
        for attribute, declaration in declarations.indexes.items():
            index = self._index(declaration, attribute, key)
            if index.name in indexes:
                raise self._invalid(f"two indexes are called {index.name}")
            indexes[index.name] = index
            self.indexes[attribute] = index
        self._check_keys((key, *(index.key for index in indexes.values())))

        def attribute_of(role: str) -> str | None:
            name = self._role(role)
            return self.attributes[name] if name else None

        return Schema(
            model=self.model.__name__,
            table=table,
            fields=self.attributes,
            key=key,
            indexes=indexes,
            version=attribute_of("version_number"),
            created=attribute_of("created_timestamp"),
            updated=attribute_of("updated_timestamp"),
            time_to_live=attribute_of("time_to_live"),
            uniques=tuple(self._unique(name, each.fields, key) for name, each in declarations.uniques.items()),
            family=frozenset(self.model.__mro__),
        )

    def _check_keys(self, keys: Sequence[Key]) -> None:
        """The table's key, which comes first, is always there; several keys may share a composed attribute, but only as
        one and the same text."""
        for name in keys[0].fields:
            if name in self.optional:
                raise self._invalid(f"{name} is part of the table's key and allows None, which no key can be")
        seen: dict[str, Template] = {}
        for key in keys:
            if len(set(key.names)) < len(key.names):
                raise self._invalid(f"a key has {' and '.join(key.names)}: its attributes have to differ")
            for attribute in key.attributes:
                if len(attribute.name.encode()) > MAX_KEY_NAME:
                    raise self._invalid(
                        f"the key attribute {attribute.name[:20]!r}… has more than {MAX_KEY_NAME} bytes"
                    )
                if attribute.template is None:
                    continue
                other = seen.setdefault(attribute.name, attribute.template)
                if other != attribute.template:
                    raise self._invalid(
                        f"{attribute.name} would be made of {other.text} and of {attribute.template.text}: "
                        "name one of the attributes differently"
                    )

    def _unique(self, name: str, fields: tuple[str, ...], key: Key) -> Unique:
        for field in fields:
            if field not in self.fields:
                raise self._invalid(f"unique {name}: {field} is not a field")
            self._key_type(field, in_template=True)
        if self._role("time_to_live"):
            raise self._invalid(
                f"unique {name}: the model has a time to live, and DynamoDB deletes what has expired without releasing "
                "its unique values"
            )
        if key.partition[0].type == "N":
            raise self._invalid(
                f"unique {name}: the table's partition key is a number, and a constraint is kept in items whose key "
                "is text"
            )
        return Unique(name, fields)

    def _primary_key(self, declared: PrimaryKey | None) -> Key:
        partition, sort = self._role("partition_key"), self._role("sort_key")
        if declared is not None:
            if partition or sort:
                raise self._invalid(
                    f"{partition or sort} is marked as a key, and a PrimaryKey is declared too: keep one"
                )
            return Key(
                (self._key_attribute(declared.partition_key, declared.partition_attribute, raw=declared.raw),),
                (self._key_attribute(declared.sort_key, declared.sort_attribute, sort=True, raw=declared.raw),)
                if declared.sort_key
                else (),
            )
        if partition is None:
            raise self._invalid("there is no partition key: mark a field with partition_key(), or declare a PrimaryKey")
        return Key(
            (self._key_attribute(partition, ""),),
            (self._key_attribute(sort, "", sort=True),) if sort else (),
        )

    def _index(self, declaration: GlobalIndex | LocalIndex, attribute: str, key: Key) -> Index:
        name = declaration.name or attribute
        if not _INDEX_NAME.fullmatch(name):
            raise self._invalid(f"index {name!r}: an index's name has 3 to 255 letters, digits, _ . -")
        sort = self._index_side(
            declaration.sort_key, name, declaration.sort_attribute or f"{name}_sk", declaration.raw, sort=True
        )
        projection = self._projection(declaration.projection, name)
        if declaration.kind == "local":
            if not sort:
                raise self._invalid(f"index {name}: a local index needs a sort_key")
            if not key.sort:
                raise self._invalid(f"index {name}: a local index needs a table with a sort key")
            return Index(name, "local", Key(key.partition, sort), projection)
        partition_attribute = declaration.partition_attribute or f"{name}_pk"
        partition = self._index_side(declaration.partition_key, name, partition_attribute, declaration.raw)
        if not partition:
            raise self._invalid(f"index {name}: a global index needs a partition_key")
        return Index(name, "global", Key(partition, sort), projection)

    def _index_side(
        self, source: str | tuple[str, ...], index: str, attribute: str, raw: bool, *, sort: bool = False
    ) -> tuple[KeyAttribute, ...]:
        if isinstance(source, str):
            return (self._key_attribute(source, attribute, sort=sort, raw=raw),) if source else ()
        if len(source) > MAX_KEY_ATTRIBUTES:
            raise self._invalid(f"index {index}: a key has at most {MAX_KEY_ATTRIBUTES} attributes on each side")
        for name in source:
            if name not in self.fields:
                raise self._invalid(f"index {index}: {name} is not a field; several key attributes are field names")
        return tuple(self._key_attribute(name, attribute, sort=sort) for name in source)

    def _projection(self, projection: Projection, index: str) -> Projection:
        if isinstance(projection, str):
            if projection not in ("ALL", "KEYS_ONLY"):
                raise self._invalid(f"index {index}: a projection is 'ALL', 'KEYS_ONLY' or a tuple of field names")
            return projection
        for name in projection:
            if name not in self.fields:
                raise self._invalid(f"index {index}: the projection names {name}, which is not a field")
        expiry = self._role("time_to_live")
        # Without its time, nobody could tell an item in the index that has expired.
        named = (*projection, expiry) if expiry is not None and expiry not in projection else projection
        return tuple(self.attributes[name] for name in named)

    def _key_attribute(self, source: str, attribute: str, *, sort: bool = False, raw: bool = False) -> KeyAttribute:
        limit = MAX_SORT_KEY if sort else MAX_PARTITION_KEY
        if "{" not in source and "#" not in source:
            if source not in self.fields:
                raise self._invalid(
                    f"the key names {source}, which is not a field; a constant key part is written with a #"
                )
            return KeyAttribute(self.attributes[source], self._key_type(source), (source,), None, limit)
        try:
            template = Template.parse(source, raw=raw)
        except InvalidModel as error:
            raise error.about(self.model.__name__) from None
        for name in template.fields:
            if name not in self.fields:
                raise self._invalid(f"the key template {source!r} names {name}, which is not a field")
            self._key_type(name, in_template=True)
        if attribute in self.attributes.values():
            raise self._invalid(
                f"the key template {source!r} is stored as {attribute}, which is a field's attribute too"
            )
        return KeyAttribute(attribute, "S", template.fields, template, limit)

    def _key_type(self, name: str, *, in_template: bool = False) -> KeyType:
        if self.fields[name].exclude:
            raise self._invalid(f"{name} is part of a key, and excluded from what is stored")
        if self.markers[name].role == "time_to_live":
            return "N"
        found = key_type(self.model, name)
        if found is None or (found == "BOOL" and not in_template):
            raise self._invalid(
                f"{name} is part of a key, and its type cannot be: a key is text, a number or bytes, or something that "
                "is stored as one of them (a serializer says so by its return type)"
            )
        return cast(KeyType, found)

    def _invalid(self, message: str) -> InvalidModel:
        return InvalidModel(message, model=self.model.__name__)
