"""aiobotocore itself: DynamoDB's own form in and out, no model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from benchmarks.rivals import requests
from benchmarks.rivals.work import (
    BATCH_GET,
    CONNECTIONS,
    GET,
    PUT,
    QUERIES,
    TRANSACT_WRITE,
    UPDATE,
    plain_item,
)

plain = plain_item


@asynccontextmanager
async def opened(table: str) -> AsyncIterator[dict[str, Callable[[], Awaitable[Any]]]]:
    config = AioConfig(max_pool_connections=CONNECTIONS)
    # Made of the service's description when it runs, which no type checker sees.
    opening: Any = get_session().create_client("dynamodb", config=config)
    async with opening as client:

        async def get() -> Any:
            return (await client.get_item(**requests.get()))["Item"]

        async def put() -> None:
            await client.put_item(**requests.put())

        async def update() -> Any:
            return (await client.update_item(**requests.update()))["Attributes"]

        def query(count: int) -> Callable[[], Awaitable[Any]]:
            async def run() -> Any:
                return (await client.query(**requests.query(count)))["Items"]

            return run

        async def batch_get() -> Any:
            return (await client.batch_get_item(**requests.batch_get()))["Responses"][table]

        async def transact() -> None:
            await client.transact_write_items(**requests.transact_write())

        yield {
            GET: get,
            PUT: put,
            UPDATE: update,
            **{name: query(count) for name, count in QUERIES.items()},
            BATCH_GET: batch_get,
            TRANSACT_WRITE: transact,
        }
