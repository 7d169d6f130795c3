"""A server that keeps a ledger of the writes that it applied, and does to every request what a draw says."""

from __future__ import annotations

import asyncio
import json
import ssl
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.faults.codes import CODES
from tests.faults.server import (
    Answer,
    BeginTls,
    Behaviour,
    BreakTheTls,
    BrokenOff,
    Bytes,
    Drip,
    FaultServer,
    Hang,
    LoseTheAnswer,
    Received,
    ResetTheConnection,
    Then,
    fault,
    one_by_one,
    receive_body,
    receive_headers,
)

# What becomes of an answer.
Damage = Callable[[Answer], Behaviour]

# With these statuses any code may come, and then says nothing about whether the request was applied.
BROKEN = (500, 503)
THROTTLING = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException")
# What DynamoDB says of a request for what it holds: never of one that it has carried out.
JUDGEMENTS = ("ConditionalCheckFailedException", "TransactionCanceledException")
REASONS = ("ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ValidationError")


def on_the_wire(answer: Answer) -> bytes:
    payload = json.dumps(answer.body).encode()
    return head(answer.status, payload, f"content-length: {len(payload)}") + payload


def chunked(answer: Answer) -> bytes:
    payload = json.dumps(answer.body).encode()
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(payload), payload)
    return head(answer.status, payload, "transfer-encoding: chunked") + chunks


def head(status: int, payload: bytes, framing: str) -> bytes:
    return f"HTTP/1.1 {status} scripted\r\n{framing}\r\nx-amz-crc32: {zlib.crc32(payload)}\r\n\r\n".encode()


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
    lambda answer: Then(replace(answer, headers={"connection": "close"})),
)
# Answers that are lost or damaged on the way.
LOST: tuple[Damage, ...] = (
    lambda _: LoseTheAnswer(),
    lambda _: ResetTheConnection(),
    lambda answer: LoseTheAnswer(on_the_wire(answer)[:25]),
    lambda answer: LoseTheAnswer(on_the_wire(answer)[:-1]),
    lambda answer: LoseTheAnswer(chunked(answer)[:-6]),
    lambda answer: replace(answer, headers={"x-amz-crc32": "1"}),
    lambda answer: Then(replace(answer, headers={"content-length": "9999"})),
    lambda _: Bytes((b"no HTTP at all\r\n\r\n",), keep=False),
    lambda _: Answer({}, 503),
)
# Those that the next request on the connection has to do with, too.
LINGERING: tuple[Damage, ...] = (lambda answer: replace(answer, headers={"content-length": "1"}),)
# An end of the connection that the next request, which follows at once, may meet or not.
RACING: tuple[Damage, ...] = (lambda _: Then(Answer({}, 502)),)
# Answers that do not come to an end.
ENDLESS: tuple[Damage, ...] = (
    lambda _: Hang(),
    lambda answer: Hang(on_the_wire(answer)[:25]),
    lambda answer: Hang(on_the_wire(answer)[:-1]),
)
# What ends a connection before there is a request on it, or when no more than the beginning of one was read.
ENDS: tuple[Behaviour, ...] = (ResetTheConnection(), LoseTheAnswer())


@dataclass(frozen=True)
class Certificates:
    """The one that clients trust, and others that they do not."""

    trusted: ssl.SSLContext
    refused: tuple[ssl.SSLContext, ...]


@dataclass(frozen=True)
class Faults:
    """Which faults are drawn, and how often.

    `hanging` and `unwelcome` are the shares of requests that get no answer, and of connections that end before their
    first request. `dripping` has an answer among them of which each byte comes in time, so that it is no timeout for
    reading that ends it. `apart` leaves out what a connection keeps from one request to the next, and `racing` lets in
    what the next request may or may not meet.
    """

    hanging: float = 0
    unwelcome: float = 0
    dripping: bool = False
    apart: bool = False
    racing: bool = False
    certificates: Certificates | None = None

    @property
    def arriving(self) -> tuple[Damage, ...]:
        return ARRIVING if self.apart else ARRIVING + CLOSING

    @property
    def lost(self) -> tuple[Damage, ...]:
        under_tls: tuple[Damage, ...] = (lambda _: BreakTheTls(),) if self.certificates else ()
        return LOST + under_tls + (() if self.apart else LINGERING) + (RACING if self.racing else ())

    @property
    def endless(self) -> tuple[Damage, ...]:
        return (*ENDLESS, lambda _: Drip()) if self.dripping else ENDLESS

    @property
    def refusals(self) -> tuple[Behaviour, ...]:
        """What a connection ends with before it has begun."""
        if self.certificates is None:
            return ENDS
        hanging = (Hang(),) if self.hanging else ()
        no_tls = (Bytes((b"no TLS at all\r\n\r\n",), keep=False), BrokenOff())
        return (*ENDS, *no_tls, *hanging, *map(BeginTls, self.certificates.refused))


@dataclass
class Ledger:
    """What was applied: how often each write, and the item that each key holds."""

    applied: Counter[str] = field(default_factory=Counter)
    items: dict[str, Any] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def answer(self, request: Received) -> Answer:
        """Carries a request out, as DynamoDB does."""
        body = request.body
        if request.operation == "TransactWriteItems":
            if body["ClientRequestToken"] not in self.tokens:
                self.tokens.add(body["ClientRequestToken"])
                self._write(body["TransactItems"][0]["Put"]["Item"])
            return Answer({})
        holder: dict[str, Any] = body.get("Item") or body["Key"]
        name = holder["id"]["S"]
        if request.operation == "GetItem":
            return Answer({"Item": self.items[name]} if name in self.items else {})
        if "ConditionExpression" in body and name in self.items:
            return fault("ConditionalCheckFailedException", "exists", Item=self.items[name])
        self._write(holder)
        return Answer({})

    def _write(self, item: dict[str, Any]) -> None:
        self.applied[item["id"]["S"]] += 1
        self.items[item["id"]["S"]] = item


class LedgerServer(FaultServer):
    """Draws what happens to a request, by what it is called and by how often it has arrived, and to a connection, by
    what it is opened for (`expected`): so that both transports meet the same."""

    def __init__(self, seed: int, faults: Faults) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.arrivals: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.expected = ""
        self._seed = seed
        self._faults = faults
        self._opened: Counter[str] = Counter()

    @property
    def endpoint_url(self) -> str:
        # TLS begins behind the draw, so the listener itself knows nothing of it.
        return f"https://localhost:{self.port}" if self._faults.certificates else super().endpoint_url

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self._opened[self.expected] += 1
        random = Random(f"{self._seed} connection {self.expected} {self._opened[self.expected]}")
        if random.random() < self._faults.unwelcome:
            self.refused[self.expected] += 1
            await random.choice(self._faults.refusals)(reader, writer)
            return False
        return self._faults.certificates is None or await BeginTls(self._faults.certificates.trusted)(reader, writer)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        with self._idle():
            headers = await receive_headers(reader)
        # Each request names its item before anything else that is as long.
        beginning = await reader.readuntil(b'"}')
        name = beginning.decode().split('"')[-2]
        self.arrivals[name] += 1
        random = Random(f"{self._seed} {name} {self.arrivals[name]}")
        if random.random() < 0.05:
            return await random.choice(ENDS)(reader, writer)
        request = await receive_body(reader, headers, beginning)
        return await self._behaviour(request, name, random)(reader, writer)

    def _behaviour(self, request: Received, name: str, random: Random) -> Behaviour:
        draw = random.random()
        if draw < 0.4:
            return random.choice(self._faults.arriving)(self.ledger.answer(request))
        if draw < 0.4 + self._faults.hanging:
            return random.choice(self._faults.endless)(self.ledger.answer(request))
        if draw < 0.85:
            answer = self.ledger.answer(request) if random.random() < 0.6 else Answer({"Item": {}})
            broken = fault(random.choice(CODES), "try again", random.choice(BROKEN))
            lost: tuple[Damage, ...] = (*self._faults.lost, lambda _: broken)
            return random.choice(lost)(answer)
        return self._refusal(request, name, random)

    def _refusal(self, request: Received, name: str, random: Random) -> Behaviour:
        code = random.choice(THROTTLING if random.random() < 0.2 else CODES)
        if code in JUDGEMENTS and self.ledger.applied[name]:
            return self.ledger.answer(request)
        if code == "TransactionCanceledException":
            return fault(code, "no", CancellationReasons=[{"Code": random.choice(REASONS), "Message": "no"}])
        return fault(code, "no")
