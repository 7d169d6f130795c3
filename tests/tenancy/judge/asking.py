"""What DynamoDB asks IAM about a request, as AWS documents it: actions, resources, and leading keys.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.tenancy.judge.evaluator import Ask

Body = Mapping[str, Any]
LEADING = "dynamodb:LeadingKeys"


@dataclass(frozen=True)
class LiveTable:
    """A table as DescribeTable has it: the first partition key attribute of table and indexes."""

    partition: str
    sort: str | None
    indexes: Mapping[str, str]

    @classmethod
    def of(cls, description: Body) -> LiveTable:
        every = [
            *description.get("GlobalSecondaryIndexes", ()),
            *description.get("LocalSecondaryIndexes", ()),
        ]
        names = {element["KeyType"]: element["AttributeName"] for element in reversed(description["KeySchema"])}
        return cls(names["HASH"], names.get("RANGE"), {index["IndexName"]: _hash(index) for index in every})

    def key_of(self, item: Body) -> dict[str, Any]:
        """The key attributes of an item that has them."""
        return {name: item[name] for name in (self.partition, self.sort) if name is not None and name in item}


def _hash(keyed: Body) -> str:
    # Of several partition key attributes, the first: `dynamodb:LeadingKeys` and `dynamodb:FirstPartitionKeyValues` are
    # described alike. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
    name: str = next(each["AttributeName"] for each in keyed["KeySchema"] if each["KeyType"] == "HASH")
    return name


@dataclass(frozen=True)
class Account:
    """Where the tables are; `table` looks a live one up, None where there is none."""

    region: str
    number: str
    table: Callable[[str], LiveTable | None]

    def arn(self, name: str) -> str:
        return name if name.startswith("arn:") else f"arn:aws:dynamodb:{self.region}:{self.number}:table/{name}"

    def leading(self, name: str, entries: Iterable[Body]) -> list[str]:
        """The partition key values of items or keys of a table, those that are there."""
        table = self.table(name)
        return [] if table is None else [text(each[table.partition]) for each in entries if table.partition in each]


def asks(account: Account, operation: str, body: Body) -> Iterator[Ask]:
    """Everything that has to be allowed for the request, in which each table stands for itself."""
    reading = _ASKS.get(operation)
    if reading is not None:
        yield from reading(account, operation, body)
        return
    # Among these PartiQL, whose statements name their tables: here it is enough that nothing allows them.
    name = body.get("TableName")
    yield Ask(f"dynamodb:{operation}", account.arn(name) if isinstance(name, str) else "*")


def _one(account: Account, operation: str, body: Body) -> Iterator[Ask]:
    yield _ask(account, operation, body["TableName"], [body.get("Key") or body.get("Item") or {}])


def _query(account: Account, operation: str, body: Body) -> Iterator[Ask]:
    name, index = body["TableName"], body.get("IndexName")
    table = account.table(name)
    resource = account.arn(name) + (f"/index/{index}" if index else "")
    partition = None if table is None else table.indexes.get(index) if index else table.partition
    found = [] if partition is None else [*_equalities(body, partition), *_legacy(body, partition)]
    yield Ask(f"dynamodb:{operation}", resource, _context([text(value) for value in found]))


def _batch_get(account: Account, operation: str, body: Body) -> Iterator[Ask]:
    for name, asked in body["RequestItems"].items():
        yield _ask(account, operation, name, asked["Keys"])


def _batch_write(account: Account, operation: str, body: Body) -> Iterator[Ask]:
    for name, entries in body["RequestItems"].items():
        written = [
            each["PutRequest"]["Item"] if "PutRequest" in each else each["DeleteRequest"]["Key"] for each in entries
        ]
        yield _ask(account, operation, name, written)


def _transaction(account: Account, operation: str, body: Body) -> Iterator[Ask]:
    for entry in body["TransactItems"]:
        for member, part in entry.items():
            action = "ConditionCheckItem" if member == "ConditionCheck" else f"{member}Item"
            yield _ask(account, action, part["TableName"], [part.get("Key") or part.get("Item") or {}])


_ASKS: Mapping[str, Callable[[Account, str, Body], Iterator[Ask]]] = {
    "GetItem": _one,
    "PutItem": _one,
    "UpdateItem": _one,
    "DeleteItem": _one,
    "Query": _query,
    "BatchGetItem": _batch_get,
    "BatchWriteItem": _batch_write,
    "TransactGetItems": _transaction,
    "TransactWriteItems": _transaction,
}


def _ask(account: Account, action: str, table: str, entries: Iterable[Body]) -> Ask:
    return Ask(f"dynamodb:{action}", account.arn(table), _context(account.leading(table, entries)))


def _context(leading: list[str]) -> Mapping[str, list[str]]:
    return {LEADING: leading} if leading else {}


_TOKEN = re.compile(r"[#:]?\w+(?:[.-]\w+)*|<>|<=|>=|[=<>(),]")


def _equalities(body: Body, partition: str) -> Iterator[Any]:
    """The values that a key condition asks of an attribute: `name = :value`, wherever that stands."""
    names, values = body.get("ExpressionAttributeNames", {}), body.get("ExpressionAttributeValues", {})
    tokens = _TOKEN.findall(body.get("KeyConditionExpression", ""))
    for name, equals, value in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if equals == "=" and names.get(name, name) == partition and value in values:
            yield values[value]


def _legacy(body: Body, partition: str) -> Iterator[Any]:
    condition = body.get("KeyConditions", {}).get(partition, {})
    if condition.get("ComparisonOperator") == "EQ":
        yield from condition["AttributeValueList"]


def text(value: Mapping[str, Any]) -> str:
    """A key value as IAM has it in the context."""
    [payload] = value.values()
    return str(payload)
