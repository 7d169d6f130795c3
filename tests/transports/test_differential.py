"""Random operations on DynamoDB Local over both transports at once: the same requests, answers and errors.

Each request goes out twice, over each transport to tables of its own. What the library makes of the answers is held
against plain dicts at the same time, as in `tests/fuzz`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from dynamorm_py.core.errors import DynamormError
from dynamorm_py.core.wire import Request, Response
from dynamorm_py.testing import LocalEndpoint
from dynamorm_py.transports import Check, Credentials, Gate, Settings, Transport
from dynamorm_py.transports.aiobotocore import open_aiobotocore
from dynamorm_py.transports.choice import Choice
from dynamorm_py.transports.direct import open_direct
from dynamorm_py.transports.opening import Opened
from tests.faults.proxy import ShortOfCapacity, Trouble
from tests.faults.server import Received
from tests.fuzz.machine import Clock, Machine
from tests.fuzz.models import KINDS

RUNS = int(os.environ.get("DYNAMORM_FUZZ_RUNS", "0"))
MODELS = tuple(kind.model for kind in KINDS)

# What DynamoDB makes up anew for each table and each answer.
OF_THE_MOMENT = ("RequestId", "HTTPHeaders", "TableId")


class Mirror:
    """Tables by other names, for the second transport."""

    def __init__(self) -> None:
        self.prefix, self._image = (f"{side}{uuid4().hex[:12]}-" for side in "dm")

    def image(self, request: Any) -> Any:
        """A request in which every table is its image. A token can be used for one request only."""
        image = _replaced(request, self.prefix, self._image)
        if "ClientRequestToken" in image:
            image["ClientRequestToken"] = f"m{image['ClientRequestToken'][1:]}"
        return image

    def original(self, answer: Any) -> Any:
        return _replaced(answer, self._image, self.prefix)


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {_replaced(key, old, new): _replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replaced(each, old, new) for each in value)
    return value


class Twins:
    """Sends everything over both, and answers with what the direct one got."""

    def __init__(self, direct: Transport, other: Transport, mirror: Mirror) -> None:
        self._direct = direct
        self._other = other
        self._mirror = mirror

    async def send(
        self,
        operation: str,
        request: Request,
        /,
        *,
        check: Check | None = None,
        credentials: Credentials | None = None,
        gate: Gate | None = None,
    ) -> Response:
        image = self._mirror.image(request)
        ours = await _outcome(self._direct, operation, request)
        theirs = await _outcome(self._other, operation, image)
        assert _comparable(ours) == self._mirror.original(_comparable(theirs)), operation
        if isinstance(ours, DynamormError):
            raise ours
        return ours

    async def warm(self) -> bool:
        return await self._direct.warm() and await self._other.warm()


async def _outcome(transport: Transport, operation: str, request: Request) -> Response | DynamormError:
    try:
        return await transport.send(operation, request)
    except DynamormError as error:
        return error


def _comparable(outcome: Any) -> Any:
    """In a form in which equality means equality: 1 is not 1.0, and an error is what its caller can see of it."""
    if isinstance(outcome, DynamormError):
        seen = ("message", "code", "status", "ambiguous", "item", "reasons")
        return (type(outcome).__name__, {name: _comparable(getattr(outcome, name, None)) for name in seen})
    if isinstance(outcome, dict):
        return {key: _comparable(value) for key, value in outcome.items() if key not in OF_THE_MOMENT}
    if isinstance(outcome, list | tuple):
        return type(outcome).__name__, [_comparable(each) for each in outcome]
    return type(outcome).__name__, None if isinstance(outcome, datetime) else repr(outcome)


class Recorders:
    """Two proxies in front of an engine, which remember what passes: one for each transport."""

    def __init__(self, engine: LocalEndpoint) -> None:
        self.direct, self.other = ShortOfCapacity(engine, Trouble()), ShortOfCapacity(engine, Trouble())

    def opened(self, mirror: Mirror) -> AbstractAsyncContextManager[Opened]:
        @asynccontextmanager
        async def opening() -> AsyncIterator[Opened]:
            async with self.direct, self.other:
                ours, theirs = (
                    Settings("us-east-1", recorder.endpoint_url, Credentials("key", "secret", "token"))
                    for recorder in (self.direct, self.other)
                )
                async with open_direct(ours) as direct, open_aiobotocore(theirs) as other:
                    yield Opened(Twins(direct, other, mirror), Choice("direct", "both are compared"))

        return opening()


def _as_sent(received: list[Received], mirror: Mirror) -> list[tuple[str, str, Any]]:
    """Requests as DynamoDB saw them; in an order of their own, because some are sent side by side."""
    return sorted((each.operation, repr(_sorted(mirror.image(each.body))), _headers(each)) for each in received)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _headers(received: Received) -> str:
    """What the headers say, besides what names the client and the moment."""
    scope = received.headers["authorization"].partition("Credential=")[2].partition(",")[0]
    names = ("content-type", "x-amz-target", "x-amz-security-token")
    return repr((scope, [received.headers[name] for name in names]))


@pytest.mark.slow
def test_both_transports_agree(dynamodb_local: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror, recorders, clock = Mirror(), Recorders(dynamodb_local), Clock()
    monkeypatch.setattr("dynamorm_py.client.client.opened", lambda *_: recorders.opened(mirror))
    client = dynamodb_local.client(table_prefix=mirror.prefix, clock=clock)
    with asyncio.Runner() as runner:
        runner.run(client.__aenter__())
        try:
            runner.run(client.create_tables(*MODELS))
            kind = type("Machine", (Machine,), {"runner": runner, "client": client, "clock": clock})
            run_state_machine_as_test(kind if RUNS else seed(0)(kind), settings=comparing())
            runner.run(client.delete_tables(*MODELS))
        finally:
            runner.run(client.__aexit__(None, None, None))
    sent = _as_sent(recorders.direct.received, mirror)
    assert sent == _as_sent(recorders.other.received, mirror)
    assert len(sent) > 200
    assert len({operation for operation, _, _ in sent}) > 10


def comparing() -> settings:
    return settings(
        max_examples=RUNS or 15,
        stateful_step_count=20,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink) if RUNS else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
