"""A judge in front of DynamoDB Local: it knows whose access key signed a request, and lets through what the policy of
that tenant allows. It also looks at what IAM does not see: index keys that a write gives, and where a page begins.

It shares no code with the guard and the compiler, whose work it judges.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from dynamorm_py.testing import LocalEndpoint
from tests.faults.server import Answer, FaultServer, Received, fault, receive
from tests.tenancy.judge.asking import LEADING, Account, LiveTable, asks, text
from tests.tenancy.judge.evaluator import Ask, Policy, allows

ACCOUNT = "111122223333"

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/")


class Refused(Exception):
    """The request is not the tenant's to make."""


class Judge(FaultServer):
    """Serves one account: `owner_of` says whose an access key is, None meaning root, who may do everything, or raises
    `LookupError`; `policy_of` gives the policy of a tenant. What it refused is kept in `refusals`. An update is refused
    once it was made, and is taken back; what else its transaction wrote stays."""

    def __init__(
        self, engine: LocalEndpoint, owner_of: Callable[[str], str | None], policy_of: Callable[[str], Policy]
    ) -> None:
        super().__init__()
        self._address = urlsplit(engine.endpoint_url)
        self._owner_of = owner_of
        self._policy_of = policy_of
        self._tables: dict[str, LiveTable | None] = {}
        self._account = Account(engine.region, ACCOUNT, self._tables.get)
        self.refusals: list[str] = []

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        received = await receive(reader)
        self.received.append(received)
        return await (await self._answer(received))(reader, writer)

    async def _answer(self, received: Received) -> Answer:
        if received.operation == "Ping":
            return Answer()
        try:
            tenant = self._tenant(received)
            if tenant is None:
                return await self._sent(received, received.operation, received.body)
            return await self._judged(tenant, received)
        except (Refused, AttributeError, KeyError, TypeError, ValueError) as reason:  # what cannot be read is refused
            self.refusals.append(f"{received.operation}: {reason}")
            return fault("AccessDeniedException", f"{received.operation} is not allowed: {reason}")

    def _tenant(self, received: Received) -> str | None:
        signed = _CREDENTIAL.search(received.headers.get("authorization", ""))
        try:
            return self._owner_of(signed["key"] if signed else "")
        except LookupError:
            raise Refused("nobody has this access key") from None

    async def _judged(self, tenant: str, received: Received) -> Answer:
        operation, body = received.operation, received.body
        await self._learn(received)
        policy = self._policy_of(tenant)
        principal = {"aws:PrincipalTag/tenant": [tenant]}
        for ask in asks(self._account, operation, body):
            if not allows(policy, Ask(ask.action, ask.resource, {**ask.context, **principal})):
                raise Refused(f"{ask.action} on {ask.resource.rpartition(':')[2]} with {ask.context}")
        own = _Own(policy, principal, self._account)
        for name, item in _stored(operation, body):
            own.check_indexes(name, self._tables.get(name), item)
        own.check_start(operation, body, self._tables.get(str(body.get("TableName"))))
        updated = [(name, key, await self._item(received, name, key)) for name, key in _updated(operation, body)]
        answer = await self._sent(received, operation, body)
        for name, key, before in updated:
            try:
                own.check_indexes(name, self._tables.get(name), await self._item(received, name, key))
            except Refused:
                await self._take_back(received, name, key, before)
                raise
        return answer

    async def _item(self, received: Received, name: str, key: Mapping[str, Any]) -> Mapping[str, Any]:
        found = await self._sent(received, "GetItem", {"TableName": name, "Key": key, "ConsistentRead": True})
        item: Mapping[str, Any] = found.body.get("Item", {})
        return item

    async def _take_back(
        self, received: Received, name: str, key: Mapping[str, Any], before: Mapping[str, Any]
    ) -> None:
        if before:
            await self._sent(received, "PutItem", {"TableName": name, "Item": before})
        else:
            await self._sent(received, "DeleteItem", {"TableName": name, "Key": key})

    async def _learn(self, received: Received) -> None:
        for name in _names(received.operation, received.body):
            if name not in self._tables:
                answer = await self._sent(received, "DescribeTable", {"TableName": name})
                if answer.status == 200:
                    self._tables[name] = LiveTable.of(answer.body["Table"])

    async def _sent(self, received: Received, operation: str, body: Mapping[str, Any]) -> Answer:
        """What the engine answers."""
        if operation in ("CreateTable", "UpdateTable", "DeleteTable"):
            self._tables.pop(str(body.get("TableName")), None)
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        try:
            payload = json.dumps(body).encode()
            headers = {
                "host": self._address.netloc,
                "x-amz-target": f"DynamoDB_20120810.{operation}",
                "authorization": received.headers["authorization"],
                "content-type": "application/x-amz-json-1.0",
                "content-length": str(len(payload)),
                "connection": "close",
            }
            lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            # The engine was told to close: a large answer has no length, and ends with the connection.
            return Answer(json.loads(await reader.read()), int(head.split(" ", 2)[1]))
        finally:
            writer.close()
            await writer.wait_closed()


class _Own:
    """What is a tenant's own among key values, by what its policy lets it query."""

    def __init__(self, policy: Policy, principal: Mapping[str, list[str]], account: Account) -> None:
        self._policy = policy
        self._principal = principal
        self._account = account

    def check_indexes(self, name: str, table: LiveTable | None, item: Mapping[str, Any]) -> None:
        """The partition keys of all indexes that an item would be in."""
        for index, attribute in () if table is None else table.indexes.items():
            if attribute in item and not self._may_query(f"{name}/index/{index}", item[attribute]):
                raise Refused(f"{attribute} would put the item into index {index} of {name} under {item[attribute]}")

    def check_start(self, operation: str, body: Mapping[str, Any], table: LiveTable | None) -> None:
        """The partition keys of where a page begins, of the table and of the index."""
        start = body.get("ExclusiveStartKey", {}) if operation == "Query" else {}
        if table is None or not start:
            return
        name, index = body["TableName"], body.get("IndexName")
        keys = {table.partition: name, **({table.indexes[index]: f"{name}/index/{index}"} if index else {})}
        for attribute, resource in keys.items():
            if attribute not in start or not self._may_query(resource, start[attribute]):
                raise Refused(f"the page begins at {start}")

    def _may_query(self, resource: str, value: Mapping[str, Any]) -> bool:
        context = {LEADING: [text(value)], **self._principal}
        return allows(self._policy, Ask("dynamodb:Query", self._account.arn(resource), context))


def _names(operation: str, body: Mapping[str, Any]) -> set[str]:
    if "RequestItems" in body:
        return set(body["RequestItems"])
    if "TransactItems" in body:
        return {part["TableName"] for entry in body["TransactItems"] for part in entry.values()}
    return {body["TableName"]} if "TableName" in body and operation != "CreateTable" else set()


def _stored(operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The items that a request stores as they stand in it, with their tables."""
    if operation == "PutItem":
        yield body["TableName"], body["Item"]
    elif operation == "BatchWriteItem":
        for name, entries in body["RequestItems"].items():
            yield from ((name, entry["PutRequest"]["Item"]) for entry in entries if "PutRequest" in entry)
    elif operation == "TransactWriteItems":
        puts = (entry["Put"] for entry in body["TransactItems"] if "Put" in entry)
        yield from ((put["TableName"], put["Item"]) for put in puts)


def _updated(operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The keys of the items that a request updates. What becomes of them is best seen in the items: an expression has
    many ways to give an attribute a value."""
    if operation == "UpdateItem":
        yield body["TableName"], body["Key"]
    elif operation == "TransactWriteItems":
        updates = (entry["Update"] for entry in body["TransactItems"] if "Update" in entry)
        yield from ((update["TableName"], update["Key"]) for update in updates)
