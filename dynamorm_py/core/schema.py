"""What the core knows of a model: its table, its keys and indexes, and the attributes that the library keeps itself.

A schema speaks of *fields* (the model's names) and *attributes* (the table's names). A key attribute is either one
field's own attribute or composed from several fields by a template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from dynamorm_py.core.errors import InvalidKey, InvalidOperation
from dynamorm_py.core.keys import MAX_PARTITION_KEY, MAX_SORT_KEY, Template, check_key_value
from dynamorm_py.core.records import Record, field
from dynamorm_py.core.wire import AttributeValue, Item

if TYPE_CHECKING:
    from dynamorm_py.core.expressions import AttributePath

# What the sentinel of a unique constraint names its owner in. It is the library's alone: reads pass over what has it,
# so no item may.
OWNER = "$owner"

KeyType: TypeAlias = Literal["S", "N", "B"]
Projection: TypeAlias = Literal["ALL", "KEYS_ONLY"] | tuple[str, ...]


class KeyAttribute(Record):
    """One attribute of a key: `name` in the table, made from `fields`, through `template` where there is one."""

    name: str
    type: KeyType
    fields: tuple[str, ...]
    template: Template | None = None
    limit: int = MAX_PARTITION_KEY

    def value(self, values: Mapping[str, AttributeValue]) -> AttributeValue:
        """The attribute's value, from the fields' values; checked against DynamoDB's rules for keys."""
        if self.template is None:
            value = values.get(self.fields[0])
            if value is None:
                raise InvalidKey(f"the key needs a value for {self.fields[0]}")
        else:
            value = {"S": self.template.build(values)}
        check_key_value(value, self.fields[0] if self.template is None else self.name, self.type, self.limit)
        return value

    def complete(self, values: Mapping[str, AttributeValue]) -> bool:
        return all(name in values for name in self.fields)


class Key(Record):
    """A partition key and a sort key. Only global indexes have more than one attribute on a side (at most four)."""

    __slots__ = ("__dict__",)  # for the cached properties, of which every operation asks one or the other

    partition: tuple[KeyAttribute, ...]
    sort: tuple[KeyAttribute, ...] = ()

    @cached_property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        return self.partition + self.sort

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(attribute.name for attribute in self.attributes)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields of the key, each once, in the order in which a caller gives them."""
        return _fields(self.attributes)

    @cached_property
    def partition_fields(self) -> tuple[str, ...]:
        return _fields(self.partition)

    def build(self, values: Mapping[str, AttributeValue]) -> Item:
        return {attribute.name: attribute.value(values) for attribute in self.attributes}

    def of(self, item: Item) -> Item:
        """The key attributes of a stored item."""
        return {name: item[name] for name in self.names}


class Index(Record):
    name: str
    kind: Literal["global", "local"]
    key: Key
    projection: Projection = "ALL"


class Unique(Record):
    """A constraint: no two items of the model have the same values in these fields."""

    name: str
    fields: tuple[str, ...]
    across_tenants: bool = False


class Tenant(Record):
    """How a model's items name their tenant: the `field` and its `attribute`, and the literal text (`prefix`) that
    stands before the tenant's id in the partition keys of the table and its global indexes."""

    field: str
    attribute: str
    prefix: str = ""


if TYPE_CHECKING:
    # A Protocol takes longer to make than a record, and nothing but type checkers asks for this one.
    class Relatives(Protocol):
        """The models of this process, as far as they share a table with tenants."""

        @property
        def generation(self) -> int:
            """How many model classes have been made so far: nothing else changes what `of_table` answers."""
            ...

        def of_table(self, table: str, /) -> Iterable[Schema]:
            """The schemas of the models with a tenant on a table."""
            ...


class Schema(Record):
    """A model as the core sees it. `fields` maps each field to its attribute; `family` holds whose paths it takes.

    Where several models share a table, `entity` is the attribute that tells them apart and this model's value of it;
    the schema of such a table as a whole has its models' schemas as `members`, by that value.
    """

    __slots__ = ("__dict__",)  # for the cached properties, which every write asks

    model: str
    table: str
    fields: Mapping[str, str]
    key: Key
    indexes: Mapping[str, Index] = field(default_factory=dict)
    version: str | None = None
    created: str | None = None
    updated: str | None = None
    time_to_live: str | None = None
    uniques: tuple[Unique, ...] = ()
    entity: tuple[str, str] | None = None
    members: Mapping[str, Schema] = field(default_factory=dict)
    family: frozenset[object] = frozenset()
    tenant: Tenant | None = None
    shared: bool = False
    relatives: Relatives | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"<schema of {self.model} in {self.table}>"

    def check_paths(self, paths: Iterable[AttributePath]) -> None:
        """Refuses the paths of another model."""
        for path in paths:
            if path.owner is not None and path.owner not in self.family:
                owner = getattr(path.owner, "__name__", path.owner)
                raise InvalidOperation(f"{path} is a path of {owner}, not of {self.model}")

    def values_by_field(self, item: Item) -> dict[str, AttributeValue]:
        return {name: item[attribute] for name, attribute in self.fields.items() if attribute in item}

    def key_from(self, values: Mapping[str, AttributeValue]) -> Item:
        """The table's key for the given field values."""
        return self.key.build(values)

    def composed(self) -> Iterator[KeyAttribute]:
        """The key attributes of table and indexes that templates make, each once."""
        seen = set()
        for key in (self.key, *(index.key for index in self.indexes.values())):
            for attribute in key.attributes:
                if attribute.template is not None and attribute.name not in seen:
                    seen.add(attribute.name)
                    yield attribute

    @cached_property
    def partitions(self) -> tuple[KeyAttribute, ...]:
        """The first partition key attribute of the table and of each index."""
        keys = (self.key, *(index.key for index in self.indexes.values()))
        return each_once(key.partition[0] for key in keys)

    @cached_property
    def index_attributes(self) -> tuple[tuple[Index, KeyAttribute], ...]:
        return tuple((index, attribute) for index in self.indexes.values() for attribute in index.key.attributes)

    @cached_property
    def library(self) -> frozenset[str]:
        """The attributes that the library keeps itself, beside composed keys."""
        return frozenset(name for name in (self.version, self.created, self.updated, *(self.entity or ())[:1]) if name)

    @cached_property
    def unchangeable(self) -> frozenset[str]:
        """The attributes that no action may change: those of the key, what is composed, and what the library keeps."""
        key = (self.fields[name] for name in self.key.fields if name in self.fields)
        composed = (attribute.name for attribute in self.composed())
        return frozenset((*key, *self.key.names, *composed, *self.library, OWNER))

    @cached_property
    def _keyed(self) -> Mapping[str, str]:
        """The attributes of the fields of which keys are made."""
        keys = (self.key, *(index.key for index in self.indexes.values()))
        return {name: self.fields[name] for key in keys for name in key.fields if name in self.fields}

    @cached_property
    def field_names(self) -> Mapping[str, str]:
        """The field of each attribute."""
        return {attribute: name for name, attribute in self.fields.items()}

    def with_keys(self, item: Item) -> Item:
        """The item with its key attributes: the table's, which must be complete, and those of the indexes whose fields
        are all there (an item that lacks one is not in that index)."""
        values = {name: item[attribute] for name, attribute in self._keyed.items() if attribute in item}
        keyed = item | self.key.build(values)
        for index, attribute in self.index_attributes:
            if attribute.complete(values):
                try:
                    keyed[attribute.name] = attribute.value(values)
                except InvalidKey as error:
                    raise InvalidKey(f"index {index.name}: {error.message}") from error
        return keyed

    def read(self, items: Sequence[Item], now: Callable[[], datetime], *, expired: bool = False) -> list[Item]:
        """Those of the items that DynamoDB returned that are this model's."""
        if self.members or self.entity is not None or not (expired or self.time_to_live is None):
            return [item for item in items if self.reads(item, now, expired=expired)]
        return [item for item in items if OWNER not in item]

    def reads(self, item: Item, now: Callable[[], datetime], *, expired: bool = False) -> bool:
        """Whether an item that DynamoDB returned is one of this model's: no other model's, no sentinel of a unique
        constraint, and not past its time unless those are wanted."""
        if OWNER in item:
            return False
        if self.members:
            member = self.member_of(item)
            return member is None or member.reads(item, now, expired=expired)
        if self.entity is not None:
            attribute, name = self.entity
            if item.get(attribute, {"S": name}) != {"S": name}:
                return False
        return expired or self.time_to_live is None or not self.has_expired(item, now())

    def member_of(self, item: Item) -> Schema | None:
        """Which of the table's models an item belongs to, None where the entity attribute does not say."""
        for member in self.members.values():
            if member.entity is not None and item.get(member.entity[0]) == {"S": member.entity[1]}:
                return member
        return None

    def has_expired(self, item: Item, now: datetime) -> bool:
        """Whether the item's time is past; DynamoDB deletes such items late, up to days later."""
        value = item.get(self.time_to_live) if self.time_to_live else None
        return value is not None and "N" in value and float(value["N"]) <= now.timestamp()


def template_attribute(name: str, template: Template, *, sort: bool = False) -> KeyAttribute:
    return KeyAttribute(name, "S", template.fields, template, MAX_SORT_KEY if sort else MAX_PARTITION_KEY)


def field_attribute(name: str, type_: KeyType, source: str, *, sort: bool = False) -> KeyAttribute:
    return KeyAttribute(name, type_, (source,), None, MAX_SORT_KEY if sort else MAX_PARTITION_KEY)


def each_once(attributes: Iterable[KeyAttribute]) -> tuple[KeyAttribute, ...]:
    """The first key attribute of each name."""
    found: dict[str, KeyAttribute] = {}
    for attribute in attributes:
        found.setdefault(attribute.name, attribute)
    return tuple(found.values())


def _fields(attributes: tuple[KeyAttribute, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for attribute in attributes for name in attribute.fields))
