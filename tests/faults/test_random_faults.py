"""Random faults: what the caller was told, held against what the server applied.

`DYNAMORM_FUZZ_FAULTS` says how many sequences are run on each transport; without it, as many as every commit can
afford.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Literal

import pytest
import trustme

from dynamorm_py.client import Client, Credentials, Retry, Timeouts
from dynamorm_py.core.errors import ConditionFailed, DynamormError, WriteOutcomeUnknown
from dynamorm_py.core.wire import Call, Repetition
from tests.faults.ledger import LedgerServer

SEQUENCES = int(os.environ.get("DYNAMORM_FUZZ_FAULTS", "200"))
CALLS = 6  # in a sequence
PER_CLIENT = 20  # sequences
PATIENCE = 60  # seconds, in which no client's sequences are anywhere near

Name = Literal["direct", "aiobotocore"]
TRANSPORTS: tuple[Name, Name] = ("direct", "aiobotocore")


@dataclass(frozen=True)
class Told:
    """What came of one call: the error, or None where it was acknowledged."""

    name: str
    call: Call
    error: DynamormError | None
    arrivals: int = 0  # how often the server saw it

    @property
    def kind(self) -> str:
        return type(self.error).__name__


def get(name: str) -> Call:
    return Call("GetItem", {"TableName": "t", "Key": {"id": {"S": name}}})


def put(name: str) -> Call:
    return Call("PutItem", {"TableName": "t", "Item": {"id": {"S": name}, "data": {"B": b"\xfb\xff"}}})


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


KINDS = (get, put, add, add, create, transaction)
# What may be applied once at the most, whatever happens to its answers.
ONCE = (add, create, transaction)


def sequence_of(seed: int) -> list[tuple[str, Call]]:
    random = Random(seed)
    drawn = [(f"{kind.__name__}-{seed}-{place}", kind) for place, kind in enumerate(random.choices(KINDS, k=CALLS))]
    return [(name, kind(name)) for name, kind in drawn]


async def told(db: Client, name: str, call: Call) -> Told:
    try:
        await db.send(call)
    except DynamormError as error:
        return Told(name, call, error)
    return Told(name, call, None)


async def play(db: Client, seed: int) -> list[Told]:
    """One sequence: of calls one after the other, or all at once."""
    calls = sequence_of(seed)
    if seed % 4 == 3:
        return list(await asyncio.gather(*(told(db, name, call) for name, call in calls)))
    return [await told(db, name, call) for name, call in calls]


async def outcomes(
    transport: Name,
    seeds: Sequence[int],
    *,
    hanging: float,
    apart: bool = False,
    tls: ssl.SSLContext | None = None,
) -> list[Told]:
    """What the caller was told in these sequences, each of which was held against the ledger. Leaving the server waits
    for the end of every connection."""
    server = LedgerServer(seeds[0], hanging=hanging, apart=apart, tls=tls)
    async with asyncio.timeout(PATIENCE), server:
        client = Client(
            region="eu-west-1",
            endpoint_url=server.endpoint_url,
            credentials=Credentials("key", "secret"),
            transport=transport,
            retry=Retry(attempts=3, base=0),
            timeouts=Timeouts(connect=PATIENCE, read=0.05 if hanging else PATIENCE),
        )
        async with client as db:
            everything = [result for seed in seeds for result in await play(db, seed)]
        for result in everything:
            hold(result, server.ledger.applied[result.name])
    bodies = [str(received.body) for received in server.received]
    return [replace(result, arrivals=sum(repr(result.name) in body for body in bodies)) for result in everything]


def hold(result: Told, applied: int) -> None:
    """What was acknowledged is stored, and what was not is never reported as stored; nothing is applied twice that a
    second time would show."""
    story = f"{result.name}: told {result.error!r}, applied {applied} times"
    if result.call.reads:
        assert applied == 0, story
        assert not isinstance(result.error, WriteOutcomeUnknown), story
        return
    if result.name.startswith(tuple(kind.__name__ for kind in ONCE)):
        assert applied <= 1, story
    if result.error is None:
        assert applied >= 1, story
    elif isinstance(result.error, ConditionFailed) and result.error.after_ambiguity:
        # The operation settles it by the item that came back.
        assert applied == 0 or result.error.item is not None or not result.name.startswith("create"), story
    elif not isinstance(result.error, WriteOutcomeUnknown):
        assert applied == 0, story


def rounds() -> list[range]:
    return [range(start, min(start + PER_CLIENT, SEQUENCES)) for start in range(0, SEQUENCES, PER_CLIENT)]


@pytest.mark.behaviour("1.66", "2.26")
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_the_caller_is_told_is_what_the_server_did(transport: Name) -> None:
    kinds = set()
    for number, seeds in enumerate(rounds()):
        # Timeouts are waited for, so that few rounds have any.
        results = await outcomes(transport, seeds, hanging=0.02 if number % 10 == 0 else 0)
        kinds |= {result.kind for result in results}
    assert kinds >= {"NoneType", "WriteOutcomeUnknown", "ServiceError", "Throttled", "ConditionFailed"}


async def test_it_is_so_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    kinds = set()
    for seeds in rounds()[::4]:
        kinds |= {result.kind for result in await outcomes("direct", seeds, hanging=0, tls=context)}
    assert kinds >= {"NoneType", "WriteOutcomeUnknown", "ServiceError"}


async def test_both_transports_end_alike() -> None:
    """Without reads, which the direct transport may send once more, and without what a connection keeps from one
    request to the next, which each may see at another moment."""
    alike = 0
    for seeds in rounds():
        ours, theirs = [await outcomes(name, seeds, hanging=0, apart=True) for name in TRANSPORTS]
        for one, other in zip(ours, theirs, strict=True):
            # A request that never arrived, on a machine that is short of something, is no fault that was drawn.
            if not one.call.reads and one.arrivals == other.arrivals:
                alike += 1
                assert (one.name, one.kind) == (other.name, other.kind)
    assert alike > SEQUENCES * CALLS / 2
