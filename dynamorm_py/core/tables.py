"""Tables from models: what `CreateTable` is told, and the conversations that create and delete.

API: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
Limits: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from dynamorm_py.core.errors import DeadlineExceeded, DynamormError, InvalidOperation, TableInUse, TableNotFound
from dynamorm_py.core.records import Record, replace
from dynamorm_py.core.schema import Index, Key, Schema
from dynamorm_py.core.table_settings import Provisioned, TableSettings, stream_specification, throughput
from dynamorm_py.core.tenancy import check_kind
from dynamorm_py.core.wire import Call, Conversation, Pause, Request, Response, Scope, Target

MAX_LOCAL_INDEXES = 5
MAX_PROJECTED_ATTRIBUTES = 100

POLL_SECONDS = 0.5
# Five minutes: DynamoDB creates a table, with its indexes, in seconds to a few minutes.
MAX_POLLS = 600

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


_UNSET = TableSettings()


class HasSchema(Protocol):
    """A model class, as far as its table is concerned."""

    @property
    def __dynamorm_schema__(self) -> Schema: ...


class TableDefinition(Record):
    """One physical table, as all the models on it see it together."""

    name: str
    models: tuple[str, ...]
    key: Key
    indexes: tuple[Index, ...] = ()
    time_to_live: str | None = None
    settings: TableSettings = _UNSET

    def create_request(self) -> Request:
        """The parameters of `CreateTable`: on demand capacity unless the settings say otherwise, and exactly the
        attributes that keys use."""
        billing = self.settings.billing
        provisioned = billing if isinstance(billing, Provisioned) else None
        request: Request = {
            "TableName": self.name,
            "BillingMode": "PAY_PER_REQUEST" if provisioned is None else "PROVISIONED",
            "AttributeDefinitions": self.definitions(),
            "KeySchema": _key_schema(self.key),
        }
        if provisioned is not None:
            request["ProvisionedThroughput"] = throughput(provisioned)
        for member, kind in (("GlobalSecondaryIndexes", "global"), ("LocalSecondaryIndexes", "local")):
            indexes = [index_request(index, provisioned) for index in self.indexes if index.kind == kind]
            if indexes:
                request[member] = indexes
        if self.settings.stream not in (None, "OFF"):
            request["StreamSpecification"] = stream_specification(self.settings.stream)
        if self.settings.deletion_protection:
            request["DeletionProtectionEnabled"] = True
        _check_names(self)
        return request

    def definitions(self) -> list[dict[str, str]]:
        """The attributes of all keys, each once, with its type."""
        types: dict[str, str] = {}
        for key in (self.key, *(index.key for index in self.indexes)):
            for attribute in key.attributes:
                if types.setdefault(attribute.name, attribute.type) != attribute.type:
                    raise InvalidOperation(
                        f"table {self.name}: {attribute.name} has two types in the keys of {' and '.join(self.models)}"
                    )
        return [{"AttributeName": name, "AttributeType": type_} for name, type_ in types.items()]


def tables_of(schemas: Sequence[Schema], scope: Scope, settings: TableSettings | None = None) -> list[TableDefinition]:
    """The physical tables of the models, each once, in the order in which they are first named."""
    if not schemas:
        raise InvalidOperation("name the models whose tables are meant")
    tables: dict[str, TableDefinition] = {}
    for schema in schemas:
        check_kind(schema, scope)
        name = scope.prefix + schema.table
        table = tables.get(name) or TableDefinition(name, (), schema.key, settings=settings or _UNSET)
        tables[name] = _with_model(table, schema)
    for table in tables.values():
        _check_limits(table)
    return list(tables.values())


class CreateTables(Record):
    """Creates the models' tables, waits until they are active, and turns their time to live on."""

    schemas: tuple[Schema, ...]
    settings: TableSettings | None = None
    verb: str = "create_tables"

    def first_call(self, scope: Scope) -> Call:
        return creation(tables_of(self.schemas, scope, self.settings)[0])

    def converse(self, scope: Scope) -> Conversation[None]:
        tables = tables_of(self.schemas, scope, self.settings)
        # All are created before the first is waited for, so that DynamoDB works on them at once.
        for table in tables:
            yield from told(table, self.verb, creation(table))
        for table in tables:
            yield from finish_creation(table, self.verb)


class DeleteTables(Record):
    """Deletes the models' tables, and waits until they are gone."""

    schemas: tuple[Schema, ...]
    verb: str = "delete_tables"

    def first_call(self, scope: Scope) -> Call:
        return deletion(tables_of(self.schemas, scope)[0])

    def converse(self, scope: Scope) -> Conversation[None]:
        tables = tables_of(self.schemas, scope)
        for table in tables:
            yield from told(table, self.verb, deletion(table))
        for table in tables:
            yield from wait(table.name, "gone", lambda description: description is None)


def finish_creation(table: TableDefinition, verb: str, polls: int | None = None) -> Conversation[None]:
    """Waits for a table that is being created, and makes the setting that `CreateTable` does not take."""
    yield from wait(table.name, "active", is_active, polls)
    if table.time_to_live is not None:
        yield from told(table, verb, time_to_live_update(table.name, table.time_to_live))


def told(table: TableDefinition, verb: str, call: Call) -> Conversation[Response]:
    """One call, whose errors name the table and its models."""
    try:
        response: Response = yield call
    except DynamormError as error:
        if isinstance(error, TableInUse):
            error.message = f"the table {table.name} exists already, or is being created, changed or deleted"
        elif isinstance(error, TableNotFound):
            error.message = f"the table {table.name} does not exist"
        raise error.about(", ".join(table.models), verb) from error.__cause__
    return response


def wait(
    name: str, state: str, reached: Callable[[Response | None], bool], polls: int | None = None
) -> Conversation[None]:
    """Polls until the table's description, None while there is no table, satisfies `reached`."""
    polls = MAX_POLLS if polls is None else polls
    for poll in range(1, polls + 1):
        if reached((yield from describe(name))):
            return
        yield Pause(poll, POLL_SECONDS)
    raise DeadlineExceeded(f"the table {name} is not {state} after {polls * POLL_SECONDS:.0f} seconds")


def describe(name: str) -> Conversation[Response | None]:
    """What `DescribeTable` says of a table, None where there is none."""
    try:
        answer = yield description_call(name)
    except TableNotFound:
        # Right after CreateTable this is only late: descriptions are eventually consistent.
        return None
    table: Response = answer["Table"]
    return table


def is_active(description: Response | None) -> bool:
    """Whether the table, and all of its indexes, can be read and changed."""
    if description is None or description.get("TableStatus") != "ACTIVE":
        return False
    # Local indexes have no state of their own.
    return all(index.get("IndexStatus") == "ACTIVE" for index in description.get("GlobalSecondaryIndexes") or ())


def creation(table: TableDefinition) -> Call:
    return Call("CreateTable", table.create_request(), (Target(table.name),))


def deletion(table: TableDefinition) -> Call:
    return Call("DeleteTable", {"TableName": table.name}, (Target(table.name),))


def description_call(name: str) -> Call:
    return Call("DescribeTable", {"TableName": name}, (Target(name),))


def time_to_live_update(name: str, attribute: str, *, enabled: bool = True) -> Call:
    specification = {"Enabled": enabled, "AttributeName": attribute}
    return Call("UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": specification}, (Target(name),))


def _key_schema(key: Key) -> list[dict[str, str]]:
    parts = [("HASH", attribute) for attribute in key.partition] + [("RANGE", attribute) for attribute in key.sort]
    return [{"AttributeName": attribute.name, "KeyType": role} for role, attribute in parts]


def index_request(index: Index, provisioned: Provisioned | None = None) -> dict[str, Any]:
    """One index as `CreateTable` and `UpdateTable` take it. Global indexes have capacity of their own."""
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if isinstance(index.projection, tuple):
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projection)}
    request: dict[str, Any] = {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.key),
        "Projection": projection,
    }
    if provisioned is not None and index.kind == "global":
        request["ProvisionedThroughput"] = throughput(provisioned)
    return request


def _with_model(table: TableDefinition, schema: Schema) -> TableDefinition:
    """The table with one more model on it."""
    models = (*table.models, schema.model)
    if _key_schema(table.key) != _key_schema(schema.key):
        raise InvalidOperation(f"table {table.name}: {' and '.join(models)} give it different keys")
    time_to_live = table.time_to_live or schema.time_to_live
    if schema.time_to_live not in (None, time_to_live):
        raise InvalidOperation(
            f"table {table.name}: {' and '.join(models)} keep their time to live in different attributes, "
            "and DynamoDB takes one for a table"
        )
    indexes = {index.name: index for index in table.indexes}
    for index in schema.indexes.values():
        before = indexes.get(index.name)
        indexes[index.name] = index if before is None else _joined(table.name, models, before, index)
    return replace(table, models=models, indexes=tuple(indexes.values()), time_to_live=time_to_live)


def _joined(table: str, models: tuple[str, ...], one: Index, other: Index) -> Index:
    """One index as two models see it: each may ask for attributes of its own."""
    if one.kind == other.kind and _key_schema(one.key) == _key_schema(other.key):
        if one.projection == other.projection:
            return one
        if isinstance(one.projection, tuple) and isinstance(other.projection, tuple):
            return replace(one, projection=tuple(dict.fromkeys(one.projection + other.projection)))
    raise InvalidOperation(f"table {table}: {' and '.join(models)} describe the index {one.name} differently")


def _check_limits(table: TableDefinition) -> None:
    if sum(index.kind == "local" for index in table.indexes) > MAX_LOCAL_INDEXES:
        raise InvalidOperation(f"table {table.name}: DynamoDB takes at most {MAX_LOCAL_INDEXES} local indexes a table")
    named = sum(len(index.projection) for index in table.indexes if isinstance(index.projection, tuple))
    if named > MAX_PROJECTED_ATTRIBUTES:
        raise InvalidOperation(
            f"table {table.name}: its indexes name {named} projected attributes, "
            f"and DynamoDB takes at most {MAX_PROJECTED_ATTRIBUTES}"
        )


def _check_names(table: TableDefinition) -> None:
    names = [("table", table.name), *(("index", index.name) for index in table.indexes)]
    for kind, name in names:
        if not _NAME.fullmatch(name):
            raise InvalidOperation(
                f"table {table.name}: the {kind} name {name!r} is not 3 to 255 letters, digits, '_', '-' and '.'"
            )
