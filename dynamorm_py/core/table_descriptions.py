"""A live table, as `DescribeTable` and `DescribeTimeToLive` tell of it, in types.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from dynamorm_py.core.errors import TableNotFound
from dynamorm_py.core.schema import Key, KeyType, Projection, Schema
from dynamorm_py.core.table_settings import Billing, Provisioned, Stream
from dynamorm_py.core.tables import TableDefinition, describe, description_call, tables_of, told
from dynamorm_py.core.wire import Call, Conversation, Response, Scope, Target


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One attribute of a key; its type is None where DynamoDB no longer tells it: in an index that is being deleted."""

    name: str
    type: KeyType | None

    def __str__(self) -> str:
        return f"{self.name} ({self.type or '?'})"


@dataclass(frozen=True, slots=True)
class TableKey:
    """The attributes of a key. Only global indexes have more than one on a side."""

    partition: tuple[KeyPart, ...]
    sort: tuple[KeyPart, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.partition + self.sort)

    def __str__(self) -> str:
        sides = [", ".join(map(str, side)) for side in (self.partition, self.sort) if side]
        return " then ".join(sides)


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """A live index. `status` is None for local indexes, which have none; counts are some six hours old, and None while
    the index is being made. `capacity` is None on demand, and for local indexes."""

    name: str
    kind: Literal["global", "local"]
    key: TableKey
    projection: Projection
    status: str | None = None
    item_count: int | None = None
    size_bytes: int | None = None
    capacity: Provisioned | None = None


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A live table. Counts and sizes are those of DynamoDB, which brings them up to date every six hours or so.

    `time_to_live` is the attribute of it, None where it is off. `raw` is the answer of `DescribeTable`, of which
    everything else is made; it does not count when descriptions are compared.
    """

    name: str
    status: str
    key: TableKey
    indexes: tuple[IndexDescription, ...]
    item_count: int
    size_bytes: int
    billing: Billing
    time_to_live: str | None
    stream: Stream
    deletion_protection: bool
    arn: str | None = None
    created_at: datetime | None = None
    # DynamoDB's members are of many types, and it adds new ones.
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def index(self, name: str) -> IndexDescription | None:
        """The index of that name, None where there is none."""
        return next((index for index in self.indexes if index.name == name), None)


@dataclass(frozen=True, slots=True)
class DescribeTable:
    """Describes the live table of one model."""

    schema: Schema
    verb: str = "describe_table"

    def first_call(self, scope: Scope) -> Call:
        return description_call(tables_of((self.schema,), scope)[0].name)

    def converse(self, scope: Scope) -> Conversation[TableDescription]:
        (table,) = tables_of((self.schema,), scope)
        live = (yield from told(table, self.verb, description_call(table.name)))["Table"]
        return described(live, (yield from time_to_live_of(table, self.verb)))


def look_at(table: TableDefinition, verb: str) -> Conversation[TableDescription | None]:
    """The live table, None where there is none. Its time to live is asked for where the models have one."""
    live = yield from describe(table.name)
    if live is None:
        return None
    attribute = None
    if table.time_to_live is not None:
        try:
            attribute = yield from time_to_live_of(table, verb)
        except TableNotFound:
            return None
    return described(live, attribute)


def time_to_live_of(table: TableDefinition, verb: str) -> Conversation[str | None]:
    """The attribute that holds the live table's time to live, None where it is off or being turned off."""
    call = Call("DescribeTimeToLive", {"TableName": table.name}, (Target(table.name),))
    description = (yield from told(table, verb, call)).get("TimeToLiveDescription", {})
    attribute: str | None = description.get("AttributeName")
    return attribute if description.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") else None


def described(live: Response, time_to_live: str | None) -> TableDescription:
    """The `Table` of a `DescribeTable` in types."""
    types = {each["AttributeName"]: each["AttributeType"] for each in live.get("AttributeDefinitions", ())}
    indexes = [
        _index(index, kind, types)
        for member, kind in _INDEXES
        for index in sorted(live.get(member) or (), key=lambda index: str(index["IndexName"]))
    ]
    stream = live.get("StreamSpecification") or {}
    return TableDescription(
        name=live.get("TableName", ""),
        status=live.get("TableStatus", ""),
        key=_key(live.get("KeySchema", ()), types),
        indexes=tuple(indexes),
        item_count=live.get("ItemCount", 0),
        size_bytes=live.get("TableSizeBytes", 0),
        billing=_capacity(live) or "PAY_PER_REQUEST",
        time_to_live=time_to_live,
        stream=stream["StreamViewType"] if stream.get("StreamEnabled") else "OFF",
        deletion_protection=live.get("DeletionProtectionEnabled", False),
        arn=live.get("TableArn"),
        created_at=live.get("CreationDateTime"),
        raw=live,
    )


def key_of(key: Key) -> TableKey:
    """A model's key, as a live one is described."""
    partition, sort = (
        tuple(KeyPart(attribute.name, attribute.type) for attribute in side) for side in (key.partition, key.sort)
    )
    return TableKey(partition, sort)


_INDEXES: tuple[tuple[str, Literal["global", "local"]], ...] = (
    ("GlobalSecondaryIndexes", "global"),
    ("LocalSecondaryIndexes", "local"),
)


def _index(index: Response, kind: Literal["global", "local"], types: Mapping[str, KeyType]) -> IndexDescription:
    projection = index.get("Projection", {})
    copied: Projection = projection.get("ProjectionType", "ALL")
    if copied not in ("ALL", "KEYS_ONLY"):
        copied = tuple(projection.get("NonKeyAttributes", ()))
    return IndexDescription(
        name=index["IndexName"],
        kind=kind,
        key=_key(index.get("KeySchema", ()), types),
        projection=copied,
        status=index.get("IndexStatus"),
        item_count=index.get("ItemCount"),
        size_bytes=index.get("IndexSizeBytes"),
        capacity=_capacity(index),
    )


def _key(schema: Sequence[Mapping[str, str]], types: Mapping[str, KeyType]) -> TableKey:
    partition, sort = (
        tuple(
            KeyPart(part["AttributeName"], types.get(part["AttributeName"]))
            for part in schema
            if part["KeyType"] == role
        )
        for role in ("HASH", "RANGE")
    )
    return TableKey(partition, sort)


def _capacity(described: Response) -> Provisioned | None:
    # A table that always was provisioned has no summary of its billing; one on demand has units of 0, in its indexes
    # too. Engines keep the old units of a table that went on demand, so the summary decides where there is one.
    if described.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
        return None
    units = described.get("ProvisionedThroughput", {})
    read, write = units.get("ReadCapacityUnits", 0), units.get("WriteCapacityUnits", 0)
    return Provisioned(read, write) if read and write else None
