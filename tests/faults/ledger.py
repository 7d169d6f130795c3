"""A server that keeps a ledger of the writes that it applied, and does to every request what a draw says."""

from __future__ import annotations

import asyncio
import json
import ssl
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.faults.server import (
    Answer,
    Behaviour,
    Bytes,
    FaultServer,
    Hang,
    LoseTheAnswer,
    Received,
    ResetTheConnection,
    Then,
    fault,
    one_by_one,
    receive,
)

# What may happen to a request, and whether it is applied all the same where it is a write.
Play = tuple[Behaviour, bool]
Damage = Callable[[Answer], Behaviour]

# Refusals, which are never applied: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
REFUSALS = (
    "AccessDeniedException",
    "IncompleteSignatureException",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "MissingAuthenticationTokenException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "SerializationException",
    "ThrottlingException",
    "TransactionConflictException",
    "UnrecognizedClientException",
    "ValidationException",
)


def on_the_wire(answer: Answer) -> bytes:
    payload = json.dumps(answer.body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(payload)}\r\nx-amz-crc32: {zlib.crc32(payload)}\r\n\r\n"
    return head.encode() + payload


def chunked(answer: Answer) -> bytes:
    payload = json.dumps(answer.body).encode()
    head = f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-amz-crc32: {zlib.crc32(payload)}\r\n\r\n"
    return head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(payload), payload)


# Answers that arrive, in the forms that HTTP has for them.
ARRIVING: tuple[Damage, ...] = (
    lambda answer: answer,
    lambda answer: one_by_one(on_the_wire(answer)),
    lambda answer: Bytes((chunked(answer),)),
    lambda answer: one_by_one(chunked(answer)),
)
# Those after which the connection ends.
CLOSING: tuple[Damage, ...] = (
    lambda answer: Then(answer),
    lambda answer: Then(Answer(answer.body, headers={"connection": "close"})),
)
# Answers that are lost or damaged on the way.
LOST: tuple[Damage, ...] = (
    lambda _: LoseTheAnswer(),
    lambda _: ResetTheConnection(),
    lambda answer: LoseTheAnswer(on_the_wire(answer)[:25]),
    lambda answer: LoseTheAnswer(on_the_wire(answer)[:-1]),
    lambda answer: LoseTheAnswer(chunked(answer)[:-6]),
    lambda answer: Answer(answer.body, headers={"x-amz-crc32": "1"}),
    lambda answer: Then(Answer(answer.body, headers={"content-length": "9999"})),
    lambda _: Bytes((b"no HTTP at all\r\n\r\n",), keep=False),
    lambda _: fault("InternalServerError", "try again", 500),
    lambda _: Answer({}, 503),
)
# Those that the next request on the connection has to do with, too.
LINGERING: tuple[Damage, ...] = (
    lambda answer: Answer(answer.body, headers={"content-length": "1"}),
    lambda _: Then(Answer({}, 502)),
)


@dataclass
class Ledger:
    """What was applied: how often each write, and the item that each key holds."""

    applied: Counter[str] = field(default_factory=Counter)
    items: dict[str, Any] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def answer(self, received: Received) -> Answer:
        """Carries a request out, as DynamoDB does."""
        body = received.body
        if received.operation == "TransactWriteItems":
            if body["ClientRequestToken"] not in self.tokens:
                self.tokens.add(body["ClientRequestToken"])
                self._write(body["TransactItems"][0]["Put"]["Item"])
            return Answer({})
        holder: dict[str, Any] = body.get("Item") or body["Key"]
        name = holder["id"]["S"]
        if received.operation == "GetItem":
            return Answer({"Item": self.items[name]} if name in self.items else {})
        if "ConditionExpression" in body and name in self.items:
            return fault("ConditionalCheckFailedException", "exists", Item=self.items[name])
        self._write(holder)
        return Answer({})

    def _write(self, item: dict[str, Any]) -> None:
        self.applied[item["id"]["S"]] += 1
        self.items[item["id"]["S"]] = item


class LedgerServer(FaultServer):
    """Draws what happens to a request: by its content and by how often that has arrived, so that both transports meet
    the same. `hanging` is the share of requests that get no answer; `apart` leaves out what a connection keeps from one
    request to the next."""

    def __init__(self, seed: int, *, hanging: float, apart: bool = False, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.ledger = Ledger()
        self._seed = seed
        self._hanging = hanging
        self._arriving = ARRIVING if apart else ARRIVING + CLOSING
        self._lost = LOST if apart else LOST + LINGERING
        self._arrivals: defaultdict[str, int] = defaultdict(int)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        received = await receive(reader)
        self.received.append(received)
        return await self._behaviour(received)(reader, writer)

    def _behaviour(self, received: Received) -> Behaviour:
        name = str(received.headers["x-amz-target"]) + json.dumps(received.body, sort_keys=True)
        self._arrivals[name] += 1
        random = Random(f"{self._seed} {name} {self._arrivals[name]}")
        draw = random.random()
        if draw < 0.4:
            return random.choice(self._arriving)(self.ledger.answer(received))
        if draw < 0.4 + self._hanging:
            self.ledger.answer(received)
            return Hang()
        if draw < 0.85:
            answer = self.ledger.answer(received) if random.random() < 0.6 else Answer({"Item": {}})
            return random.choice(self._lost)(answer)
        return fault(random.choice(REFUSALS), "no")
