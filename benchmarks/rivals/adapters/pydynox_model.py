"""pydynox, with a model of its own kind."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydynox import DynamoDBClient, Model, ModelConfig, Transaction, set_default_client
from pydynox.attributes import BooleanAttribute, ListAttribute, MapAttribute, NumberAttribute, StringAttribute

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


class Order(Model):
    model_config = ModelConfig(table="orders")

    customer_id = StringAttribute(partition_key=True)
    order_id = StringAttribute(sort_key=True)
    status = StringAttribute()
    email = StringAttribute()
    note = StringAttribute()
    total = NumberAttribute()
    gift = BooleanAttribute()
    tags = ListAttribute()
    address = MapAttribute()
    version = NumberAttribute()


plain = Order.to_dict

KEYS = [plain_key(key) for key in BATCH_KEYS]


@asynccontextmanager
async def opened(_table: str) -> AsyncIterator[dict]:
    client = DynamoDBClient(region=os.environ["AWS_REGION"], endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
    set_default_client(client)

    async def query(count: int) -> list[Order]:
        return [order async for order in Order.query(partition_key=queried_customer(count))]

    async def transact() -> None:
        async with Transaction(client) as transaction:
            for order in TRANSACTION_ORDERS:
                transaction.save_model(Order(**order))

    yield {
        GET: lambda: Order.get(**plain_key(KEY)),
        PUT: lambda: Order(**ORDER).save(),
        UPDATE: lambda: Order.update_by_key(**plain_key(KEY), **SET),
        **{name: lambda count=count: query(count) for name, count in QUERIES.items()},
        BATCH_GET: lambda: Order.batch_get(KEYS),
        TRANSACT_WRITE: transact,
    }
