"""`LambdaApp` in this process, where importing a handler is not INIT."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Self

import pytest

from dynamorm_py import Attr, Client, Model, field, partition_key
from dynamorm_py.aws_lambda import Invocation, LambdaApp
from dynamorm_py.context import ambient_or_none
from dynamorm_py.testing import EmbeddedDynamoDB


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
        await ctx.db.create_tables(Visitor)
        await Visitor(name=event).create()

    @app.handler
    async def leave(event: str, ctx: Invocation[str]) -> Visitor | None:
        visitor = await Visitor.get(event)
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


async def test_inside_a_running_loop_it_names_the_function_to_await(app: LambdaApp) -> None:
    @app.handler
    async def handler(event: str) -> str:
        return event

    with pytest.raises(RuntimeError, match="__wrapped__"):
        handler("one", None)
    assert await handler.__wrapped__("one") == "one"  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]


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
