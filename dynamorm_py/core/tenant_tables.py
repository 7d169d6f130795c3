"""The physical tables that a client's tenants live in, as the guard has to know them: over all models on each."""

from __future__ import annotations

from collections.abc import Iterable

from dynamorm_py.core.errors import InvalidModel
from dynamorm_py.core.schema import Key, Schema
from dynamorm_py.core.tenancy import relatives_of
from dynamorm_py.guard.tables import Bearer, GuardedTable


class TenantTables:
    """Learns a table when a first operation on it is compiled, with everything that any model of this process declares
    about it, and learns it anew when there are more models."""

    def __init__(self) -> None:
        self._tables: dict[str, GuardedTable] = {}
        # The schema is held, so that its id stays its own.
        self._admitted: dict[int, tuple[Schema, int]] = {}
        self._models: dict[str, dict[int, Schema]] = {}

    def get(self, name: str) -> GuardedTable | None:
        """What is known of a table, by its physical name."""
        return self._tables.get(name)

    def holds_tenants(self, name: str) -> bool:
        """Whether a tenant's model has been used on a table."""
        table = self._tables.get(name)
        return table is not None and not table.shared

    def names(self) -> Iterable[str]:
        """The physical names of all tables that are known."""
        return self._tables.keys()

    def knows(self, schema: Schema) -> bool:
        """Whether the table was learned with this model, and no model was made since."""
        known = self._admitted.get(id(schema))
        return known is not None and (schema.relatives is None or schema.relatives.generation == known[1])

    def admit(self, schema: Schema, prefix: str) -> None:
        """Learns the table of a tenant's or a shared model. Raises `InvalidModel` where the models on it disagree."""
        if (schema.tenant is None and not schema.shared) or self.knows(schema):
            return
        generation = 0 if schema.relatives is None else schema.relatives.generation
        name = prefix + schema.table
        models = self._models.setdefault(name, {})
        together = {**models, id(schema): schema}
        self._tables[name] = _merged(name, together.values(), relatives_of(schema))
        self._models[name] = together
        self._admitted[id(schema)] = schema, generation


def _merged(name: str, used: Iterable[Schema], relatives: Iterable[Schema]) -> GuardedTable:
    first, *others = used
    for other in (*others, *relatives):
        _check_same(first, other)
    keys: dict[str, tuple[str, ...]] = {}
    indexes: dict[str, tuple[Bearer, tuple[str, ...]]] = {}
    for schema in (first, *others, *relatives):
        for index in schema.indexes.values():
            if keys.setdefault(index.name, index.key.names) != index.key.names:
                raise _disagree(first, schema, f"index {index.name} has other key attributes")
            if schema.tenant is not None:
                indexes[index.name] = _bearer(schema.tenant.prefix, index.key), index.key.names
    return GuardedTable(
        name=name,
        key=first.key.names,
        partition=None if first.tenant is None else _bearer(first.tenant.prefix, first.key),
        indexes=indexes,
        tenant_attribute=None if first.tenant is None else first.tenant.attribute,
        protected=frozenset((*first.key.names, *(name for names in keys.values() for name in names))),
        shared=first.shared,
    )


def _bearer(prefix: str, key: Key) -> Bearer:
    partition = key.partition[0]
    return Bearer(partition.name, prefix, whole=partition.template is None)


def _check_same(first: Schema, other: Schema) -> None:
    if first.shared != other.shared:
        raise _disagree(first, other, "one is shared by all tenants")
    if first.key.names != other.key.names:
        raise _disagree(first, other, "the table has another key")
    if first.tenant is None or other.tenant is None:
        return
    if first.tenant.attribute != other.tenant.attribute:
        raise _disagree(first, other, "the tenant is stored in another attribute")
    if first.tenant.prefix != other.tenant.prefix:
        raise _disagree(first, other, "there is another text before the tenant in the partition keys")


def _disagree(first: Schema, other: Schema, what: str) -> InvalidModel:
    return InvalidModel(
        f"{other.model} and {first.model} share the table {first.table}, but {what}; on a table of tenants all models "
        "have to agree in that, or one tenant's keys could be taken for another's",
        model=other.model,
    )
