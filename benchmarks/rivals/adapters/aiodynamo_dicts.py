"""aiodynamo, over the HTTP client that the environment names: Python dicts in and out, no model."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiodynamo.client import Client
from aiodynamo.credentials import Credentials
from aiodynamo.expressions import F, HashKey
from aiodynamo.models import BatchGetRequest, ReturnValues
from aiodynamo.operations import Put
from yarl import URL

from benchmarks.rivals.entrants import HTTP
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
    plain_key,
    queried_customer,
)

plain = dict

KEYS = [plain_key(key) for key in BATCH_KEYS]


# Each is installed without the other: the two import what they need themselves.


@asynccontextmanager
async def over_httpx() -> AsyncIterator:
    from aiodynamo.http.httpx import HTTPX  # noqa: PLC0415
    from httpx import AsyncClient, Limits  # noqa: PLC0415

    limits = Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with AsyncClient(limits=limits) as client:
        yield HTTPX(client)


@asynccontextmanager
async def over_aiohttp() -> AsyncIterator:
    from aiodynamo.http.aiohttp import AIOHTTP  # noqa: PLC0415
    from aiohttp import ClientSession, TCPConnector  # noqa: PLC0415

    async with ClientSession(connector=TCPConnector(limit=CONNECTIONS)) as session:
        yield AIOHTTP(session)


CLIENTS = {"httpx": over_httpx, "aiohttp": over_aiohttp}


@asynccontextmanager
async def opened(name: str) -> AsyncIterator[dict]:
    async with CLIENTS[os.environ[HTTP]]() as http:
        client = Client(
            http,
            Credentials.auto(),
            os.environ["AWS_REGION"],
            URL(os.environ["AWS_ENDPOINT_URL_DYNAMODB"]),
            numeric_type=int,
        )
        table = client.table(name)

        async def query(count: int) -> list[dict]:
            return [order async for order in table.query(HashKey("customer_id", queried_customer(count)))]

        async def update() -> dict:
            changes = F("status").set(SET["status"]) & F("total").set(SET["total"])
            condition = F("customer_id").exists()
            return await table.update_item(
                plain_key(KEY), changes, return_values=ReturnValues.all_new, condition=condition
            )

        async def batch_get() -> list[dict]:
            return (await client.batch_get({name: BatchGetRequest(keys=KEYS)})).items[name]

        yield {
            GET: lambda: table.get_item(plain_key(KEY)),
            PUT: lambda: table.put_item(ORDER),
            UPDATE: update,
            **{operation: lambda count=count: query(count) for operation, count in QUERIES.items()},
            BATCH_GET: batch_get,
            TRANSACT_WRITE: lambda: client.transact_write_items([Put(name, order) for order in TRANSACTION_ORDERS]),
        }
