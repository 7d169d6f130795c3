"""dynamorm_py, on the transport that the environment names."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.rivals.entrants import TRANSPORT
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
from dynamorm_py import Attr, Client, Model, partition_key, sort_key, transact_write


class Order(Model, table="orders"):
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


plain = Order.model_dump

KEYS = [plain_key(key) for key in BATCH_KEYS]


async def put() -> None:
    await Order(**ORDER).put()


async def update() -> Order:
    return await Order.update(*KEY, Order.status.set(SET["status"]), Order.total.set(SET["total"]))


async def transact() -> None:
    await transact_write(*(Order(**order).put() for order in TRANSACTION_ORDERS))


def query(count: int) -> Callable[[], Awaitable[list[Order]]]:
    customer = queried_customer(count)

    async def run() -> list[Order]:
        return await Order.query(customer).all()

    return run


async def get() -> Order | None:
    return await Order.get(*KEY)


async def batch_get() -> list[Order | None]:
    return await Order.batch_get(KEYS)


@asynccontextmanager
async def opened(_table: str) -> AsyncIterator[dict[str, Callable[[], Awaitable[Any]]]]:
    # The type names the transports that there are: one that there is not yet is to fail when it runs.
    options: Any = {"transport": os.environ[TRANSPORT]}
    async with Client(**options):
        yield {
            GET: get,
            PUT: put,
            UPDATE: update,
            **{name: query(count) for name, count in QUERIES.items()},
            BATCH_GET: batch_get,
            TRANSACT_WRITE: transact,
        }
