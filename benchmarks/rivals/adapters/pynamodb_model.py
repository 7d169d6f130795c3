"""PynamoDB, with a model of its own kind; where calls are under way at once, a thread for each."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pynamodb.attributes import BooleanAttribute, ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

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

REACH = {"region": os.environ["AWS_REGION"], "host": os.environ["AWS_ENDPOINT_URL_DYNAMODB"]}


class Order(Model):
    class Meta:
        table_name = "orders"
        region = REACH["region"]
        host = REACH["host"]
        max_pool_connections = CONNECTIONS

    customer_id = UnicodeAttribute(hash_key=True)
    order_id = UnicodeAttribute(range_key=True)
    status = UnicodeAttribute()
    email = UnicodeAttribute()
    note = UnicodeAttribute()
    total = NumberAttribute()
    gift = BooleanAttribute()
    tags = ListAttribute(of=UnicodeAttribute)
    address = MapAttribute()
    version = NumberAttribute()


def plain(order: Order) -> dict:
    return {**order.attribute_values, "address": order.address.as_dict()}


@contextmanager
def opened(_table: str) -> Iterator[dict]:
    connection = Connection(**REACH, max_pool_connections=CONNECTIONS)
    read = Order(*KEY)

    def update() -> Order:
        changes = [Order.status.set(SET["status"]), Order.total.set(SET["total"])]
        read.update(changes, condition=Order.customer_id.exists())
        return read

    def transact() -> None:
        with TransactWrite(connection=connection) as transaction:
            for order in TRANSACTION_ORDERS:
                transaction.save(Order(**order))

    yield {
        GET: lambda: Order.get(*KEY),
        PUT: lambda: Order(**ORDER).save(),
        UPDATE: update,
        **{name: lambda count=count: list(Order.query(queried_customer(count))) for name, count in QUERIES.items()},
        BATCH_GET: lambda: list(Order.batch_get(BATCH_KEYS)),
        TRANSACT_WRITE: transact,
    }
