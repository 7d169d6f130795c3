"""The service suite: the same tests on every engine, and on both transports, each test with table names of its own.

`db` is an open client, ambient in the test, once on each engine; `local_db` is one on DynamoDB Local alone, for what
only AWS's own engine is trusted to answer. Whatever tables a test creates are deleted behind it. What dynalite has too
is marked, and asked of it as well; `test_dynalite.py` names what it lacks.

DynamoDB Local is asked by both transports. On the other engines the direct one stands for both: what they answer is the
same, whoever asks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from dynamorm_py.client import Client
from dynamorm_py.core.wire import Call
from dynamorm_py.testing import LocalEndpoint

OpenClient = Callable[..., AbstractAsyncContextManager[Client]]


TRANSPORTS = ("direct", "aiobotocore")
ENGINES = ("embedded", "dynamodb_local")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each engine, unless a test names its own, dynalite too for the tests that are marked so; and where the engine is
    DynamoDB Local, each transport."""
    markers = metafunc.definition.iter_markers("parametrize")
    if any("engine" in marker.args[0] or "transport" in marker.args[0] for marker in markers):
        return
    if "engine" in metafunc.fixturenames:
        second_opinion = ("dynalite",) if metafunc.definition.get_closest_marker("dynalite") else ()
        metafunc.parametrize(
            ("engine", "transport"),
            [
                pytest.param(engine, transport, id=engine if transport == "direct" else f"{engine}-{transport}")
                for engine in (*ENGINES, *second_opinion)
                for transport in (TRANSPORTS if engine == "dynamodb_local" else TRANSPORTS[:1])
            ],
            indirect=True,
        )
    elif "local_db" in metafunc.fixturenames:
        metafunc.parametrize("transport", TRANSPORTS, indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> LocalEndpoint:
    """Each engine in turn; only the one that is asked for is started."""
    found: LocalEndpoint = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def transport(request: pytest.FixtureRequest) -> str:
    """What the clients of a test are opened on; the direct one where it does not matter."""
    return getattr(request, "param", TRANSPORTS[0])


@pytest.fixture
def table_prefix() -> str:
    """What sets this test's tables apart from those of all others on a shared engine."""
    return f"t{uuid4().hex[:12]}-"


@pytest.fixture
def open_client(engine: LocalEndpoint, transport: str, table_prefix: str) -> OpenClient:
    """Opens another client of the engine that sees the same tables: `async with open_client(cursor_secret="…") as db`.
    `options` are those of `Client`."""

    def opened(**options: Any) -> AbstractAsyncContextManager[Client]:  # each option of Client has a type of its own
        return engine.client(**{"table_prefix": table_prefix, "transport": transport, **options})

    return opened


@pytest.fixture
async def db(open_client: OpenClient, table_prefix: str) -> AsyncIterator[Client]:
    """An open client on each engine, ambient in the test."""
    async with open_client() as client, _swept(client, table_prefix):
        yield client


@pytest.fixture
async def local_db(dynamodb_local: LocalEndpoint, transport: str, table_prefix: str) -> AsyncIterator[Client]:
    """An open client on DynamoDB Local, ambient in the test."""
    reach = {"table_prefix": table_prefix, "transport": transport}
    async with dynamodb_local.client(**reach) as client, _swept(client, table_prefix):
        yield client


@asynccontextmanager
async def _swept(client: Client, prefix: str) -> AsyncIterator[None]:
    yield
    for name in await _tables(client):
        if name.startswith(prefix):
            await client.send(Call("DeleteTable", {"TableName": name}))


async def _tables(client: Client) -> list[str]:
    names: list[str] = []
    start: dict[str, str] = {}
    while True:
        answer = await client.send(Call("ListTables", dict(start)))
        names += answer.get("TableNames", [])
        if "LastEvaluatedTableName" not in answer:
            return names
        start = {"ExclusiveStartTableName": answer["LastEvaluatedTableName"]}
