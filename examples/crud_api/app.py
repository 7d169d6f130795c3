"""An HTTP API over the orders of customers: API Gateway, Lambda, DynamoDB.

POST    /customers/{customer_id}/orders              201, 400, 409 (the order id is taken)
GET     /customers/{customer_id}/orders              200, 400: a page, `?status=`, `?limit=`, `?cursor=`
GET     /customers/{customer_id}/orders/{order_id}   200, 404
PATCH   /customers/{customer_id}/orders/{order_id}   200, 400, 404, 409 (the order was changed since it was read)
DELETE  /customers/{customer_id}/orders/{order_id}   204, 404
"""

from __future__ import annotations

import base64
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Literal, NotRequired, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from dynamorm_py import (
    Attr,
    Client,
    ConditionFailed,
    GlobalIndex,
    InvalidCursor,
    InvalidKey,
    ItemAlreadyExists,
    ItemNotFound,
    Model,
    field,
    partition_key,
    sort_key,
    version_number,
)
from dynamorm_py.aws_lambda import LambdaApp

B = TypeVar("B", bound=BaseModel)

PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


class Status(StrEnum):
    OPEN = "open"
    PAID = "paid"
    SHIPPED = "shipped"


class Line(Model):
    sku: Attr[str] = field(min_length=1)
    quantity: Attr[int] = field(ge=1)
    price: Attr[Decimal] = field(ge=0, decimal_places=2)


class Order(Model, table="orders"):
    customer_id: Attr[str] = partition_key()
    order_id: Attr[str] = sort_key()
    status: Attr[Status] = field(default=Status.OPEN)
    total: Attr[Decimal]
    placed_at: Attr[datetime]
    lines: Attr[list[Line]]
    version: Attr[int] = version_number()

    by_status = GlobalIndex(partition_key="{customer_id}#{status}", sort_key="placed_at")


class NewOrder(BaseModel):
    """What a client posts. It chooses the id, so that a repeated request cannot place a second order."""

    model_config = ConfigDict(extra="forbid")

    order_id: str = Field(min_length=1, max_length=100)
    lines: list[Line] = Field(min_length=1, max_length=100)


class Change(BaseModel):
    """What a client may change, and the version that it has seen."""

    model_config = ConfigDict(extra="forbid")

    status: Status
    version: int


class Listing(BaseModel):
    """The query string of a list."""

    status: Status | None = None
    limit: int = Field(default=PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE)
    cursor: str | None = None


class HttpEvent(TypedDict):
    """The part of an HTTP API's event that is read here, in payload format 2.0. Every route here has path parameters.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """

    version: Literal["2.0"]
    routeKey: str
    pathParameters: dict[str, str]
    queryStringParameters: NotRequired[dict[str, str]]
    body: NotRequired[str]
    isBase64Encoded: bool


class HttpAnswer(TypedDict):
    statusCode: int
    headers: NotRequired[dict[str, str]]
    body: NotRequired[str]


class BadRequest(Exception):
    """A request that the client has to change; `problems` are pydantic's."""

    def __init__(self, problems: object) -> None:
        super().__init__(problems)
        self.problems = problems


async def create_order(event: HttpEvent) -> HttpAnswer:
    new = parsed_body(NewOrder, event)
    order = Order(
        customer_id=event["pathParameters"]["customer_id"],
        order_id=new.order_id,
        total=sum((line.quantity * line.price for line in new.lines), Decimal(0)),
        placed_at=datetime.now(UTC),
        lines=new.lines,
    )
    try:
        await order.create()
    except ItemAlreadyExists:
        return problem(HTTPStatus.CONFLICT, f"there is an order {order.order_id} already")
    location = f"/customers/{order.customer_id}/orders/{order.order_id}"
    return answer(HTTPStatus.CREATED, order, {"location": location})


async def get_order(event: HttpEvent) -> HttpAnswer:
    return answer(HTTPStatus.OK, await Order.get_or_raise(event["pathParameters"]))


async def list_orders(event: HttpEvent) -> HttpAnswer:
    listing = valid(lambda: Listing.model_validate(event.get("queryStringParameters", {})))
    customer = event["pathParameters"]["customer_id"]
    if listing.status is None:
        orders = Order.query(customer)
    else:
        orders = Order.by_status.query(customer, listing.status).descending()
    page = await orders.limit(listing.limit).after(listing.cursor).page()
    return answer(HTTPStatus.OK, {"orders": page.items, "cursor": page.cursor})


async def update_order(event: HttpEvent) -> HttpAnswer:
    change = parsed_body(Change, event)
    try:
        order = await Order.update(
            event["pathParameters"],
            Order.status.set(change.status),
            condition=Order.version == change.version,
        )
    except ConditionFailed as failed:
        return problem(HTTPStatus.CONFLICT, "the order was changed since you read it", current=failed.item)
    return answer(HTTPStatus.OK, order)


async def delete_order(event: HttpEvent) -> HttpAnswer:
    try:
        await Order.delete(event["pathParameters"], condition=Order.order_id.exists())
    except ConditionFailed:
        return problem(HTTPStatus.NOT_FOUND, "there is no such order")
    return {"statusCode": HTTPStatus.NO_CONTENT}


ROUTES: dict[str, Callable[[HttpEvent], Awaitable[HttpAnswer]]] = {
    "POST /customers/{customer_id}/orders": create_order,
    "GET /customers/{customer_id}/orders": list_orders,
    "GET /customers/{customer_id}/orders/{order_id}": get_order,
    "PATCH /customers/{customer_id}/orders/{order_id}": update_order,
    "DELETE /customers/{customer_id}/orders/{order_id}": delete_order,
}

app = LambdaApp(client=Client(table_prefix=os.environ.get("TABLE_PREFIX", "")), models=[Order])


@app.handler
async def handler(event: HttpEvent) -> HttpAnswer:
    route = ROUTES.get(event["routeKey"])
    if route is None:
        return problem(HTTPStatus.NOT_FOUND, "there is no such route")
    try:
        return await route(event)
    except BadRequest as bad:
        return problem(HTTPStatus.BAD_REQUEST, "the request is malformed", details=bad.problems)
    except (InvalidCursor, InvalidKey) as invalid:
        return problem(HTTPStatus.BAD_REQUEST, invalid.message)
    except ItemNotFound:
        return problem(HTTPStatus.NOT_FOUND, "there is no such order")


def parsed_body(model: type[B], event: HttpEvent) -> B:
    body = event.get("body", "")
    raw = base64.b64decode(body) if event["isBase64Encoded"] else body
    return valid(lambda: model.model_validate_json(raw))


def valid(parse: Callable[[], B]) -> B:
    try:
        return parse()
    except ValidationError as error:
        raise BadRequest(error.errors(include_url=False, include_context=False, include_input=False)) from error


def answer(status: HTTPStatus, content: object, headers: dict[str, str] | None = None) -> HttpAnswer:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **(headers or {})},
        "body": to_json(content).decode(),
    }


def problem(status: HTTPStatus, title: str, **more: Any) -> HttpAnswer:  # whatever helps the client
    """https://www.rfc-editor.org/rfc/rfc9457"""
    told = answer(status, {"title": title, "status": status, **more})
    told["headers"] = {"content-type": "application/problem+json"}
    return told
