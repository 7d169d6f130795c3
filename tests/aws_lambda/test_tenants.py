"""In whose scope an invocation works, who says so, and that no tenant reaches the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from dynamorm_py import (
    Attr,
    Client,
    InvalidOperation,
    Model,
    TenantRequired,
    TenantViolation,
    field,
    sort_key,
    tenant_key,
)
from dynamorm_py.aws_lambda import (
    CallNext,
    Invocation,
    LambdaApp,
    LambdaContext,
    Metrics,
    UnitOfWork,
    claim,
    current_invocation,
    errors,
    records,
    tenant_from,
)
from dynamorm_py.client.tenants import TenantClient
from dynamorm_py.context import bound_tenant
from dynamorm_py.testing import EmbeddedDynamoDB, LocalEndpoint
from tests.aws_lambda.conftest import Function
from tests.aws_lambda.context import Context
from tests.engines.availability import required

ROUNDS = 100


class Visit(Model, table="tenants_visits"):
    tenant_id: Attr[str] = tenant_key()
    name: Attr[str] = sort_key()
    note: Attr[str] = field(default="")


def http_api(**claims: object) -> dict[str, Any]:
    return {"version": "2.0", "requestContext": {"http": {}, "authorizer": {"jwt": {"claims": claims}}}}


SHAPES: dict[str, Any] = {
    "HTTP API, JWT": http_api(tenant="acme"),
    "HTTP API, Lambda authorizer": {"requestContext": {"authorizer": {"lambda": {"tenant": "acme"}}}},
    "REST API, Cognito": {"requestContext": {"authorizer": {"claims": {"tenant": "acme"}}}},
    "REST API, Lambda authorizer": {"requestContext": {"authorizer": {"tenant": "acme", "principalId": "u1"}}},
    "AppSync, Cognito": {"identity": {"claims": {"tenant": "acme"}}},
    "AppSync, Lambda authorizer": {"identity": {"resolverContext": {"tenant": "acme"}}},
}
CHOSEN_BY_THE_CALLER: dict[str, Any] = {
    "nothing": {},
    "no mapping": "acme",
    "a header": {**http_api(), "headers": {"tenant": "acme"}},
    "a path parameter": {**http_api(), "pathParameters": {"tenant": "acme"}},
    "a query parameter": {**http_api(), "queryStringParameters": {"tenant": "acme"}},
    "a body": {**http_api(), "body": '{"tenant": "acme"}', "tenant": "acme"},
    "beside the claims": {
        "requestContext": {"tenant": "acme", "authorizer": {"tenant": "acme", "jwt": {"claims": {}}}}
    },
    "arguments": {"identity": {"claims": {}}, "arguments": {"tenant": "acme"}},
}


def invocation(event: object) -> Invocation[Any, Any]:
    return Invocation(event, cast(LambdaContext, None), Client(region="eu-west-1"), False, "r1", raw=event)


@pytest.mark.parametrize("event", SHAPES.values(), ids=SHAPES.keys())
def test_a_claim_is_found_where_an_authorizer_put_it(event: object) -> None:
    assert claim("tenant")(invocation(event)) == "acme"


@pytest.mark.parametrize("event", CHOSEN_BY_THE_CALLER.values(), ids=CHOSEN_BY_THE_CALLER.keys())
def test_a_claim_is_found_nowhere_else(event: object) -> None:
    assert claim("tenant")(invocation(event)) is None


@pytest.mark.parametrize("value", [7, ["acme"], {"id": "acme"}, True])
def test_a_claim_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(TenantViolation, match="the claim tenant is no text"):
        claim("tenant")(invocation(http_api(tenant=value)))


@pytest.fixture
def embedded() -> Iterator[EmbeddedDynamoDB]:
    with EmbeddedDynamoDB() as dynamodb:
        asyncio.run(_create(dynamodb))
        yield dynamodb


async def _create(endpoint: LocalEndpoint) -> None:
    async with endpoint.client() as db:
        await db.create_tables(Visit)


@pytest.fixture
def app(embedded: EmbeddedDynamoDB) -> Iterator[LambdaApp]:
    middleware = [errors(), tenant_from(claim("tenant")), Metrics(), UnitOfWork()]
    app = LambdaApp(client=embedded.client(tenancy="required"), middleware=middleware)
    yield app
    app.close()


def test_everything_inside_is_the_tenants(app: LambdaApp, capsys: pytest.CaptureFixture[str]) -> None:
    @app.handler
    async def visit(event: dict[str, Any], ctx: Invocation) -> list[str]:
        ctx.unit.add(Visit(name=event["name"]).create())
        assert isinstance(ctx.db, TenantClient)
        assert (ctx.tenant, ctx.db.tenant, bound_tenant()) == ("acme", "acme", "acme")
        return [visit.name for visit in await ctx.db.run(Visit.query().all())]

    assert visit({**http_api(tenant="acme"), "name": "v1"}, None) == []
    assert visit({**http_api(tenant="acme"), "name": "v2"}, None) == ["v1"]
    assert '"TenantId":"acme"' in capsys.readouterr().out
    assert bound_tenant() is None


def test_the_current_invocation_is_the_tenants_inside_and_only_there(embedded: EmbeddedDynamoDB) -> None:
    seen: list[tuple[str | None, type]] = []

    def look() -> None:
        current = current_invocation()
        assert current is not None
        seen.append((current.tenant, type(current.db)))

    async def outside(ctx: Invocation, call_next: CallNext, /) -> object:
        look()
        try:
            return await call_next(ctx)
        finally:
            look()

    app = LambdaApp(client=embedded.client(), middleware=[errors(), outside, tenant_from(claim("tenant"))])

    @app.handler
    async def visit(event: dict[str, Any], ctx: Invocation) -> None:
        assert current_invocation() is ctx
        look()
        if event.get("fail"):
            raise ValueError

    visit(http_api(tenant="acme"), None)
    with pytest.raises(ValueError):  # noqa: PT011  # the handler's own
        visit({**http_api(tenant="acme"), "fail": True}, None)
    app.close()
    assert seen == [(None, Client), ("acme", TenantClient), (None, Client)] * 2


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (http_api(), 401),
        (http_api(tenant="a b"), 403),
        (http_api(tenant="acme*"), 403),
        (http_api(tenant=7), 403),
        (http_api(tenant="globex"), 403),  # the execution environment is acme's
    ],
)
def test_who_is_not_told_apart_is_turned_away(app: LambdaApp, event: object, status: int) -> None:
    @app.handler
    async def never(event: object) -> None:
        raise AssertionError("the handler was called")

    answer = never(event, Context(5000))
    assert answer["statusCode"] == status
    assert "globex" not in answer["body"]


def test_an_isolated_environment_names_nobody_by_itself(embedded: EmbeddedDynamoDB) -> None:
    app = LambdaApp(client=embedded.client(), middleware=[tenant_from(claim("tenant"))])

    @app.handler
    async def never(event: object) -> None:
        raise AssertionError("the handler was called")

    with pytest.raises(TenantRequired, match="the event names no tenant"):
        never({}, Context(5000))
    with pytest.raises(TenantViolation, match="the execution environment belongs to another tenant than the claim"):
        never(http_api(tenant="globex"), Context(5000))
    app.close()


def test_another_source_is_a_function_of_ones_own(embedded: EmbeddedDynamoDB) -> None:
    async def looked_up(ctx: Invocation[dict[str, str], Any]) -> str | None:
        await asyncio.sleep(0)
        return ctx.event["messageId"].partition("/")[0] or None

    app = LambdaApp(client=embedded.client(), middleware=[records(), tenant_from(looked_up), UnitOfWork()])
    seen = []

    @app.handler
    async def note(record: dict[str, str], ctx: Invocation) -> None:
        ctx.unit.add(Visit(name=record["messageId"]).create())
        seen.append((ctx.tenant, [visit.name for visit in await Visit.query().all()]))

    batch = [{"eventSource": "aws:sqs", "messageId": name} for name in ("a/1", "b/1", "a/2", "/1")]
    failed = note({"Records": batch}, None)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "/1"}]}
    assert seen == [("a", []), ("b", []), ("a", ["a/1"])]
    app.close()


def test_one_tenant_from_is_enough(embedded: EmbeddedDynamoDB) -> None:
    app = LambdaApp(client=embedded.client(), middleware=[tenant_from(claim("tenant")), tenant_from(lambda ctx: "b")])

    @app.handler
    async def never(event: object) -> None:
        raise AssertionError("the handler was called")

    with pytest.raises(InvalidOperation, match="bound to a tenant already"):
        never(http_api(tenant="a"), None)
    app.close()


def test_a_unit_of_work_takes_its_own_tenants_writes(embedded: EmbeddedDynamoDB) -> None:
    app = LambdaApp(client=embedded.client(), middleware=[UnitOfWork(), tenant_from(claim("tenant"))])

    @app.handler
    async def visit(event: object, ctx: Invocation) -> None:
        ctx.unit.add(Visit(name="v1").create())

    with pytest.raises(TenantViolation, match="takes its own tenant's writes only"):
        visit(http_api(tenant="acme"), None)
    app.close()


if not required():
    pytest.importorskip("awslambdaric", reason="the Lambda runtime client has wheels for Linux only")

SOURCE = """
    import asyncio
    from contextvars import ContextVar
    from dynamorm_py import Attr, Client, Model, TenantViolation, field, sort_key, tenant_key
    from dynamorm_py.aws_lambda import Deadline, Invocation, LambdaApp, UnitOfWork, claim, tenant_from
    from dynamorm_py.context import bound_tenant

    class Visit(Model, table="tenants_visits"):
        tenant_id: Attr[str] = tenant_key()
        name: Attr[str] = sort_key()
        note: Attr[str] = field(default="")

    customer = ContextVar("customer", default=None)
    made_before = []
    app = LambdaApp(
        client=Client(tenancy="required"),
        models=[Visit],
        middleware=[Deadline(reserve=0.4), tenant_from(claim("tenant")), UnitOfWork()],
    )

    async def write_later(name):
        try:
            await asyncio.Event().wait()
        finally:
            await Visit(name=name).put()

    @app.handler
    async def handler(event, ctx: Invocation):
        seen = {
            "customer": customer.get(),
            "tasks": len(asyncio.all_tasks()),
            "unit": len(ctx.unit),
            "state": len(ctx.state),
            "visits": [visit.tenant_id for visit in await Visit.query().all()],
        }
        foreign = 0
        for operation in made_before:
            try:
                await operation
            except TenantViolation:
                foreign += 1
        made_before[:] = [Visit.get("v"), Visit.query().all()]
        customer.set(ctx.tenant)
        ctx.state["tenant"] = ctx.tenant
        ctx.unit.add(Visit(name="v").put())
        match event["how"]:
            case "fail":
                raise LookupError(ctx.tenant)
            case "hang":
                await asyncio.Event().wait()
            case "leak":
                leaked = [asyncio.create_task(write_later(f"leaked {n}")) for n in range(3)]
                await asyncio.sleep(0)
        return {**seen, "foreign": foreign, "tenant": bound_tenant()}
"""


@pytest.fixture
async def visits(dynamodb_local: LocalEndpoint) -> AsyncIterator[Client]:
    async with dynamodb_local.client() as db:
        await db.create_tables(Visit)
        yield db
        await db.delete_tables(Visit)


async def test_a_hundred_tenants_in_turns_never_meet(
    function: Function, dynamodb_local: LocalEndpoint, visits: Client
) -> None:
    ways = ("work", "fail", "leak", "work", "hang") + ("work", "fail", "leak") * 5
    with function(SOURCE, **dynamodb_local.environment) as runtime:
        answers = []
        for number in range(2 * ROUNDS):
            tenant, how = f"t{number % ROUNDS}", ways[number % len(ways)]
            timeout = 600 if how == "hang" else 10_000
            answers.append((tenant, how, runtime.invoke({**http_api(tenant=tenant), "how": how}, timeout_ms=timeout)))
        log = runtime.log
    clean = {"customer": None, "tasks": 2, "unit": 0, "state": 0}
    failures = {"work": None, "leak": None, "fail": "LookupError", "hang": "DeadlineExceeded"}
    written: set[str] = set()
    for position, (tenant, how, answer) in enumerate(answers):
        assert (tenant, how, answer.error and answer.error["errorType"]) == (tenant, how, failures[how])
        if answer.error is None:
            own = [tenant] if tenant in written else []
            foreign = 0 if position == 0 else 2
            assert answer.payload == {**clean, "visits": own, "foreign": foreign, "tenant": tenant}
            written.add(tenant)
    stored = await visits.across_tenants(reason="a test").run(Visit.scan().all())
    assert {(visit.tenant_id, visit.name) for visit in stored} == {(tenant, "v") for tenant in written}
    assert log.count("left a task running") == 3 * sum(how == "leak" for _, how, _ in answers)
