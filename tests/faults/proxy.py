"""A proxy in front of an engine that is short of capacity on purpose: it throttles requests, and leaves parts of
batches undone, forwarding the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from dynamorm_py.testing import LocalEndpoint
from tests.faults.server import Answer, FaultServer, Received, fault, receive

Entry = dict[str, Any]

THROTTLING = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")


@dataclass
class Trouble:
    """What goes wrong: the share of requests that are throttled, and which entries of a batch are left undone. An entry
    is `{"PutRequest": …}`, `{"DeleteRequest": …}`, or the key of a read."""

    leaves: Callable[[Entry], bool] = lambda entry: False
    throttled: float = 0.0
    spared: int = 0  # requests, from the first one on, that are not throttled
    random: Random = field(default_factory=lambda: Random(0))

    @classmethod
    def sometimes(cls, seed: int, *, left: float, throttled: float) -> Trouble:
        random = Random(seed)
        return cls(lambda entry: random.random() < left, throttled, random=random)

    def throttles(self) -> str | None:
        if self.spared:
            self.spared -= 1
            return None
        return self.random.choice(THROTTLING) if self.random.random() < self.throttled else None


class ShortOfCapacity(FaultServer):
    """Counts what it threw in the way: `throttled` requests, `left` entries. After `hang_after` requests it answers no
    more, and sets `hanging`."""

    def __init__(self, engine: LocalEndpoint, trouble: Trouble, *, hang_after: int | None = None) -> None:
        super().__init__()
        self._address = urlsplit(engine.endpoint_url)
        self._trouble = trouble
        self._hang_after = hang_after
        self.hanging = asyncio.Event()
        self.throttled = 0
        self.left = 0

    @property
    def handlers(self) -> frozenset[asyncio.Task[None]]:
        """The server's own tasks."""
        return self._listener.tasks

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        received = await receive(reader)
        self.received.append(received)
        if self._hang_after is not None and len(self.received) > self._hang_after:
            self.hanging.set()
            await reader.read()
            return False
        return await (await self._answer(received))(reader, writer)

    async def _answer(self, received: Received) -> Answer:
        code = self._trouble.throttles()
        if code is not None:
            self.throttled += 1
            return fault(code, "too fast")
        if received.operation == "BatchWriteItem":
            return await self._part_of_writes(received)
        if received.operation == "BatchGetItem":
            return await self._part_of_reads(received)
        return await self._forwarded(received, received.body)

    async def _part_of_writes(self, received: Received) -> Answer:
        tables: dict[str, list[Entry]] = received.body["RequestItems"]
        left, rest = {}, {}
        for table, entries in tables.items():
            left[table], rest[table] = self._split(entries)
        answer = await self._some(received, rest, {})
        unprocessed = {table: entries for table, entries in left.items() if entries}
        return Answer({**answer.body, "UnprocessedItems": unprocessed}) if answer.status == 200 else answer

    async def _part_of_reads(self, received: Received) -> Answer:
        tables: dict[str, dict[str, Any]] = received.body["RequestItems"]
        left, rest = {}, {}
        for table, asked in tables.items():
            keys, others = self._split(asked["Keys"])
            left[table], rest[table] = {**asked, "Keys": keys}, {**asked, "Keys": others}
        wanted = {table: asked for table, asked in rest.items() if asked["Keys"]}
        answer = await self._some(received, wanted, {"Responses": {}})
        unprocessed = {table: asked for table, asked in left.items() if asked["Keys"]}
        return Answer({**answer.body, "UnprocessedKeys": unprocessed}) if answer.status == 200 else answer

    def _split(self, entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        left = [self._trouble.leaves(entry) for entry in entries]
        self.left += sum(left)
        return (
            [entry for entry, is_left in zip(entries, left, strict=True) if is_left],
            [entry for entry, is_left in zip(entries, left, strict=True) if not is_left],
        )

    async def _some(self, received: Received, tables: dict[str, Any], nothing: dict[str, Any]) -> Answer:
        wanted = {table: entries for table, entries in tables.items() if entries}
        return await self._forwarded(received, {**received.body, "RequestItems": wanted}) if wanted else Answer(nothing)

    async def _forwarded(self, received: Received, body: dict[str, Any]) -> Answer:
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        try:
            payload = json.dumps(body).encode()
            names = ("x-amz-target", "x-amz-date", "authorization", "content-type")
            headers = {name: received.headers[name] for name in names if name in received.headers}
            headers |= {"host": self._address.netloc, "content-length": str(len(payload)), "connection": "close"}
            lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length:"))
            answer = await reader.readexactly(int(length.partition(":")[2]))
            return Answer(json.loads(answer), int(head.split(" ", 2)[1]))
        finally:
            writer.close()
            await writer.wait_closed()
