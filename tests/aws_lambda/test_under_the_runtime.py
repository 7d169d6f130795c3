"""`LambdaApp` under AWS's own runtime client, in a process of its own."""

from __future__ import annotations

import pytest

from dynamorm_py import Attr, Model, partition_key
from dynamorm_py.testing import LocalEndpoint
from tests.aws_lambda.conftest import Function
from tests.aws_lambda.counting_proxy import CountingProxy
from tests.engines.availability import required

if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")


class Counter(Model, table="lambda_counters"):
    name: Attr[str] = partition_key()
    value: Attr[int]


COUNTING = """
    import os
    from dynamorm_py import Attr, Client, Model, partition_key
    from dynamorm_py.aws_lambda import Invocation, LambdaApp

    class Counter(Model, table="lambda_counters"):
        name: Attr[str] = partition_key()
        value: Attr[int]

    app = LambdaApp(client=Client(), models=[Counter])

    @app.handler
    async def handler(event: dict[str, str], ctx: Invocation) -> object:
        counter = await Counter.update(event["name"], Counter.value.add(1), upsert=True)
        again = await ctx.db.run(Counter.get_or_raise(event["name"]))
        assert again == counter
        return {
            "counter": counter,
            "client": id(ctx.db),
            "process": os.getpid(),
            "cold": ctx.cold_start,
            "request_id": ctx.request_id,
            "remaining": ctx.context.get_remaining_time_in_millis() > 0,
        }
"""


async def test_invocations_share_one_client_and_one_connection(
    function: Function, dynamodb_local: LocalEndpoint
) -> None:
    async with dynamodb_local.client() as db:
        await db.create_tables(Counter)
        try:
            with (
                CountingProxy(dynamodb_local.endpoint_url) as proxy,
                function(COUNTING, **{**dynamodb_local.environment, "AWS_ENDPOINT_URL_DYNAMODB": proxy.url}) as runtime,
            ):
                answers = [runtime.invoke({"name": "one"}) for _ in range(3)]
                process = runtime.process.pid
        finally:
            await db.delete_tables(Counter)
    assert [answer.error for answer in answers] == [None] * 3
    payloads = [answer.payload for answer in answers]
    assert [payload["counter"] for payload in payloads] == [{"name": "one", "value": value} for value in (1, 2, 3)]
    assert {payload["process"] for payload in payloads} == {process}
    assert len({payload["client"] for payload in payloads}) == 1
    assert [payload["cold"] for payload in payloads] == [True, False, False]
    assert [payload["request_id"] for payload in payloads] == [answer.request_id for answer in answers]
    assert all(payload["remaining"] for payload in payloads)
    assert proxy.connections == 1


def test_a_context_variable_ends_with_its_invocation(function: Function) -> None:
    source = """
        from contextvars import ContextVar
        from dynamorm_py.aws_lambda import LambdaApp

        at_import = ContextVar("at_import", default="unset")
        tenant = ContextVar("tenant", default="nobody")
        at_import.set("seen")
        app = LambdaApp()

        @app.handler
        async def handler(event):
            before = tenant.get()
            tenant.set(event)
            return [before, tenant.get(), at_import.get()]
    """
    with function(source) as runtime:
        payloads = [runtime.invoke(name).payload for name in ("acme", "globex")]
    assert payloads == [["nobody", "acme", "seen"], ["nobody", "globex", "seen"]]


def test_the_loop_outlives_the_invocation_and_is_the_current_one(function: Function) -> None:
    source = """
        import asyncio
        from dynamorm_py.aws_lambda import LambdaApp

        app = LambdaApp()
        waiting = []

        @app.handler
        async def handler(event):
            # A future of one invocation can be resolved by the next one only if they share a loop.
            for future in waiting:
                future.set_result(event)
            waiting.append(asyncio.get_running_loop().create_future())
            return [future.result() for future in waiting[:-1]] + [asyncio.get_running_loop() is current]

        current = asyncio.get_event_loop()
    """
    with function(source) as runtime:
        payloads = [runtime.invoke(name).payload for name in ("first", "second")]
    assert payloads == [[True], ["second", True]]


def test_what_json_cannot_hold_is_answered_in_pydantics_form(function: Function) -> None:
    source = """
        from datetime import datetime, timezone
        from decimal import Decimal
        from uuid import UUID
        from dynamorm_py import Attr, Model, field, partition_key
        from dynamorm_py.aws_lambda import LambdaApp

        class Line(Model):
            price: Attr[Decimal]

        class Order(Model, table="orders"):
            order_id: Attr[UUID] = partition_key()
            placed_at: Attr[datetime]
            tags: Attr[set[str]]
            lines: Attr[list[Line]]

        app = LambdaApp(models=[Order])

        @app.handler
        async def handler(event):
            if event == "bytes":
                return b"raw"
            order = Order(
                order_id=UUID(int=1),
                placed_at=datetime(2025, 1, 2, tzinfo=timezone.utc),
                tags={"gift"},
                lines=[Line(price=Decimal("1.10"))],
            )
            return order if event == "model" else {"orders": [order], "total": Decimal("1.10"), "who": {"a"}}
    """
    with function(source) as runtime:
        model = runtime.invoke("model").payload
        nested = runtime.invoke("nested").payload
        raw = runtime.invoke("bytes").body
    assert model == {
        "order_id": "00000000-0000-0000-0000-000000000001",
        "placed_at": "2025-01-02T00:00:00Z",
        "tags": ["gift"],
        "lines": [{"price": "1.10"}],
    }
    assert nested == {"orders": [model], "total": "1.10", "who": ["a"]}
    assert raw == b"raw"


def test_what_a_handler_raises_is_its_error_and_not_the_end(function: Function) -> None:
    source = """
        from dynamorm_py.aws_lambda import LambdaApp

        app = LambdaApp()

        @app.handler
        async def handler(event):
            if event == "bad":
                raise LookupError("no such thing")
            return "fine"
    """
    with function(source) as runtime:
        failed = runtime.invoke("bad")
        fine = runtime.invoke("good")
    assert failed.error is not None
    assert (failed.error["errorType"], failed.error["errorMessage"]) == ("LookupError", "no such thing")
    assert (fine.payload, fine.error) == ("fine", None)


LOADED = """
    import sys
    from dynamorm_py import Attr, Client, Model, partition_key
    from dynamorm_py.aws_lambda import LambdaApp

    class Order(Model, table="orders"):
        order_id: Attr[str] = partition_key()

    app = LambdaApp(client=Client(), models=[Order])
    HEAVY = ("dynamorm_py.transports.direct", "aiobotocore", "botocore", "aiohttp")

    def loaded():
        return [name for name in HEAVY if name in sys.modules]

    before = loaded()

    @app.handler
    async def handler(event):
        return {"before": before, "after_init": after, "built": built}

    after = loaded()
    built = Order.__pydantic_complete__
"""


def test_init_opens_the_client_and_builds_the_validators(function: Function) -> None:
    with function(LOADED) as runtime:
        payload = runtime.invoke({}).payload
    assert payload == {"before": [], "after_init": ["dynamorm_py.transports.direct"], "built": True}


def test_a_failed_init_is_tried_again_by_every_invocation(function: Function) -> None:
    source = """
        import os
        from dynamorm_py import Client
        from dynamorm_py.aws_lambda import LambdaApp, Invocation

        class Unlucky(Client):
            attempts = 0

            async def __aenter__(self):
                Unlucky.attempts += 1
                if Unlucky.attempts < 3:
                    raise ConnectionError(f"attempt {Unlucky.attempts}")
                return await super().__aenter__()

        app = LambdaApp(client=Unlucky())

        @app.handler
        async def handler(event, ctx: Invocation):
            return [Unlucky.attempts, ctx.cold_start]
    """
    with function(source) as runtime:
        init = runtime.log
        first, second, third = (runtime.invoke({}) for _ in range(3))
    assert "INIT failed; the next invocation tries again" in init
    assert "ConnectionError: attempt 1" in init
    assert first.error is not None
    assert (first.error["errorType"], first.error["errorMessage"]) == ("ConnectionError", "attempt 2")
    assert (second.payload, second.error) == ([3, True], None)
    assert third.payload == [3, False]
