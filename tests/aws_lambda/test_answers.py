"""`errors()` and `parse()`: what HTTP clients are told, and what handlers are given."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import BaseModel

from dynamorm_py import (
    AccessDenied,
    CancellationReason,
    Client,
    DeadlineExceeded,
    DynamormError,
    InvalidCursor,
    InvalidModel,
    InvalidOperation,
    ItemAlreadyExists,
    ItemNotFound,
    MultipleResultsFound,
    NoResultFound,
    NotUnique,
    RequestTimeout,
    TableNotFound,
    Throttled,
    TransactionCanceled,
    TransactionConflict,
    TransportError,
    UnprocessedItems,
    VersionConflict,
    WriteOutcomeUnknown,
)
from dynamorm_py.aws_lambda import InvalidEvent, Invocation, Middleware, errors, parse

# As API Gateway's HTTP APIs and function URLs send it, its REST APIs, and load balancers in two ways.
V2: dict[str, Any] = {"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "isBase64Encoded": False}
V1: dict[str, Any] = {"httpMethod": "POST", "requestContext": {"stage": "prod"}, "isBase64Encoded": False}
ALB: dict[str, Any] = {"httpMethod": "POST", "requestContext": {"elb": {}}, "isBase64Encoded": False}
ALB_MULTI: dict[str, Any] = {**ALB, "multiValueHeaders": {"accept": ["*/*"]}}


class Pet(BaseModel):
    name: str
    age: int = 0


def invocation(event: Any) -> Invocation:
    context: Any = None
    return Invocation(event, context, Client(), cold_start=False, request_id="", raw=event)


def raising(error: BaseException) -> Callable[[Invocation], Awaitable[Any]]:
    async def handler(ctx: Invocation) -> Any:
        raise error

    return handler


async def echo(ctx: Invocation) -> Any:
    return ctx.event


def canceled(*codes: str) -> TransactionCanceled:
    error = TransactionCanceled("cancelled")
    error.reasons = tuple(CancellationReason(code) for code in codes)
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidEvent("no"), 400),
        (InvalidCursor("no"), 400),
        (ItemNotFound("no"), 404),
        (NoResultFound("no"), 404),
        (ItemAlreadyExists("no"), 409),
        (NotUnique("no"), 409),
        (VersionConflict("no"), 409),
        (canceled("None", "ConditionalCheckFailed"), 409),
        (canceled("ThrottlingError", "None"), 503),
        (TransactionConflict("no"), 409),
        (Throttled("no"), 503),
        (TransportError("no"), 503),
        (UnprocessedItems("no"), 503),
        (RequestTimeout("no"), 504),
        (DeadlineExceeded("no"), 504),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_what_is_the_clients_to_know_has_a_status(error: Exception, status: int) -> None:
    answer = await errors()(invocation(V2), raising(error))
    assert answer["statusCode"] == status
    assert answer["headers"] == {"content-type": "application/problem+json"}
    assert json.loads(answer["body"])["status"] == status


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied("no"),
        TableNotFound("no"),
        InvalidModel("no"),
        InvalidOperation("no"),
        MultipleResultsFound("no"),
        WriteOutcomeUnknown("no"),
        DynamormError("no"),
        LookupError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_the_functions_own_fault_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        await errors()(invocation(V2), raising(error))


@pytest.mark.parametrize("event", [V1, V2, ALB])
async def test_every_kind_of_request_is_answered(event: dict[str, Any]) -> None:
    answer = await errors()(invocation(event), raising(ItemNotFound("no")))
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}


async def test_a_load_balancer_with_several_values_a_header_is_answered_so() -> None:
    answer = await errors()(invocation(ALB_MULTI), raising(ItemNotFound("no")))
    assert answer["multiValueHeaders"] == {"content-type": ["application/problem+json"]}
    assert "headers" not in answer


@pytest.mark.parametrize("event", ["text", None, {}, {"Records": []}, {"requestContext": "x", "httpMethod": "GET"}])
async def test_what_is_no_request_has_no_answer(event: object) -> None:
    with pytest.raises(ItemNotFound):
        await errors()(invocation(event), raising(ItemNotFound("no")))


async def test_nothing_of_an_item_is_told() -> None:
    error = ItemNotFound("no item", model="User", operation="get", key={"email": "ann@example.org"})
    answer = await errors()(invocation(V2), raising(error))
    assert json.loads(answer["body"]) == {"title": "Not Found", "status": 404}


async def test_statuses_can_be_added_and_overridden() -> None:
    class OutOfStock(Exception): ...

    class SoldOut(OutOfStock): ...

    layer = errors(
        {OutOfStock: 409, ItemNotFound: 410, KeyError: lambda error: {"statusCode": 308, "body": str(error)}}
    )
    answers = [await layer(invocation(V2), raising(error)) for error in (SoldOut(), ItemNotFound("no"), KeyError("x"))]
    assert [answer["statusCode"] for answer in answers] == [409, 410, 308]


async def test_answers_of_500_and_more_are_logged_as_errors(caplog: pytest.LogCaptureFixture) -> None:
    for error in (ItemNotFound("nothing there"), Throttled("slow down")):
        await errors()(invocation(V2), raising(error))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "answered 503: slow down")
    ]


async def test_what_is_answered_passes() -> None:
    assert await errors()(invocation(V2), echo) is V2


@pytest.mark.parametrize(
    "event",
    [
        {**V2, "body": '{"name": "Rex"}'},
        {**V1, "body": '{"name": "Rex"}'},
        {**V2, "body": base64.b64encode(b'{"name": "Rex"}').decode(), "isBase64Encoded": True},
        {"eventSource": "aws:sqs", "messageId": "1", "body": '{"name": "Rex"}'},
        {"name": "Rex"},
    ],
)
async def test_a_body_or_an_event_becomes_a_model(event: dict[str, Any]) -> None:
    seen: list[Invocation] = []

    async def handler(ctx: Invocation) -> Any:
        seen.append(ctx)
        return ctx.event

    assert await parse(Pet)(invocation(event), handler) == Pet(name="Rex")
    assert seen[0].raw is event


async def test_any_type_can_be_parsed() -> None:
    assert await parse(list[Pet] | None)(invocation([{"name": "Rex", "age": "3"}]), echo) == [Pet(name="Rex", age=3)]


@pytest.mark.parametrize("body", ["", "{", "[]", '{"age": "old"}', None])
async def test_what_is_no_such_body_is_told_with_its_problems(body: str | None) -> None:
    layer, inner = errors(), parse(Pet)

    async def parsed(ctx: Invocation) -> Any:
        return await inner(ctx, echo)

    answer = await layer(invocation({**V2, "body": body}), parsed)
    content = json.loads(answer["body"])
    assert (answer["statusCode"], content["title"]) == (400, "Bad Request")
    assert content["problems"]
    assert "input" not in content["problems"][0]


async def test_base64_that_is_none() -> None:
    layer: Middleware = parse(Pet)
    with pytest.raises(InvalidEvent, match="base64"):
        await layer(invocation({**V2, "body": "?", "isBase64Encoded": True}), echo)
