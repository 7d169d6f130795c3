"""`Deadline`: the handler ends before the runtime ends the process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from dynamorm_py import (
    Attr,
    Client,
    Credentials,
    DeadlineExceeded,
    InvalidOperation,
    Model,
    Retry,
    Throttled,
    partition_key,
)
from dynamorm_py.aws_lambda import CallNext, Deadline, Invocation, LambdaApp, UnitOfWork
from tests.aws_lambda.context import Context
from tests.faults.server import Answer, FaultServer, Hang, fault, in_a_thread

# What a handler has here, of which the reserve leaves half a second.
MILLISECONDS = 1500
RESERVE = 1.0


class Entry(Model, table="deadline_entries"):
    name: Attr[str] = partition_key()


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with in_a_thread(FaultServer(Hang())) as server:
        yield server


@pytest.fixture
def app(server: FaultServer) -> Iterator[LambdaApp]:
    credentials = Credentials("key", "secret")
    retry = Retry(attempts=10, base=1e6, cap=1e6)
    client = Client(region="eu-west-1", endpoint_url=server.endpoint_url, credentials=credentials, retry=retry)
    app = LambdaApp(client=client, middleware=[Deadline(RESERVE), UnitOfWork()])

    @app.handler
    async def warm_up(event: None) -> None:
        """Has everything loaded that a request needs, which may take longer than the tests have."""
        await client.warm()

    warm_up(None, None)
    server.received.clear()
    yield app
    app.close()


def test_a_request_that_hangs_is_cancelled(app: LambdaApp, server: FaultServer) -> None:
    @app.handler
    async def handler(event: str) -> None:
        await Entry.get("a")

    context = Context(MILLISECONDS)
    with pytest.raises(DeadlineExceeded, match=r"the handler had 0\.\d+ s"):
        handler("event", context)
    assert context.get_remaining_time_in_millis() > 0
    assert server.operations == ["GetItem"]


def test_a_wait_is_cancelled(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str) -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlineExceeded):
        handler("event", Context(MILLISECONDS))


def test_a_retry_for_which_there_is_no_time_is_not_waited_for(app: LambdaApp, server: FaultServer) -> None:
    server.script(fault("ThrottlingException", "slow down"))

    @app.handler
    async def handler(event: str) -> None:
        await Entry.get("a")

    with pytest.raises(Throttled):
        handler("event", Context(10_000))
    assert server.operations == ["GetItem"]


def test_what_was_to_be_written_is_not_and_nothing_is_sent_afterwards(app: LambdaApp, server: FaultServer) -> None:
    server.script(Answer())
    late: list[DeadlineExceeded] = []

    @app.handler
    async def handler(event: str, ctx: Invocation) -> str:
        ctx.unit.add(Entry(name="a").create())
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            await Entry.get("a")
        except DeadlineExceeded as error:
            late.append(error)
        return "an answer that comes too late"

    with pytest.raises(DeadlineExceeded):
        handler("event", Context(MILLISECONDS))
    assert "the request was not sent" in str(late[0])
    assert server.received == []


def test_a_handler_that_defies_its_cancellation_holds_up_nobody(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str) -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    @app.handler
    async def next_one(event: str) -> str:
        return event

    context = Context(MILLISECONDS)
    with pytest.raises(DeadlineExceeded):
        handler("event", context)
    assert context.get_remaining_time_in_millis() > 0
    assert next_one("next", None) == "next"


def test_outer_layers_have_the_reserve_to_answer_in(server: FaultServer) -> None:
    async def explain(ctx: Invocation[str, str], call_next: CallNext[str, str]) -> str:
        try:
            return await call_next(ctx)
        except DeadlineExceeded as error:
            return type(error).__name__

    app = LambdaApp(client=Client(region="eu-west-1"), middleware=[explain, Deadline(RESERVE)])

    @app.handler
    async def handler(event: str) -> None:
        await asyncio.Event().wait()

    assert handler("event", Context(MILLISECONDS)) == "DeadlineExceeded"
    app.close()


def test_without_time_the_handler_does_not_begin(app: LambdaApp) -> None:
    begun: list[str] = []

    @app.handler
    async def handler(event: str) -> None:
        begun.append(event)

    with pytest.raises(DeadlineExceeded, match="not more than the reserve"):
        handler("event", Context(int(RESERVE * 1000)))
    assert begun == []


def test_in_time_and_without_a_context_it_changes_nothing(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str) -> str:
        if event == "bad":
            raise LookupError("no such thing")
        return event

    assert [handler("fine", context) for context in (None, Context(60_000))] == ["fine", "fine"]
    with pytest.raises(LookupError, match="no such thing"):
        handler("bad", Context(60_000))


def test_a_reserve_is_needed() -> None:
    with pytest.raises(InvalidOperation):
        Deadline(0)
