"""Live tables held against what keeps tenants apart in them: the keys and indexes that all models together declare.

The guard takes a tenant's items for its own by the key attributes that models declare. An index that none declares
could hold any tenant's items under any key, and one with other attributes, or in another order, is read by a partition
key that the guard looks at as something else. So both are refused, also where no model would ever read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dynamorm_py.core.errors import InvalidModel, InvalidOperation
from dynamorm_py.core.plans import ChangeKind, TableChange, differences
from dynamorm_py.core.records import Record
from dynamorm_py.core.schema import Schema
from dynamorm_py.core.table_descriptions import described
from dynamorm_py.core.tables import TableDefinition, describe, description_call, tables_of
from dynamorm_py.core.wire import Call, Conversation, Scope

_WORDS: Mapping[ChangeKind, str] = {
    "table missing": "does not exist",
    "key differs": "its key is {found}, and its models have {wanted}",
    "index missing": "does not exist, and its models have {wanted}",
    "index extra": "is an index that no model declares, so nothing tells whose items are in it: {found}",
    "index differs": "is {found}, and its models have {wanted}",
}


class VerifyTables(Record):
    """Describes the models' tables, and raises one error that lists every difference in all of them."""

    schemas: tuple[Schema, ...]
    verb: str = "verify_tables"

    def first_call(self, scope: Scope) -> Call:
        return description_call(tables_of(self.schemas, scope)[0].name)

    def converse(self, scope: Scope) -> Conversation[None]:
        if not self.schemas:
            raise InvalidOperation("name the models whose tables are meant", operation=self.verb)
        found: list[str] = []
        for schemas in _by_table(self.schemas):
            found += yield from self._table(schemas, scope)
        if found:
            models = ", ".join(dict.fromkeys(schema.model for schema in self.schemas))
            raise InvalidOperation(
                "tables and models differ in what keeps tenants apart (plan_tables() and apply_tables() tell and make "
                "the changes of a table): " + "; ".join(found),
                model=models,
                operation=self.verb,
            )

    def _table(self, schemas: tuple[Schema, ...], scope: Scope) -> Conversation[list[str]]:
        name = scope.prefix + schemas[0].table
        apart = list(_mixed(name, schemas)) or list(_disagreeing(schemas, scope))
        try:
            (table,) = tables_of(schemas, scope)
        except InvalidOperation as error:
            # Without one idea of the table there is nothing to hold the live one against.
            return [*apart, error.message]
        live = yield from describe(name)
        return apart + [_line(change) for change in _changes(table, live)]


def together(schema: Schema) -> tuple[Schema, ...]:
    """A model with all others of this process that tell of a tenant on its table."""
    relatives = () if schema.relatives is None else schema.relatives.of_table(schema.table)
    return tuple({id(each): each for each in (schema, *relatives)}.values())


def _by_table(schemas: Iterable[Schema]) -> Iterator[tuple[Schema, ...]]:
    tables: dict[str, dict[int, Schema]] = {}
    for schema in schemas:
        for each in schema.members.values() or (schema,):
            tables.setdefault(each.table, {}).update((id(one), one) for one in together(each))
    for models in tables.values():
        yield tuple(models.values())


def _mixed(name: str, schemas: Iterable[Schema]) -> Iterator[str]:
    """That a table holds items of tenants and others: nobody could tell the others from a tenant's."""
    kinds: dict[str, dict[str, None]] = {}
    for schema in schemas:
        kind = "is a tenant's" if schema.tenant else "is shared by all" if schema.shared else "is of no tenant"
        kinds.setdefault(kind, {})[schema.model] = None
    if len(kinds) > 1:
        yield f"{name}: " + ", ".join(f"{' and '.join(models)} {kind}" for kind, models in kinds.items())


def _disagreeing(schemas: Iterable[Schema], scope: Scope) -> Iterator[str]:
    for schema in schemas:
        try:
            if scope.tables is not None:
                scope.tables.admit(schema, scope.prefix)
        except InvalidModel as error:
            # The first one tells of all that share the table.
            yield error.message
            return


def _changes(table: TableDefinition, live: Mapping[str, object] | None) -> Iterator[TableChange]:
    # What keeps tenants apart: its time to live, billing and the like are not asked for.
    now = None if live is None else described(live, table.time_to_live)
    return (change for change in differences(table, now) if change.kind in _WORDS)


def _line(change: TableChange) -> str:
    subject = f"{change.table}/{change.index}" if change.index else change.table
    return f"{subject}: {_WORDS[change.kind].format(wanted=change.wanted, found=change.found)}"
