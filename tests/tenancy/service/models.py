"""What a model of the service suite becomes under a tenant: the same fields and one more, and the tenant before every
partition key.

`TenantsModel` stands in for `Model` while a module of the suite is read: its metaclass changes what a class body
declares before the library sees it. Such models are on tables of other names, so that they never meet those of other
tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from dynamorm_py import Attr, GlobalIndex, Model, PrimaryKey, Table, tenant_key
from dynamorm_py.core.records import replace
from dynamorm_py.core.schema import KeyAttribute, Schema
from dynamorm_py.fields.declaration import Marker, Role, marker_of
from dynamorm_py.model.base import ModelMeta
from tests.tenancy.service.veil import FIELD, Veil, veil_of

TENANT = "acme"
SUFFIX = "-of-tenants"


def _lead(namespace: dict[str, Any]) -> None:
    """Puts the tenant before the partition keys that a class body declares. A tenant's keys are never raw."""
    partition, sort = _unmarked(namespace, "partition_key"), _unmarked(namespace, "sort_key")
    for name, declared in [*namespace.items()]:
        if isinstance(declared, GlobalIndex) and isinstance(declared.partition_key, tuple):
            namespace[name] = replace(declared, partition_key=(FIELD, *declared.partition_key))
        elif isinstance(declared, GlobalIndex | PrimaryKey):
            assert isinstance(declared.partition_key, str)
            namespace[name] = replace(declared, partition_key=_led(declared.partition_key), raw=False)
    if partition is not None:
        namespace["key_of_tenant"] = PrimaryKey(_led(partition), sort)


def _unmarked(namespace: dict[str, Any], role: Role) -> str | None:
    """The field that is marked so, without its marker: a model has either such markers or a `PrimaryKey`."""
    for name, info in namespace.items():
        if isinstance(info, FieldInfo) and marker_of(info).role == role:
            info.metadata = [
                replace(each, role="plain") if isinstance(each, Marker) else each for each in info.metadata
            ]
            return name
    return None


def _led(source: str) -> str:
    return f"{{{FIELD}}}#{source if _is_template(source) else f'{{{source}}}'}"


def _is_template(source: str) -> bool:
    return "{" in source or "#" in source


def _learn(veil: Veil, schema: Schema) -> None:
    """Tells how the model's items differ from what they would be without a tenant."""
    veil.key = schema.key.partition[0].name
    for part in _partitions(schema):
        own = part.fields[-1]
        if part.template is None:
            continue
        if part.template.text == f"{{{FIELD}}}#{{{own}}}":
            veil.added[part.name] = schema.fields[own]
        else:
            veil.prefixed.add(part.name)


def _partitions(schema: Schema) -> Iterator[KeyAttribute]:
    yield schema.key.partition[0]
    yield from (index.key.partition[0] for index in schema.indexes.values())


class TenantsMeta(ModelMeta):
    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], table: str | None = None, **options: Any
    ) -> Any:
        _lead(namespace)
        if table is None:
            return super().__new__(mcs, name, bases, namespace, **options)
        namespace[FIELD] = tenant_key()
        namespace["__annotations__"] = {**namespace.get("__annotations__", {}), FIELD: Attr[str]}
        cls: Any = super().__new__(mcs, name, bases, namespace, table + SUFFIX, **options)
        _learn(veil_of(table), cls.__dynamorm_schema__)
        return cls


class TenantsModel(Model, metaclass=TenantsMeta):
    """In the place of `Model`."""


def tenants_table(name: str, /, *models: Any, **options: Any) -> Table[Any]:
    """In the place of `Table`."""
    return Table(name + SUFFIX, *models, **options)
