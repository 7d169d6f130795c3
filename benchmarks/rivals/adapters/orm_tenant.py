"""dynamorm_py on the transport that the environment names, through clients that are bound to a tenant: the customer."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.rivals.entrants import TRANSPORT
from benchmarks.rivals.work import (
    BATCH_CUSTOMER,
    BATCH_GET,
    BATCH_KEYS,
    BIND,
    CUSTOMER,
    GET,
    KEY,
    ORDER,
    PUT,
    QUERIES,
    SET,
    TRANSACT_WRITE,
    TRANSACTION_CUSTOMER,
    TRANSACTION_ORDERS,
    UPDATE,
    plain_key,
    queried_customer,
)
from dynamorm_py import Attr, Client, Model, sort_key, tenant_key, transact_write


class Order(Model, table="orders"):
    customer_id: Attr[str] = tenant_key()
    order_id: Attr[str] = sort_key()
    status: Attr[str]
    email: Attr[str]
    note: Attr[str]
    total: Attr[int]
    gift: Attr[bool]
    tags: Attr[list[str]]
    address: Attr[dict[str, str]]
    version: Attr[int]


plain = Order.model_dump

KEYS = [plain_key(key) for key in BATCH_KEYS]


@asynccontextmanager
async def opened(_table: str) -> AsyncIterator[dict[str, Callable[[], Awaitable[Any]]]]:
    options: Any = {"transport": os.environ[TRANSPORT]}
    async with Client(**options) as db:
        customer, batch, transaction = map(db.for_tenant, (CUSTOMER, BATCH_CUSTOMER, TRANSACTION_CUSTOMER))

        async def put() -> Order:
            return await customer.run(Order(**ORDER).put())

        async def update() -> Order:
            changes = Order.status.set(SET["status"]), Order.total.set(SET["total"])
            return await customer.run(Order.update(KEY[1], *changes))

        def query(count: int) -> Callable[[], Awaitable[list[Order]]]:
            bound = db.for_tenant(queried_customer(count))

            async def run() -> list[Order]:
                return await Order.query().on(bound).all()

            return run

        async def transact() -> None:
            await transaction.run(transact_write(*(Order(**order).put() for order in TRANSACTION_ORDERS)))

        async def bind() -> None:
            db.for_tenant(CUSTOMER)

        yield {
            GET: lambda: customer.run(Order.get(KEY[1])),
            PUT: put,
            UPDATE: update,
            **{name: query(count) for name, count in QUERIES.items()},
            BATCH_GET: lambda: batch.run(Order.batch_get(KEYS)),
            TRANSACT_WRITE: transact,
            BIND: bind,
        }
