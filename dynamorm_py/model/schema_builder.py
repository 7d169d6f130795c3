"""From a class's declarations to its schema: keys, indexes and constraints, and what is refused about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from dynamorm_py.core.errors import InvalidModel
from dynamorm_py.core.keys import MAX_PARTITION_KEY, MAX_SORT_KEY, Template
from dynamorm_py.core.records import Record
from dynamorm_py.core.schema import Index, Key, KeyAttribute, Projection, Schema, Tenant, Unique
from dynamorm_py.model.declared_fields import DeclaredFields

if TYPE_CHECKING:
    from dynamorm_py.core.schema import Relatives
    from dynamorm_py.model.indexes import GlobalIndex, LocalIndex, PrimaryKey, UniqueConstraint

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.NamingRules
_NAME = frozenset(f"{ascii_letters}{digits}_.-")
MAX_KEY_ATTRIBUTES = 4
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-attributes
MAX_KEY_NAME = 255


class Declarations(Record):
    """What a class body declares besides fields; `indexes` by class attribute."""

    primary_key: PrimaryKey | None
    indexes: Mapping[str, GlobalIndex | LocalIndex]
    uniques: Mapping[str, UniqueConstraint]
    shared: bool = False
    relatives: Relatives | None = None


class SchemaBuilder:
    """Makes the schema of a class from its fields and declarations."""

    def __init__(self, fields: DeclaredFields) -> None:
        self._fields = fields

    def build(self, table: str, declarations: Declarations) -> Schema:
        """The schema; raises `InvalidModel`."""
        if not (1 <= len(table) <= 255 and _NAME.issuperset(table)):
            raise self._fields.invalid(f"table={table!r}: a table's name has 1 to 255 letters, digits, _ . -")
        key = self._primary_key(declarations.primary_key)
        indexes: dict[str, Index] = {}
        for attribute, declaration in declarations.indexes.items():
            index = self._index(declaration, attribute, key)
            if index.name in indexes:
                raise self._fields.invalid(f"two indexes are called {index.name}")
            indexes[index.name] = index
        self._check_keys((key, *(index.key for index in indexes.values())))
        tenant = self._tenant(key, indexes)
        if tenant is not None and declarations.shared:
            raise self._fields.invalid(f"shared=True is for data of no tenant, and {tenant.field} is a tenant_key()")

        return Schema(
            model=self._fields.model.__name__,
            table=table,
            fields=self._fields.attributes,
            key=key,
            indexes=indexes,
            version=self._fields.attribute_with_role("version_number"),
            created=self._fields.attribute_with_role("created_timestamp"),
            updated=self._fields.attribute_with_role("updated_timestamp"),
            time_to_live=self._fields.attribute_with_role("time_to_live"),
            uniques=tuple(self._unique(name, each, key) for name, each in declarations.uniques.items()),
            family=frozenset(self._fields.model.__mro__),
            tenant=tenant,
            shared=declarations.shared,
            relatives=declarations.relatives,
        )

    def _tenant(self, key: Key, indexes: Mapping[str, Index]) -> Tenant | None:
        """How the items name their tenant: every partition key begins with it, and with the same text before it, since
        a tenant `T` would otherwise match the keys `T#…` of all."""
        field = self._fields.with_role("tenant_key")
        if field is None:
            return None
        prefix = self._before_tenant(field, key.partition[0], "the table")
        for index in indexes.values():
            other = self._before_tenant(field, index.key.partition[0], f"index {index.name}")
            if other != prefix:
                raise self._fields.invalid(
                    f"index {index.name}: its partition key has {other!r} before the tenant, and that of the table "
                    f"{prefix!r}: they have to be the same"
                )
        return Tenant(field, self._fields.attributes[field], prefix)

    def _before_tenant(self, field: str, partition: KeyAttribute, whose: str) -> str:
        if partition.fields[:1] != (field,):
            raise self._fields.invalid(
                f"{whose}: its partition key has to begin with the tenant: put {field} first in it, as in "
                f'"TENANT#{{{field}}}#…"'
            )
        if partition.template is None:
            return ""
        if partition.template.raw:
            raise self._fields.invalid(f"{whose}: a raw key does not keep tenants apart: leave out raw=True")
        return partition.template.constant_prefix

    def _check_keys(self, keys: Sequence[Key]) -> None:
        """The table's key, which comes first, is always there; several keys may share a composed attribute, but only as
        one and the same text."""
        for name in keys[0].fields:
            if name in self._fields.optional:
                raise self._fields.invalid(f"{name} is part of the table's key and allows None, which no key can be")
        seen: dict[str, Template] = {}
        for key in keys:
            if len(set(key.names)) < len(key.names):
                raise self._fields.invalid(f"a key has {' and '.join(key.names)}: its attributes have to differ")
            for attribute in key.attributes:
                if len(attribute.name.encode()) > MAX_KEY_NAME:
                    raise self._fields.invalid(
                        f"the key attribute {attribute.name[:20]!r}… has more than {MAX_KEY_NAME} bytes"
                    )
                if attribute.template is None:
                    continue
                other = seen.setdefault(attribute.name, attribute.template)
                if other != attribute.template:
                    raise self._fields.invalid(
                        f"{attribute.name} would be made of {other.text} and of {attribute.template.text}: "
                        "name one of the attributes differently"
                    )

    def _unique(self, name: str, declared: UniqueConstraint, key: Key) -> Unique:
        fields = declared.fields
        tenant = self._fields.with_role("tenant_key")
        if declared.across_tenants and tenant is None:
            raise self._fields.invalid(f"unique {name}: across_tenants=True is for models with a tenant_key()")
        if tenant is not None and key.partition[0].template is None and (not key.sort or key.sort[0].type == "N"):
            raise self._fields.invalid(
                f"unique {name}: a tenant's constraints are kept under the tenant's own partition key, with their "
                "values in the sort key: that has to be text or bytes"
            )
        for field in fields:
            if field not in self._fields.infos:
                raise self._fields.invalid(f"unique {name}: {field} is not a field")
            self._fields.key_type_of(field, in_template=True)
        if self._fields.with_role("time_to_live"):
            raise self._fields.invalid(
                f"unique {name}: the model has a time to live, and DynamoDB deletes what has expired without releasing "
                "its unique values"
            )
        if key.partition[0].type == "N":
            raise self._fields.invalid(
                f"unique {name}: the table's partition key is a number, and a constraint is kept in items whose key "
                "is text"
            )
        return Unique(name, fields, declared.across_tenants)

    def _primary_key(self, declared: PrimaryKey | None) -> Key:
        partition, sort = self._fields.with_role("partition_key"), self._fields.with_role("sort_key")
        tenant = self._fields.with_role("tenant_key")
        if declared is None and partition is None:
            partition = tenant
        if declared is not None:
            if partition or sort:
                raise self._fields.invalid(
                    f"{partition or sort} is marked as a key, and a PrimaryKey is declared too: keep one"
                )
            return Key(
                (self._key_attribute(declared.partition_key, declared.partition_attribute, raw=declared.raw),),
                (self._key_attribute(declared.sort_key, declared.sort_attribute, sort=True, raw=declared.raw),)
                if declared.sort_key
                else (),
            )
        if partition is None:
            raise self._fields.invalid(
                "there is no partition key: mark a field with partition_key(), or declare a PrimaryKey"
            )
        return Key(
            (self._key_attribute(partition, ""),),
            (self._key_attribute(sort, "", sort=True),) if sort else (),
        )

    def _index(self, declaration: GlobalIndex | LocalIndex, attribute: str, key: Key) -> Index:
        name = declaration.name or attribute
        if not (3 <= len(name) <= 255 and _NAME.issuperset(name)):
            raise self._fields.invalid(f"index {name!r}: an index's name has 3 to 255 letters, digits, _ . -")
        sort = self._index_side(
            declaration.sort_key, name, declaration.sort_attribute or f"{name}_sk", declaration.raw, sort=True
        )
        projection = self._projection(declaration.projection, name)
        if declaration.kind == "local":
            if not sort:
                raise self._fields.invalid(f"index {name}: a local index needs a sort_key")
            if not key.sort:
                raise self._fields.invalid(f"index {name}: a local index needs a table with a sort key")
            return Index(name, "local", Key(key.partition, sort), projection)
        partition_attribute = declaration.partition_attribute or f"{name}_pk"
        partition = self._index_side(declaration.partition_key, name, partition_attribute, declaration.raw)
        if not partition:
            raise self._fields.invalid(f"index {name}: a global index needs a partition_key")
        return Index(name, "global", Key(partition, sort), projection)

    def _index_side(
        self, source: str | tuple[str, ...], index: str, attribute: str, raw: bool, *, sort: bool = False
    ) -> tuple[KeyAttribute, ...]:
        if isinstance(source, str):
            return (self._key_attribute(source, attribute, sort=sort, raw=raw),) if source else ()
        if len(source) > MAX_KEY_ATTRIBUTES:
            raise self._fields.invalid(f"index {index}: a key has at most {MAX_KEY_ATTRIBUTES} attributes on each side")
        for name in source:
            if name not in self._fields.infos:
                raise self._fields.invalid(
                    f"index {index}: {name} is not a field; several key attributes are field names"
                )
        return tuple(self._key_attribute(name, attribute, sort=sort) for name in source)

    def _projection(self, projection: Projection, index: str) -> Projection:
        if isinstance(projection, str):
            if projection not in ("ALL", "KEYS_ONLY"):
                raise self._fields.invalid(
                    f"index {index}: a projection is 'ALL', 'KEYS_ONLY' or a tuple of field names"
                )
            return projection
        for name in projection:
            if name not in self._fields.infos:
                raise self._fields.invalid(f"index {index}: the projection names {name}, which is not a field")
        expiry = self._fields.with_role("time_to_live")
        # Without its time, nobody could tell an item in the index that has expired.
        named = (*projection, expiry) if expiry is not None and expiry not in projection else projection
        return tuple(self._fields.attributes[name] for name in named)

    def _key_attribute(self, source: str, attribute: str, *, sort: bool = False, raw: bool = False) -> KeyAttribute:
        limit = MAX_SORT_KEY if sort else MAX_PARTITION_KEY
        if "{" not in source and "#" not in source:
            if source not in self._fields.infos:
                raise self._fields.invalid(
                    f"the key names {source}, which is not a field; a constant key part is written with a #"
                )
            return KeyAttribute(
                self._fields.attributes[source], self._fields.key_type_of(source), (source,), None, limit
            )
        try:
            template = Template.parse(source, raw=raw)
        except InvalidModel as error:
            raise error.about(self._fields.model.__name__) from None
        for name in template.fields:
            if name not in self._fields.infos:
                raise self._fields.invalid(f"the key template {source!r} names {name}, which is not a field")
            self._fields.key_type_of(name, in_template=True)
        if attribute in self._fields.attributes.values():
            raise self._fields.invalid(
                f"the key template {source!r} is stored as {attribute}, which is a field's attribute too"
            )
        return KeyAttribute(attribute, "S", template.fields, template, limit)
