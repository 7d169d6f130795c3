"""One table for several models: reads that return any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from dynamorm_py.core.errors import InvalidItem, InvalidKey, InvalidModel, InvalidOperation
from dynamorm_py.core.keys import MAX_SORT_KEY
from dynamorm_py.core.records import replace
from dynamorm_py.core.schema import Index, Key, KeyAttribute, Schema, Tenant
from dynamorm_py.core.search import Search
from dynamorm_py.core.values import decode_item
from dynamorm_py.core.wire import Item
from dynamorm_py.model.keys import KeyArgument, KeyValue, key_values
from dynamorm_py.query import Query

if TYPE_CHECKING:
    from dynamorm_py.model.base import Model
    from dynamorm_py.model.mapping import ModelMapping

M = TypeVar("M", bound="Model")
A = TypeVar("A", bound="Model")
B = TypeVar("B", bound="Model")
C = TypeVar("C", bound="Model")
D = TypeVar("D", bound="Model")
E = TypeVar("E", bound="Model")


class Table(Generic[M]):
    """Several models on one table, which all name it with `table=`.

        app = Table("app", User, Order)
        async for thing in app.query(user_id="u1"): ...      # User | Order

    Their items carry the name of their class in `entity_attribute`, which the library writes, so that a read knows what
    it reads; a class gets another name with `entities={User: "user"}`. Table keys, and indexes of the same name, have
    the same key attributes in all of them.
    """

    if TYPE_CHECKING:
        # A type checker joins the models to their common base, unless it is shown the union.
        @overload
        def __init__(self: Table[A], name: str, a: type[A], /, **options: Any) -> None: ...
        @overload
        def __init__(self: Table[A | B], name: str, a: type[A], b: type[B], /, **options: Any) -> None: ...
        @overload
        def __init__(
            self: Table[A | B | C], name: str, a: type[A], b: type[B], c: type[C], /, **options: Any
        ) -> None: ...
        @overload
        def __init__(
            self: Table[A | B | C | D], name: str, a: type[A], b: type[B], c: type[C], d: type[D], /, **options: Any
        ) -> None: ...
        @overload
        def __init__(
            self: Table[A | B | C | D | E],
            name: str,
            a: type[A],
            b: type[B],
            c: type[C],
            d: type[D],
            e: type[E],
            /,
            **options: Any,
        ) -> None: ...
        @overload
        def __init__(self, name: str, /, *models: type[M], **options: Any) -> None: ...
        def __init__(self, name: str, /, *models: Any, **options: Any) -> None: ...
    else:

        def __init__(self, name, /, *models, entity_attribute="entity", entities=None):
            if not models:
                raise InvalidModel("a Table needs its models", model=name)
            self._name = name
            self._mappings = tuple(model.__dynamorm_mapping__ for model in models)
            self._check()
            for mapping in self._mappings:
                mapping.join(entity_attribute, (entities or {}).get(mapping.model, mapping.model.__name__))
            self._by_entity = {mapping.schema.entity[1]: mapping for mapping in self._mappings}
            if len(self._by_entity) != len(models):
                raise InvalidModel("two models have the same entity name: tell them apart with entities=", model=name)

    if TYPE_CHECKING:
        _name: str
        _mappings: tuple[ModelMapping, ...]
        _by_entity: Mapping[str, ModelMapping]

    @property
    def name(self) -> str:
        """The table's name, without a client's prefix."""
        return self._name

    @property
    def models(self) -> tuple[type[Model], ...]:
        """The models that share the table."""
        return tuple(mapping.model for mapping in self._mappings)

    def query(self, *key: KeyArgument, **fields: KeyValue) -> Query[M]:
        """The items of all models in one partition, in the order of the sort key. The key's fields are those of any
        model's partition key. On the sort key itself, `where(attr("sk").begins_with("ORDER#"))` narrows."""
        return self._query(self._mappings, None, key, fields)

    def index(self, name: str) -> TableIndex[M]:
        """An index that one or more of the models have, by its name in the table."""
        members = tuple(mapping for mapping in self._mappings if name in mapping.schema.indexes)
        if not members:
            raise InvalidModel(f"none of its models has an index {name}", model=self._name)
        if any(mapping.schema.indexes[name].projection != "ALL" for mapping in members):
            # Neither the entity nor the fields are there, so nothing could tell the models apart, or fill them.
            raise InvalidOperation(f"index {name} copies parts of items: query it through a model", model=self._name)
        return TableIndex(self, name, members)

    def scan(self, *, segments: int = 1) -> Query[M]:
        """Every item of the table, whichever model's; several segments are read side by side, as `Model.scan` does."""
        union = self._union(self._mappings, self._mappings[0].schema.key)
        return Query(Search(union, segments=segments), self._decode)

    def __repr__(self) -> str:
        return f"<Table {self._name} of {', '.join(mapping.model.__name__ for mapping in self._mappings)}>"

    def _query(
        self,
        mappings: Sequence[ModelMapping],
        index: str | None,
        key: tuple[KeyArgument, ...],
        fields: Mapping[str, KeyValue],
    ) -> Query[M]:
        mapping = self._addressed(mappings, index, key, fields)
        found = mapping.schema.indexes[index] if index else None
        own = found.key if found else mapping.schema.key
        values = key_values(mapping, own.partition_fields, key, fields, "query")
        union = self._union(mappings, mapping.schema.key)
        bare = Key(own.partition, _bare(own.sort))
        if found is None:
            return Query(Search(replace(union, key=bare), None, values), self._decode)
        return Query(Search(union, Index(found.name, found.kind, bare, found.projection), values), self._decode)

    def _addressed(
        self,
        mappings: Sequence[ModelMapping],
        index: str | None,
        key: tuple[KeyArgument, ...],
        fields: Mapping[str, KeyValue],
    ) -> ModelMapping:
        """The model whose partition key has the fields that were given."""
        given = set(fields)
        if len(key) == 1 and isinstance(key[0], Mapping):
            given |= set(key[0])
        matching: dict[object, ModelMapping] = {}
        for mapping in mappings:
            own = mapping.schema.indexes[index].key if index else mapping.schema.key
            if _fits(own.partition_fields, mapping.schema.tenant, given, len(key)):
                matching.setdefault(tuple(_shape(attribute) for attribute in own.partition), mapping)
        if len(matching) == 1:
            return next(iter(matching.values()))
        problem = "no model's partition key has" if not matching else "the partition keys of several models have"
        raise InvalidKey(f"{problem} these fields: give them by name", model=self._name, operation="query")

    def _union(self, mappings: Sequence[ModelMapping], key: Key) -> Schema:
        fields: dict[str, str] = {attribute.name: attribute.name for attribute in key.attributes}
        for mapping in mappings:
            fields = {**mapping.attributes, **fields}
        return Schema(
            model=self._name,
            table=self._name,
            fields=fields,
            key=Key(key.partition, _bare(key.sort)),
            members={name: mapping.schema for name, mapping in self._by_entity.items()},
            family=frozenset().union(*(mapping.schema.family for mapping in mappings)),
            tenant=self._mappings[0].schema.tenant,
            shared=self._mappings[0].schema.shared,
            relatives=self._mappings[0].schema.relatives,
        )

    def _decode(self, items: Sequence[Item]) -> list[M]:
        return [self._decoded(item) for item in items]

    def _decoded(self, item: Item) -> M:
        for mapping in self._mappings:
            attribute, name = mapping.schema.entity or ("", "")
            if item.get(attribute) == {"S": name}:
                found: M = mapping.decode(item)
                return found
        key = {name: item[name] for name in self._mappings[0].schema.key.names if name in item}
        raise InvalidItem("the item names none of the table's models", model=self._name, key=decode_item(key))

    def _check(self) -> None:
        first = self._mappings[0].schema
        for schema in (mapping.schema for mapping in self._mappings):
            if schema.table != self._name:
                raise InvalidModel(f"{schema.model} is on the table {schema.table}", model=self._name)
            if (schema.tenant is None, schema.shared) != (first.tenant is None, first.shared):
                raise InvalidModel(
                    f"{schema.model} and {first.model} share a table: both have a tenant_key(), or both are shared, or "
                    "neither",
                    model=self._name,
                )
            if schema.tenant is not None and first.tenant is not None and schema.tenant.field != first.tenant.field:
                raise InvalidModel(
                    f"{schema.model} calls its tenant {schema.tenant.field}, and {first.model} {first.tenant.field}: "
                    "in one Table they have to call it alike",
                    model=self._name,
                )
            _check_same(self._name, schema.model, "the table's key", first.key, schema.key)
            for name, index in schema.indexes.items():
                for other in (mapping.schema for mapping in self._mappings):
                    if name in other.indexes:
                        _check_same(self._name, schema.model, f"index {name}", other.indexes[name].key, index.key)


class TableIndex(Generic[M]):
    """An index over several models: `app.index("by_date")`."""

    __slots__ = ("_mappings", "_name", "_table")

    def __init__(self, table: Table[M], name: str, mappings: tuple[ModelMapping, ...]) -> None:
        self._table = table
        self._name = name
        self._mappings = mappings

    def query(self, *key: KeyArgument, **fields: KeyValue) -> Query[M]:
        """The items of all models with this partition key of the index."""
        return self._table._query(self._mappings, self._name, key, fields)


def _bare(sort: tuple[KeyAttribute, ...]) -> tuple[KeyAttribute, ...]:
    """Sort keys without templates: each model has its own, so a collection is narrowed by the attribute itself."""
    return tuple(
        KeyAttribute(attribute.name, "S", (attribute.name,), limit=MAX_SORT_KEY) if attribute.template else attribute
        for attribute in sort
    )


def _fits(names: tuple[str, ...], tenant: Tenant | None, given: set[str], positional: int) -> bool:
    """Whether these are the fields of a partition key; a tenant's scope knows the tenant, which may be left out."""
    if given == set(names) or (not given and positional == len(names)):
        return True
    rest = {name for name in names if tenant is not None and name != tenant.field}
    return tenant is not None and (given == rest if given else positional == len(rest))


def _shape(attribute: KeyAttribute) -> tuple[str, str]:
    return attribute.name, attribute.template.text if attribute.template else attribute.fields[0]


def _check_same(table: str, model: str, what: str, one: Key, other: Key) -> None:
    if [(part.name, part.type) for part in one.attributes] != [(part.name, part.type) for part in other.attributes]:
        raise InvalidModel(f"{what} of {model} has other attributes than that of the other models", model=table)
