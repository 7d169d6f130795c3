"""Nothing of an invocation reaches the next one, however it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dynamorm_py import Attr, Client, Model, partition_key
from dynamorm_py.testing import LocalEndpoint
from tests.aws_lambda.conftest import Function
from tests.engines.availability import required
from tests.faults.server import FaultServer, Hang, in_a_thread

if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")

ROUNDS = 25
# What a handler that hangs has, beyond the reserve of 0.4 s.
HANGING_MILLISECONDS = 600


class Entry(Model, table="isolation_entries"):
    name: Attr[str] = partition_key()


@pytest.fixture
async def db(dynamodb_local: LocalEndpoint) -> AsyncIterator[Client]:
    async with dynamodb_local.client() as db:
        await db.create_tables(Entry)
        yield db
        await db.delete_tables(Entry)


SOURCE = """
    import asyncio
    from contextvars import ContextVar
    from dynamorm_py import Attr, Client, Model, partition_key
    from dynamorm_py.aws_lambda import Deadline, Invocation, LambdaApp, UnitOfWork

    class Entry(Model, table="isolation_entries"):
        name: Attr[str] = partition_key()

    customer = ContextVar("customer", default=None)
    app = LambdaApp(client=Client(), models=[Entry], middleware=[Deadline(reserve=0.4), UnitOfWork()])

    async def write_later(name):
        try:
            await asyncio.Event().wait()
        finally:
            await Entry(name=name).put()

    @app.handler
    async def handler(event, ctx: Invocation):
        seen = {
            "customer": customer.get(),
            "tasks": len(asyncio.all_tasks()),
            "unit": len(ctx.unit),
            "state": len(ctx.state),
        }
        customer.set(event["name"])
        ctx.state["name"] = event["name"]
        ctx.unit.add(Entry(name=event["name"]).create())
        match event["how"]:
            case "fail":
                raise LookupError(event["name"])
            case "hang":
                await asyncio.Event().wait()
            case "leak":
                leaked = [asyncio.create_task(write_later(f"{event['name']} leaked {n}")) for n in range(3)]
                await asyncio.sleep(0)
        return {**seen, "name": customer.get()}
"""


async def test_failing_hanging_and_leaking_handlers_leave_nothing_behind(
    function: Function, dynamodb_local: LocalEndpoint, db: Client
) -> None:
    with function(SOURCE, **dynamodb_local.environment) as runtime:
        runtime.invoke({"how": "work", "name": "first"})
        answers = {
            f"{how}-{number}": runtime.invoke(
                {"how": how, "name": f"{how}-{number}"},
                timeout_ms=HANGING_MILLISECONDS if how == "hang" else 10_000,
            )
            for number in range(ROUNDS)
            for how in ("work", "fail", "hang", "leak")
        }
        log = runtime.log
    # Two tasks: the invocation's own, and the one in which the deadline can end the handler.
    clean = {"customer": None, "tasks": 2, "unit": 0, "state": 0}
    errors = {"work": None, "leak": None, "fail": "LookupError", "hang": "DeadlineExceeded"}
    for name, answer in answers.items():
        how = name.partition("-")[0]
        assert (name, answer.error and answer.error["errorType"]) == (name, errors[how])
        if answer.error is None:
            assert answer.payload == {**clean, "name": name}
    stored = {entry.name async for entry in Entry.scan()}
    assert stored == {"first", *(name for name in answers if name.startswith(("work", "leak")))}
    assert log.count("left a task running") == 3 * ROUNDS


PATIENT = """
    from dynamorm_py import Attr, Client, Model, partition_key
    from dynamorm_py.aws_lambda import Deadline, Invocation, LambdaApp, UnitOfWork, errors

    class Entry(Model, table="isolation_entries"):
        name: Attr[str] = partition_key()

    app = LambdaApp(client=Client(), models=[Entry], middleware=[errors(), Deadline(reserve=0.5), UnitOfWork()])

    @app.handler
    async def handler(event, ctx: Invocation):
        if "requestContext" in event:
            ctx.unit.add(Entry(name="late").create())
            await Entry.get("never answered")
        return {"statusCode": 200}
"""


def test_a_handler_past_its_deadline_answers_before_the_runtimes_limit_and_sends_nothing_more(
    function: Function,
) -> None:
    event = {"version": "2.0", "requestContext": {"http": {}}}
    with (
        in_a_thread(FaultServer(Hang())) as server,
        function(PATIENT, AWS_ENDPOINT_URL_DYNAMODB=server.endpoint_url) as runtime,
    ):
        late = runtime.invoke(event, timeout_ms=1000)
        next_one = runtime.invoke({})
        sent = list(server.operations)
    assert late.error is None
    assert late.payload["statusCode"] == 504
    assert next_one.payload == {"statusCode": 200}
    assert sent == ["GetItem"]
