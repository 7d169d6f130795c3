"""aiodynamodb, with a pydantic model."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

# Its models are read at run time: no `from __future__ import annotations` here.

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiobotocore.config import AioConfig
from aiodynamodb import BatchGet, DynamoDB, DynamoModel, HashKey, RangeKey, TransactPut, UpdateAttr, table
from boto3.dynamodb.conditions import Attr, Key

from benchmarks.rivals.work import (
    BATCH_GET,
    BATCH_KEYS,
    CONNECTIONS,
    GET,
    KEY,
    ORDER,
    PUT,
    QUERIES,
    SET,
    TRANSACT_WRITE,
    TRANSACTION_ORDERS,
    UPDATE,
    queried_customer,
)


@table("orders")
class Order(DynamoModel):
    customer_id: HashKey[str]
    order_id: RangeKey[str]
    status: str
    email: str
    note: str
    total: int
    gift: bool
    tags: list[str]
    address: dict[str, str]
    version: int


plain = Order.model_dump

PLACE = {"hash_key": KEY[0], "range_key": KEY[1]}


@asynccontextmanager
async def opened(_table: str) -> AsyncIterator[dict]:
    async with DynamoDB(config=AioConfig(max_pool_connections=CONNECTIONS)) as db:

        async def query(count: int) -> list[Order]:
            condition = Key("customer_id").eq(queried_customer(count))
            pages = db.query(Order, key_condition_expression=condition)
            return [order async for page in pages for order in page.items]

        async def update() -> Order:
            changes = [UpdateAttr("status").set(SET["status"]), UpdateAttr("total").set(SET["total"])]
            exists = Attr("customer_id").exists()
            return await db.update(
                Order, **PLACE, update_expression=changes, condition_expression=exists, return_values="ALL_NEW"
            )

        async def batch_get() -> list[Order]:
            keys = [BatchGet(Order, hash_key=customer, range_key=order) for customer, order in BATCH_KEYS]
            return (await db.batch_get(keys)).items[Order]

        yield {
            GET: lambda: db.get(Order, **PLACE),
            PUT: lambda: db.put(Order(**ORDER)),
            UPDATE: update,
            **{name: lambda count=count: query(count) for name, count in QUERIES.items()},
            BATCH_GET: batch_get,
            TRANSACT_WRITE: lambda: db.transact_write([TransactPut(Order(**order)) for order in TRANSACTION_ORDERS]),
        }
