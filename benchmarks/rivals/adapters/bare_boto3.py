"""boto3 itself: DynamoDB's own form in and out, no model; where calls are under way at once, a thread for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.rivals import requests
from benchmarks.rivals.work import BATCH_GET, CONNECTIONS, GET, PUT, QUERIES, TRANSACT_WRITE, UPDATE, plain_item

plain = plain_item


@contextmanager
def opened(table: str) -> Iterator[dict[str, Callable[[], Any]]]:
    client = boto3.client("dynamodb", config=Config(max_pool_connections=CONNECTIONS))

    def query(count: int) -> Callable[[], Any]:
        return lambda: client.query(**requests.query(count))["Items"]

    yield {
        GET: lambda: client.get_item(**requests.get())["Item"],
        PUT: lambda: client.put_item(**requests.put()),
        UPDATE: lambda: client.update_item(**requests.update())["Attributes"],
        **{name: query(count) for name, count in QUERIES.items()},
        BATCH_GET: lambda: client.batch_get_item(**requests.batch_get())["Responses"][table],
        TRANSACT_WRITE: lambda: client.transact_write_items(**requests.transact_write()),
    }
