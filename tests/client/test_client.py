"""The client: its options, its life, and the places in which it works."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from dynamorm_py.client import CallRecord, Client, Credentials, Retry, Timeouts
from dynamorm_py.context import ambient, ambient_or_none
from dynamorm_py.core.errors import (
    ClientClosed,
    InvalidOperation,
    NoClient,
    RequestTimeout,
    TableInUse,
    TableNotFound,
    TransportError,
)
from dynamorm_py.core.schema import Index, Key, Schema, field_attribute
from dynamorm_py.core.wire import Call, Conversation, Item, Scope
from dynamorm_py.testing import EmbeddedDynamoDB
from tests.faults.server import Answer, FaultServer, Hang, LoseTheAnswer, in_a_thread

KEY: Item = {"user_id": {"S": "u1"}}
GET = Call("GetItem", {"TableName": "users", "Key": KEY})
FOUND = Answer({"Item": KEY})


class User:
    """A model, as far as a client looks at it."""

    __dynamorm_schema__: ClassVar[Schema] = Schema(
        "User",
        "client_users",
        {"user_id": "user_id", "email": "email", "until": "until"},
        Key((field_attribute("user_id", "S", "user_id"),)),
        {"by_email": Index("by_email", "global", Key((field_attribute("email", "S", "email"),)))},
        time_to_live="until",
    )


@dataclass(frozen=True)
class Reading:
    """The plan of an operation: reads one item under the client's prefix."""

    def first_call(self, scope: Scope) -> Call:
        return Call("GetItem", {"TableName": scope.prefix + "users", "Key": KEY})

    def converse(self, scope: Scope) -> Conversation[Item]:
        response = yield self.first_call(scope)
        item: Item = response["Item"]
        return item


@dataclass(frozen=True)
class Read:
    """An operation."""

    plan: Reading = Reading()

    def plan_in(self, scope: Scope) -> Reading:
        return self.plan


def client_of(server: FaultServer, **options: Any) -> Client:
    reach: dict[str, Any] = {
        "region": "eu-west-1",
        "endpoint_url": server.endpoint_url,
        "credentials": Credentials("key", "secret"),
        "retry": Retry(attempts=1),
    }
    return Client(**{**reach, **options})


# Options


async def test_an_operation_runs_under_the_clients_scope() -> None:
    async with FaultServer(FOUND) as server, client_of(server, table_prefix="prod-") as db:
        assert await db.run(Read()) == KEY
        assert server.received[0].body["TableName"] == "prod-users"


@pytest.mark.behaviour("2.27")
async def test_what_is_no_operation_is_refused() -> None:
    strange: Any
    for strange in ("x", None, object()):
        with pytest.raises(InvalidOperation, match="takes an operation"):
            await Client().run(strange)


def test_the_scope_holds_prefix_clock_and_secrets() -> None:
    moment = datetime(2024, 5, 1, tzinfo=UTC)
    db = Client(table_prefix="prod-", clock=lambda: moment, cursor_secret=["new", b"old"])
    assert (db.scope.prefix, db.scope.now(), db.scope.cursor_secrets) == ("prod-", moment, (b"new", b"old"))
    assert db.scope is db.scope


@pytest.mark.parametrize(
    ("given", "kept"), [(None, ()), ("one", (b"one",)), (b"one", (b"one",)), (("one", "two"), (b"one", b"two"))]
)
def test_a_cursor_secret_is_text_bytes_or_several(given: Any, kept: tuple[bytes, ...]) -> None:
    assert Client(cursor_secret=given).scope.cursor_secrets == kept


@pytest.mark.parametrize("secret", ["", b"", [], ["one", ""]])
def test_an_empty_cursor_secret_is_refused(secret: Any) -> None:
    with pytest.raises(InvalidOperation):
        Client(cursor_secret=secret)


def test_an_unknown_transport_is_refused() -> None:
    transport: Any = "carrier pigeon"
    with pytest.raises(InvalidOperation, match="carrier pigeon"):
        Client(transport=transport)


@pytest.mark.parametrize("transport", ["auto", "direct", "aiobotocore"])
@pytest.mark.behaviour("2.27")
async def test_region_endpoint_credentials_and_transport_are_used(transport: str) -> None:
    async with FaultServer(FOUND) as server:
        async with client_of(server, credentials=Credentials("AKID", "s", "token"), transport=transport) as db:
            await db.send(GET)
        assert "AKID/" in server.received[0].headers["authorization"]
        assert "/eu-west-1/dynamodb/" in server.received[0].headers["authorization"]
        assert server.received[0].headers["x-amz-security-token"] == "token"


@pytest.mark.behaviour("2.27")
async def test_a_given_session_is_used() -> None:
    session = get_session()
    session.set_credentials("FROMSESSION", "secret")
    async with FaultServer(FOUND) as server:
        async with client_of(server, session=session, credentials=None) as db:
            await db.send(GET)
        assert "FROMSESSION/" in server.received[0].headers["authorization"]


@pytest.mark.behaviour("2.27")
async def test_a_given_config_is_used() -> None:
    async with FaultServer(FOUND) as server:
        async with client_of(server, config=AioConfig(user_agent_extra="shop/7")) as db:
            await db.send(GET)
        assert "shop/7" in server.received[0].headers["user-agent"]


@pytest.mark.behaviour("2.27")
async def test_timeouts_are_used() -> None:
    async with FaultServer(Hang()) as server, client_of(server, timeouts=Timeouts(read=0.05)) as db:
        with pytest.raises(RequestTimeout):
            await db.send(GET)


@pytest.mark.behaviour("2.27")
async def test_the_retry_policy_is_used() -> None:
    async with FaultServer(LoseTheAnswer()) as server, client_of(server, retry=Retry(attempts=2, base=0)) as db:
        with pytest.raises(TransportError):
            await db.send(GET)
        assert len(server.received) == 2


@pytest.mark.behaviour("2.27")
async def test_on_call_is_told() -> None:
    records: list[CallRecord] = []
    async with FaultServer(FOUND) as server, client_of(server, on_call=records.append) as db:
        await db.send(GET)
    assert [(record.operation, record.attempts, record.error) for record in records] == [("GetItem", 1, None)]


# Life


async def test_it_is_ambient_inside_its_block_and_the_innermost_wins() -> None:
    async with FaultServer(FOUND) as server:
        async with client_of(server) as outer:
            assert ambient() is outer
            async with client_of(server) as inner:
                assert ambient() is inner
            assert ambient() is outer
        assert ambient_or_none() is None
        with pytest.raises(NoClient):
            ambient()


async def test_it_is_not_re_entrant_and_stays_open() -> None:
    async with FaultServer(FOUND) as server, client_of(server) as db:
        with pytest.raises(InvalidOperation, match="open already"):
            async with db:
                raise AssertionError("opened twice")
        assert await db.run(Read()) == KEY


async def test_it_can_be_opened_again() -> None:
    async with FaultServer(FOUND) as server:
        db = client_of(server)
        for _ in range(2):
            async with db:
                await db.send(GET)
        assert len(server.received) == 2


async def test_before_and_after_it_says_that_it_is_not_open() -> None:
    db = Client(region="eu-west-1")
    with pytest.raises(ClientClosed, match="not open"):
        await db.send(GET)
    async with db:
        pass
    with pytest.raises(ClientClosed, match="not open"):
        await db.run(Read())


async def test_opening_that_fails_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    db = Client(session=get_session(), credentials=Credentials("key", "secret"))
    with pytest.raises(InvalidOperation, match="no region"):
        await db.__aenter__()
    assert ambient_or_none() is None
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    async with db:
        assert ambient() is db


async def test_leaving_from_another_context_is_tolerated() -> None:
    async with FaultServer(FOUND) as server:
        db = client_of(server)
        await asyncio.create_task(db.__aenter__(), context=copy_context())
        assert ambient_or_none() is None
        assert await db.run(Read()) == KEY
        await asyncio.create_task(db.__aexit__(None, None, None), context=Context())
        with pytest.raises(ClientClosed):
            await db.send(GET)


def open_files() -> set[str]:
    links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return {os.readlink(link) for link in links if os.path.islink(link)}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="what is open cannot be listed here")
@pytest.mark.behaviour("2.28")
def test_nothing_is_left() -> None:
    async def work() -> None:
        async with FaultServer(FOUND) as server:
            before = open_files()
            async with client_of(server) as db:
                await asyncio.gather(*(db.send(GET) for _ in range(5)))
                assert server.connections == 5
                assert not open_files() <= before
            await server.stop()
            assert open_files() <= before
            assert asyncio.all_tasks() == {asyncio.current_task()}

    threads = set(threading.enumerate())
    asyncio.run(work())
    # aiobotocore reads certificates in the loop's own executor: a thread that the loop keeps, and ends when it ends.
    assert set(threading.enumerate()) == threads


# Places


def test_in_another_loop_it_says_so_and_can_be_opened_there() -> None:
    with in_a_thread(FaultServer(FOUND)) as server:
        db = client_of(server)
        with asyncio.Runner() as first:
            first.run(db.__aenter__())
            first.run(db.send(GET))
            with asyncio.Runner() as second:
                with pytest.raises(ClientClosed, match=r"another event loop: open it in this one"):
                    second.run(db.send(GET))
                with pytest.raises(ClientClosed, match="another event loop"):
                    second.run(db.__aenter__())
                with pytest.raises(ClientClosed, match="another event loop"):
                    second.run(db.__aexit__(None, None, None))
        with asyncio.Runner() as third:
            with pytest.raises(ClientClosed, match="another event loop, which has ended: open it in this one"):
                third.run(db.send(GET))
            third.run(db.__aenter__())
            third.run(db.send(GET))
            third.run(db.__aexit__(None, None, None))
        assert server.connections == 2
    gc.collect()


def test_a_loop_that_ends_closes_the_connections_of_a_client_left_open() -> None:
    async def leave_open(server: FaultServer) -> Client:
        db = client_of(server)
        await db.__aenter__()
        await db.send(GET)
        return db

    with in_a_thread(FaultServer(FOUND)) as server:
        db = asyncio.run(leave_open(server))
        # Leaving this block takes that the client has hung up.
    # What was left open would warn when it is collected, and a warning is an error here.
    gc.collect()
    asyncio.run(db.__aexit__(None, None, None))
    with pytest.raises(ClientClosed, match="not open"):
        asyncio.run(db.send(GET))


async def test_in_another_thread_it_says_so() -> None:
    async with FaultServer(FOUND) as server, client_of(server) as db:
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(lambda: asyncio.run(db.send(GET)))
            with pytest.raises(ClientClosed, match="another thread"):
                await asyncio.wrap_future(future)
        assert await db.run(Read()) == KEY


_FORKING = """
import asyncio, os, sys
from dynamorm_py.client import Client, Credentials
from dynamorm_py.core.errors import ClientClosed
from dynamorm_py.core.wire import Call

GET = Call("GetItem", {"TableName": "client_users", "Key": {"user_id": {"S": "u1"}}})
db = Client(region="us-east-1", endpoint_url=sys.argv[1], credentials=Credentials("testing", "testing"))

async def reopen():
    async with db:
        return await db.send(GET)

def child():
    # In a loop of its own, and in the one that it inherited.
    for run in (asyncio.run, parent.run):
        try:
            run(db.send(GET))
        except ClientClosed as error:
            assert "forked" in str(error), error
        else:
            raise AssertionError("used in another process")
    assert asyncio.run(reopen())["Item"]["user_id"] == {"S": "u1"}

with asyncio.Runner() as parent:
    parent.run(db.__aenter__())
    parent.run(db.send(GET))
    pid = os.fork()
    if pid == 0:
        # The child of a running program has no running loop of its own; its inherited runner is left alone.
        code = 1
        try:
            child()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    parent.run(db.send(GET))
    parent.run(db.__aexit__(None, None, None))
print("both")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_it_says_so_and_can_be_opened_in_the_child(tmp_path: Path) -> None:
    with EmbeddedDynamoDB() as engine:

        async def prepare() -> None:
            async with engine.client() as db:
                await db.create_tables(User)
                await db.send(Call("PutItem", {"TableName": "client_users", "Item": KEY}))

        asyncio.run(prepare())
        script = tmp_path / "forking.py"
        script.write_text(_FORKING)
        done = subprocess.run(
            # From Python 3.12 on, forking beside any thread warns, and the loop's executor has one.
            [sys.executable, "-W", "error", "-W", "ignore:This process", str(script), engine.endpoint_url],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert (done.stdout, done.stderr) == ("both\n", "")


def test_the_module_loads_no_aws_library_and_no_anyio() -> None:
    script = "import sys, dynamorm_py.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "dynamorm_py" in loaded
    assert not loaded & {"aiobotocore", "botocore", "aiohttp", "anyio", "moto", "pydantic"}


# Tables


async def test_tables_are_created_with_their_indexes_and_time_to_live_and_deleted() -> None:
    with EmbeddedDynamoDB() as engine:
        async with engine.client(table_prefix="test-") as db:
            await db.create_tables(User)
            with pytest.raises(TableInUse, match="test-client_users exists already"):
                await db.create_tables(User)
            description = await db.send(Call("DescribeTable", {"TableName": "test-client_users"}))
            (index,) = description["Table"]["GlobalSecondaryIndexes"]
            assert index["IndexName"] == "by_email"
            assert description["Table"]["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
            lifetime = await db.send(Call("DescribeTimeToLive", {"TableName": "test-client_users"}))
            assert lifetime["TimeToLiveDescription"]["AttributeName"] == "until"
            await db.delete_tables(User)
            with pytest.raises(TableNotFound, match="test-client_users does not exist"):
                await db.delete_tables(User)


# Warming up


async def test_warming_opens_the_connection_that_the_first_request_uses() -> None:
    async with FaultServer(FOUND) as server, client_of(server, transport="aiobotocore") as db:
        assert await db.warm()
        await db.send(GET)
        assert server.operations == ["Ping", "GetItem"]
        assert server.connections == 1


async def test_warming_the_direct_transport_sends_nothing() -> None:
    async with FaultServer(FOUND) as server, client_of(server, transport="direct") as db:
        assert await db.warm()
        await db.send(GET)
        assert server.operations == ["GetItem"]
        assert server.connections == 1


async def test_a_ping_carries_no_signature() -> None:
    async with FaultServer(FOUND) as server:
        credentials = Credentials("AKID", "s", "token")
        async with client_of(server, transport="aiobotocore", credentials=credentials) as db:
            await db.warm()
        assert not {"authorization", "x-amz-security-token", "x-amz-target"} & set(server.received[0].headers)


async def test_warming_fails_without_an_error() -> None:
    async with Client(region="eu-west-1", endpoint_url="http://127.0.0.1:1", credentials=Credentials("a", "s")) as db:
        assert not await db.warm()
    with pytest.raises(ClientClosed):
        await db.warm()
