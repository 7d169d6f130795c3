"""`LambdaApp` in this process, where importing a handler is not INIT."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

import pytest

from dynamorm_py import Attr, Client, DeadlineExceeded, Model, field, partition_key
from dynamorm_py.aws_lambda import Invocation, LambdaApp
from dynamorm_py.context import ambient_or_none
from dynamorm_py.testing import EmbeddedDynamoDB
from tests.aws_lambda.context import Context


class Visitor(Model, table="lambda_visitors"):
    name: Attr[str] = partition_key()
    visits: Attr[int] = field(default=0)


@pytest.fixture
def app(embedded: EmbeddedDynamoDB) -> Iterator[LambdaApp]:
    app = LambdaApp(client=embedded.client(), models=[Visitor])
    yield app
    app.close()


def test_a_handler_is_an_ordinary_function_outside(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str, ctx: Invocation[str]) -> list[object]:
        """Greets."""
        return [event, ctx.event, ctx.cold_start, ctx.request_id, ctx.db is ambient_or_none()]

    assert handler("one", None) == ["one", "one", True, "", True]
    assert handler("two", None) == ["two", "two", False, "", True]
    assert (handler.__name__, handler.__doc__) == ("handler", "Greets.")
    assert ambient_or_none() is None


def test_handlers_of_one_app_share_its_client(app: LambdaApp) -> None:
    @app.handler
    async def arrive(event: str, ctx: Invocation[str]) -> None:
        assert isinstance(ctx.db, Client)
        await ctx.db.create_tables(Visitor)
        await Visitor(name=event).create()

    @app.handler
    async def leave(event: str, ctx: Invocation[str]) -> Visitor | None:
        visitor = await Visitor.get(event)
        assert isinstance(ctx.db, Client)
        await ctx.db.delete_tables(Visitor)
        return visitor

    assert arrive("ann", None) is None
    assert leave("ann", None) == {"name": "ann", "visits": 0}


def test_it_can_be_used_again_after_it_was_closed(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str) -> bool:
        return ambient_or_none() is not None

    assert handler("before", None)
    app.close()
    app.close()
    assert handler("after", None)


async def test_inside_a_running_loop_it_is_awaited(embedded: EmbeddedDynamoDB) -> None:
    app = LambdaApp(client=embedded.client())

    @app.handler
    async def handler(event: str, ctx: Invocation[str]) -> list[object]:
        return [event, ctx.db.is_open, ctx.db is ambient_or_none(), ctx.cold_start]

    assert await handler("one", None) == ["one", True, True, True]
    both: list[object] = list(await asyncio.gather(handler("two", None), handler("three", None)))
    assert both == [["two", True, True, False], ["three", True, True, False]]
    assert ambient_or_none() is None
    await app.aclose()


async def test_inside_a_running_loop_a_client_that_is_open_is_used_and_left_open(embedded: EmbeddedDynamoDB) -> None:
    async with embedded.client() as db:
        app = LambdaApp(client=db)

        @app.handler
        async def handler(event: str) -> bool:
            return ambient_or_none() is db

        assert await handler("one", None)
        await app.aclose()
        assert db.is_open


async def test_inside_a_running_loop_calls_that_begin_together_open_the_client_once(embedded: EmbeddedDynamoDB) -> None:
    class Counted(Client):
        opened = 0

        async def __aenter__(self) -> Self:
            Counted.opened += 1
            await asyncio.sleep(0)
            return await super().__aenter__()

    app = LambdaApp(client=Counted(endpoint_url=embedded.endpoint_url, region="us-east-1"))

    @app.handler
    async def handler(event: int) -> int:
        return event

    assert list(await asyncio.gather(*(handler(number, None) for number in range(5)))) == list(range(5))
    assert Counted.opened == 1
    await app.aclose()


def test_a_loop_of_somebody_elses_changes_nothing(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str) -> list[bool]:
        return [asyncio.get_running_loop() is loop for loop in loops]

    loops: list[asyncio.AbstractEventLoop] = []

    async def elsewhere() -> None: ...

    handler("first", None)
    loops.append(asyncio.get_event_loop_policy().get_event_loop())
    asyncio.run(elsewhere())
    assert handler("second", None) == [True]
    assert asyncio.get_event_loop_policy().get_event_loop() is loops[0]


def test_a_loop_that_somebody_closed_is_replaced_and_the_client_opened_in_the_new_one(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str, ctx: Invocation[str]) -> bool:
        return ctx.db.is_open

    assert handler("first", None)
    loop = asyncio.get_event_loop_policy().get_event_loop()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert handler("second", None)


def test_a_client_that_was_idle_for_too_long_is_opened_anew(embedded: EmbeddedDynamoDB) -> None:
    class Counted(Client):
        opened = 0

        async def __aenter__(self) -> Self:
            Counted.opened += 1
            return await super().__aenter__()

    counts = []
    for limit in (3600.0, -1.0):
        app = LambdaApp(client=Counted(region="us-east-1"), idle_limit=limit)

        @app.handler
        async def handler(event: str, ctx: Invocation[str]) -> bool:
            return ctx.db.is_open

        Counted.opened = 0
        assert all(handler("event", None) for _ in range(3))
        counts.append(Counted.opened)
        app.close()
    assert counts == [1, 3]


def test_tasks_that_a_handler_leaves_running_end_with_it(app: LambdaApp, caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def linger(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def fail_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LookupError("too late") from None

    @app.handler
    async def handler(event: str) -> list[str]:
        kept.extend([asyncio.create_task(linger("a")), asyncio.ensure_future(linger("b"))])
        kept.append(asyncio.create_task(fail_when_cancelled()))
        await asyncio.sleep(0)
        return list(ended)

    kept: list[asyncio.Future[None]] = []
    assert handler("event", None) == []
    assert sorted(ended) == ["a", "b"]
    assert all(task.done() for task in kept)
    assert caplog.text.count("left a task running") == 3
    assert "LookupError: too late" in caplog.text


def test_a_task_that_nobody_refers_to_is_not_collected_but_ended(app: LambdaApp) -> None:
    how: list[str] = []

    async def wait_for_nothing() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException as error:
            how.append(type(error).__name__)
            raise

    @app.handler
    async def handler(event: str) -> list[str]:
        asyncio.create_task(wait_for_nothing())  # type: ignore[unused-awaitable]  # noqa: RUF006
        await asyncio.sleep(0)
        gc.collect()
        return list(how)

    assert handler("event", None) == []
    assert how == ["CancelledError"]


def test_a_cancellation_from_inside_does_not_end_the_runtime(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    with pytest.raises(RuntimeError, match="was cancelled") as raised:
        handler("event", None)
    assert isinstance(raised.value.__cause__, asyncio.CancelledError)


def test_a_task_that_does_not_let_itself_be_cancelled_never_runs_again(
    app: LambdaApp, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[int] = []

    async def defy() -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
            steps.append(len(steps))

    loops: list[asyncio.AbstractEventLoop] = []

    @app.handler
    async def handler(event: str, ctx: Invocation[str]) -> int:
        loops.append(asyncio.get_running_loop())
        if event == "defy":
            defiant.append(asyncio.create_task(defy()))
        await asyncio.sleep(0.05)
        return len(steps)

    defiant: list[asyncio.Task[None]] = []
    handler("defy", Context(100))
    assert "the event loop is given up" in caplog.text
    assert handler("next", Context(10_000)) == handler("next", Context(10_000))
    assert loops[0] is not loops[1] is loops[2]
    assert loops[0].is_closed()
    assert not defiant[0].done()


def test_after_an_invocation_nothing_is_sent_for_it(app: LambdaApp) -> None:
    outcomes: list[BaseException] = []
    tasks: list[asyncio.Task[None]] = []

    async def write_late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await Visitor(name="late").create()
            except DeadlineExceeded as error:
                outcomes.append(error)

    @app.handler
    async def handler(event: str) -> None:
        tasks.append(asyncio.create_task(write_late()))
        await asyncio.sleep(0)

    handler("event", None)
    assert "the work that it belongs to has ended" in str(outcomes[0])


def test_it_goes_on_in_a_forked_child(embedded: EmbeddedDynamoDB) -> None:
    source = f"""
        import os
        from dynamorm_py import Client, Credentials
        from dynamorm_py.aws_lambda import LambdaApp, Invocation
        from dynamorm_py.core.wire import Call

        credentials = Credentials(access_key="a", secret_key="s")
        client = Client(region="us-east-1", endpoint_url="{embedded.endpoint_url}", credentials=credentials)
        app = LambdaApp(client=client)

        @app.handler
        async def handler(event, ctx: Invocation):
            await ctx.db.send(Call("ListTables", {{}}))
            return event

        print(handler("parent", None), flush=True)
        child = os.fork()
        if not child:
            print(handler("child", None), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(handler("parent again", None), flush=True)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "parent\nchild\nparent again\n"), done.stderr


def test_a_function_of_no_event_is_refused() -> None:
    async def of_nothing() -> None: ...

    async def of_three(event: object, ctx: object, more: object) -> None: ...

    app = LambdaApp()
    with pytest.raises(TypeError, match="of_nothing takes 0 parameters"):
        app.handler(of_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    with pytest.raises(TypeError, match="of_three takes 3 parameters"):
        app.handler(of_three)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_applying_the_decorator_opens_nothing_outside_lambda() -> None:
    class Untouched(Client):
        async def __aenter__(self) -> Self:
            raise AssertionError("opened")

    app = LambdaApp(client=Untouched())

    @app.handler
    async def handler(event: object) -> None: ...

    with pytest.raises(AssertionError, match="opened"):
        handler({}, None)
    app.close()


def test_a_process_that_ends_with_an_open_app_warns_of_nothing() -> None:
    with EmbeddedDynamoDB() as dynamodb:
        source = f"""
            from dynamorm_py import Attr, Client, Credentials, Model, partition_key
            from dynamorm_py.aws_lambda import LambdaApp, Invocation

            class Visitor(Model, table="visitors"):
                name: Attr[str] = partition_key()

            credentials = Credentials(access_key="a", secret_key="s")
            client = Client(region="us-east-1", endpoint_url="{dynamodb.endpoint_url}", credentials=credentials)
            app = LambdaApp(client=client, models=[Visitor])

            @app.handler
            async def handler(event, ctx: Invocation):
                await ctx.db.create_tables(Visitor)
                return await Visitor(name=event).create()

            print(handler("ann", None))
        """
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{'name': 'ann'}\n", "")


def test_the_loop_is_not_left_current(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str) -> int:
        return id(asyncio.get_running_loop())

    assert handler("a", None) == handler("b", None)
    app.close()
    with pytest.raises(RuntimeError):
        asyncio.get_event_loop_policy().get_event_loop()
