"""dyntastic, with a pydantic model; where calls are under way at once, a thread for each."""

# Its library is installed in an environment of its own alone, so that no type checker sees it.
# mypy: ignore-errors
# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

# Its models are read at run time: no `from __future__ import annotations` here.

import os
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore.config import Config
from botocore.session import get_session
from dyntastic import A, Dyntastic, transaction

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


class Order(Dyntastic):
    __table_name__ = "orders"
    __hash_key__ = "customer_id"
    __range_key__ = "order_id"
    __table_region__ = os.environ["AWS_REGION"]
    __table_host__ = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]

    customer_id: str
    order_id: str
    status: str
    email: str
    note: str
    total: int
    gift: bool
    tags: list[str]
    address: dict[str, str]
    version: int


plain = Order.model_dump


@contextmanager
def opened(_table: str) -> Iterator[dict]:
    session = get_session()
    session.set_default_client_config(Config(max_pool_connections=CONNECTIONS))
    boto3.setup_default_session(botocore_session=session)
    read = Order(**ORDER)

    def update() -> None:
        changes = A.status.set(SET["status"]), A.total.set(SET["total"])
        read.update(*changes, condition=A.customer_id.exists(), refresh=False)
        # It takes nothing of what an update returns, and reading the item again would be a second request.
        read.ignore_unrefreshed()

    def transact() -> None:
        with transaction():
            for order in TRANSACTION_ORDERS:
                Order(**order).save()

    yield {
        GET: lambda: Order.get(*KEY),
        PUT: lambda: Order(**ORDER).save(),
        UPDATE: update,
        **{name: lambda count=count: list(Order.query(queried_customer(count))) for name, count in QUERIES.items()},
        BATCH_GET: lambda: Order.batch_get(BATCH_KEYS),
        TRANSACT_WRITE: transact,
    }
