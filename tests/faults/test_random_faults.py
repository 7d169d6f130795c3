"""Random faults: what the caller was told, held against what the server applied.

`DYNAMORM_FUZZ_FAULTS` says how many sequences are run on each transport, and how many are compared between both;
without it, as many as every commit can afford.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
import trustme

from dynamorm_py.client import Client, Credentials, Retry, Timeouts
from dynamorm_py.core.errors import ConditionFailed, DynamormError, WriteOutcomeUnknown
from dynamorm_py.core.wire import Call, Repetition, Response
from dynamorm_py.middleware.deadlines import until
from tests.faults.ledger import Certificates, Faults, LedgerServer

# aiohttp warns of bodies of more than a megabyte, which botocore hands to it as they are.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

SEQUENCES = int(os.environ.get("DYNAMORM_FUZZ_FAULTS", "200"))
CALLS = 6  # in a sequence
PER_CLIENT = 20  # sequences
PATIENCE = 60  # seconds, in which no client's sequences are anywhere near
SHORT = 0.05  # seconds, of timeouts and deadlines that are there to run out
AMPLE = 0.5  # seconds, of timeouts that run out where no answer comes, and nowhere else

Name = Literal["direct", "aiobotocore"]
TRANSPORTS: tuple[Name, Name] = ("direct", "aiobotocore")


@dataclass(frozen=True)
class Round:
    """What a client goes through: with `together`, the calls of a sequence at once; with `writes`, no others. What does
    not end by itself is ended by a timeout, or by the deadline of each call."""

    seeds: Sequence[int]
    faults: Faults
    together: bool = False
    writes: bool = False
    timeout: float = PATIENCE
    deadline: float | None = None


@dataclass(frozen=True)
class Told:
    """What came of one call: the answer, or the error. A bare `TimeoutError` is the caller's own."""

    name: str
    call: Call
    error: DynamormError | TimeoutError | None
    response: Response | None = None
    arrivals: int = 0  # how often the server saw it
    refused: int = 0  # how often the server ended a connection that was made for it
    applied: int = 0

    @property
    def kind(self) -> str:
        return type(self.error).__name__

    @property
    def attempts(self) -> int:
        """How often it was sent, by what the caller was told."""
        if isinstance(self.error, DynamormError):
            return self.error.attempts
        return 1 + self.response["ResponseMetadata"]["RetryAttempts"] if self.response is not None else self.arrivals

    @property
    def sent_once_more(self) -> bool:
        """Whether it was sent more often than that: a read may be, on a kept connection that turns out dead."""
        return self.call.reads and self.arrivals + self.refused > self.attempts

    @property
    def end(self) -> tuple[Any, ...]:
        """All that the transports have to agree about: each has words of its own for what went wrong on the way."""
        answer = {name: value for name, value in (self.response or {}).items() if name != "ResponseMetadata"}
        cause = self.error.__cause__ if isinstance(self.error, WriteOutcomeUnknown) else None
        return self.name, answer, self.attempts, self.arrivals, self.applied, facts(self.error), facts(cause)


def facts(error: BaseException | None) -> tuple[Any, ...]:
    """What a program can tell of an error."""
    names = ("ambiguous", "throttles", "code", "status", "request_id", "item", "reasons", "after_ambiguity")
    return type(error), *(getattr(error, name, None) for name in names)


def get(name: str) -> Call:
    return Call("GetItem", {"TableName": "t", "Key": {"id": {"S": name}}})


def put(name: str) -> Call:
    return Call("PutItem", {"TableName": "t", "Item": {"id": {"S": name}, "data": {"B": b"\xfb\xff"}}})


def put_much(name: str) -> Call:
    """More than sockets take at once, so that it may be cut off in the middle."""
    return Call("PutItem", {"TableName": "t", "Item": {"id": {"S": name}, "data": {"B": bytes(4_000_000)}}})


def add(name: str) -> Call:
    request = {
        "TableName": "t",
        "Key": {"id": {"S": name}},
        "UpdateExpression": "ADD #n0 :v0",
        "ExpressionAttributeNames": {"#n0": "n"},
        "ExpressionAttributeValues": {":v0": {"N": "1"}},
    }
    return Call("UpdateItem", request, repetition=Repetition.HARMFUL)


def create(name: str) -> Call:
    request = {
        "TableName": "t",
        "Item": {"id": {"S": name}},
        "ConditionExpression": "attribute_not_exists(#n0)",
        "ExpressionAttributeNames": {"#n0": "id"},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return Call("PutItem", request, repetition=Repetition.SETTLED)


def transaction(name: str) -> Call:
    item = {"Put": {"TableName": "t", "Item": {"id": {"S": name}}}}
    return Call("TransactWriteItems", {"TransactItems": [item], "ClientRequestToken": f"token-{name}"})


KINDS = {get: 100, put: 100, put_much: 1, add: 200, create: 100, transaction: 100}
# What may be applied once at the most, whatever happens to its answers.
ONCE = (add, create, transaction)


def sequence_of(seed: int) -> list[tuple[str, Call]]:
    kinds = Random(seed).choices(list(KINDS), list(KINDS.values()), k=CALLS)
    drawn = [(f"{kind.__name__}-{seed}-{place}", kind) for place, kind in enumerate(kinds)]
    return [(name, kind(name)) for name, kind in drawn]


async def told(db: Client, name: str, call: Call) -> Told:
    try:
        return Told(name, call, None, await db.send(call))
    except DynamormError as error:
        return Told(name, call, error)


async def told_within(seconds: float | None, db: Client, name: str, call: Call) -> Told:
    """As under a deadline, which ends what is on its way, too."""
    if seconds is None:
        return await told(db, name, call)
    try:
        with until(seconds):
            async with asyncio.timeout(seconds):
                return await told(db, name, call)
    except TimeoutError as error:
        return Told(name, call, error)


async def play(server: LedgerServer, db: Client, seed: int, this: Round) -> list[Told]:
    """One sequence. It ends when no more connections are open than there were calls at once: one more would stay."""
    calls = [(name, call) for name, call in sequence_of(seed) if not (this.writes and call.reads)]
    if this.together:
        results = list(await asyncio.gather(*(told_within(this.deadline, db, name, call) for name, call in calls)))
        await server.settled(CALLS)
        return results
    results = []
    for server.expected, call in calls:
        results.append(await told_within(this.deadline, db, server.expected, call))
        # By then the client has seen what became of its connection, too.
        await server.settled(1)
    return results


async def outcomes(transport: Name, this: Round) -> list[Told]:
    """What the caller was told in these sequences, each of which was held against the ledger. Leaving the server waits
    for the end of every connection."""
    server = LedgerServer(this.seeds[0], this.faults)
    async with asyncio.timeout(PATIENCE), server:
        client = Client(
            region="eu-west-1",
            endpoint_url=server.endpoint_url,
            credentials=Credentials("key", "secret"),
            transport=transport,
            retry=Retry(attempts=3, base=0),
            timeouts=Timeouts(connect=this.timeout, read=this.timeout),
        )
        async with client as db:
            everything = [result for seed in this.seeds for result in await play(server, db, seed, this)]
    ends = [
        replace(
            result,
            arrivals=server.arrivals[result.name],
            refused=server.refused[result.name],
            applied=server.ledger.applied[result.name],
        )
        for result in everything
    ]
    for result in ends:
        hold(result)
    return ends


def hold(result: Told) -> None:
    """What was acknowledged is stored, and what was not is never reported as stored; nothing is applied twice that a
    second time would show, and nothing more often than the caller was told."""
    applied = result.applied
    story = f"{result.name}: told {result.error!r}, sent {result.attempts} times, applied {applied} times"
    if result.call.reads:
        assert applied == 0, story
        assert not isinstance(result.error, WriteOutcomeUnknown), story
        return
    assert applied <= result.attempts, story
    if result.name.startswith(tuple(kind.__name__ for kind in ONCE)):
        assert applied <= 1, story
    if result.error is None:
        assert applied >= 1, story
    elif isinstance(result.error, ConditionFailed) and result.error.after_ambiguity:
        # The operation settles it by the item that came back.
        assert applied == 0 or result.error.item is not None, story
    elif isinstance(result.error, DynamormError) and not isinstance(result.error, WriteOutcomeUnknown):
        assert applied == 0, story


def rounds() -> list[range]:
    return [range(start, min(start + PER_CLIENT, SEQUENCES)) for start in range(0, SEQUENCES, PER_CLIENT)]


def ordeal(number: int, seeds: Sequence[int], certificates: Certificates) -> Round:
    """One of the rounds that each transport goes through. Timeouts are waited for, so that few rounds have any."""
    faults = Faults(unwelcome=0.1, racing=True, certificates=certificates if number % 4 == 2 else None)
    together = number % 8 in {3, 6}
    if number % 20 in {0, 6, 10}:
        return Round(seeds, replace(faults, hanging=0.02), together, timeout=SHORT)
    if number % 20 in {5, 11, 18}:
        return Round(seeds, replace(faults, hanging=0.02, dripping=True), together, deadline=SHORT)
    return Round(seeds, faults, together)


def comparison(number: int, seeds: Sequence[int], certificates: Certificates) -> Round:
    """One of the rounds that both transports go through, in which nothing depends on who is first.

    Without TLS, only the direct transport can tell that a connection ended before the request was sent. Where
    connections are refused, a read that was sent once more would leave another one to the next call.
    """
    if number % 4 == 3:
        return Round(seeds, Faults(apart=True), together=True)
    if number % 4 == 2:
        return Round(seeds, Faults(unwelcome=0.1, certificates=certificates), writes=True)
    if number % 20 == 0:
        return Round(seeds, Faults(hanging=0.01), timeout=AMPLE)
    return Round(seeds, Faults())


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Made for one test, in whose environment the first is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    past = datetime.now(UTC) - timedelta(days=1)
    refused = (
        trustme.CA().issue_cert("localhost"),
        authority.issue_cert("elsewhere"),
        authority.issue_cert("localhost", not_before=past - timedelta(days=1), not_after=past),
    )
    return Certificates(served_with(authority.issue_cert("localhost")), tuple(map(served_with, refused)))


def served_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def kinds_of(results: Iterable[Told]) -> set[str]:
    return {result.kind for result in results}


@pytest.mark.behaviour("1.66", "2.26")
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_the_caller_is_told_is_what_the_server_did(transport: Name, certificates: Certificates) -> None:
    kinds = set()
    for number, seeds in enumerate(rounds()):
        kinds |= kinds_of(await outcomes(transport, ordeal(number, seeds, certificates)))
    assert kinds >= {"NoneType", "WriteOutcomeUnknown", "ServiceError", "Throttled", "ConditionFailed", "TimeoutError"}


async def test_both_transports_end_alike(certificates: Certificates) -> None:
    """Except in reads that the direct transport has sent once more than it was asked to, and which met other faults."""
    alike = 0
    for number, seeds in enumerate(rounds()):
        this = comparison(number, seeds, certificates)
        ours, theirs = [await outcomes(transport, this) for transport in TRANSPORTS]
        for one, other in zip(ours, theirs, strict=True):
            if not one.sent_once_more:
                alike += 1
                assert one.end == other.end
    assert alike > SEQUENCES * CALLS * 0.85
