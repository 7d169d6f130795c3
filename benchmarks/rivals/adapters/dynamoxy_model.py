"""dynamoxy, with a model of its own kind."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dynamoxy
from dynamoxy import Attr, partition_key, sort_key

from benchmarks.rivals.work import (
    BATCH_GET,
    BATCH_KEYS,
    GET,
    KEY,
    ORDER,
    PUT,
    QUERIES,
    SET,
    TRANSACT_WRITE,
    TRANSACTION_ORDERS,
    UPDATE,
    plain_key,
    queried_customer,
)


class Order(dynamoxy.Model, table="orders"):
    customer_id: Attr[str] = partition_key()
    order_id: Attr[str] = sort_key()
    status: Attr[str]
    email: Attr[str]
    note: Attr[str]
    total: Attr[int]
    gift: Attr[bool]
    tags: Attr[list[str]]
    address: Attr[dict[str, str]]
    version: Attr[int]


plain = Order.to_dict


@asynccontextmanager
async def opened(_table: str) -> AsyncIterator[dict]:
    reach = {"region": os.environ["AWS_REGION"], "endpoint_url": os.environ["AWS_ENDPOINT_URL_DYNAMODB"]}
    async with dynamoxy.Client(**reach) as client:
        orders = client.repository(Order)

        async def put() -> None:
            await orders.put(Order(**ORDER))

        async def update() -> Order:
            changes = Order.status.set(SET["status"]), Order.total.set(SET["total"])
            return await orders.update(plain_key(KEY), *changes)

        def query(count):
            return lambda: orders.query(customer_id=queried_customer(count)).all()

        async def transact() -> None:
            async with client.transaction() as transaction:
                for order in TRANSACTION_ORDERS:
                    transaction.put(Order(**order))

        yield {
            GET: lambda: orders.get(*KEY),
            PUT: put,
            UPDATE: update,
            **{name: query(count) for name, count in QUERIES.items()},
            BATCH_GET: lambda: orders.batch_get(BATCH_KEYS),
            TRANSACT_WRITE: transact,
        }
