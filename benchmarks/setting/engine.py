"""DynamoDB Local, with the items that the work reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.rivals.adapters.orm import Order
from benchmarks.rivals.work import BATCH_KEYS, ORDER, QUERIED, order, queried_customer
from dynamorm_py import batch_write
from dynamorm_py.testing.endpoint import LocalEndpoint


@dataclass(frozen=True)
class Service:
    """What the libraries talk to, and, if it tells, how many requests it was sent since it was asked last."""

    endpoint_url: str
    requests: Callable[[], dict[str, int]] | None = None


@contextmanager
def dynamodb_local() -> Iterator[Service]:
    """It in memory, for the length of the block."""
    # Only who asks for this engine needs what starts it.
    from tests.engines.dynamodb_local import DynamoDBLocal  # noqa: PLC0415

    with DynamoDBLocal() as local:
        asyncio.run(_fill(local))
        yield Service(local.endpoint_url)


async def _fill(local: LocalEndpoint) -> None:
    orders = [
        ORDER,
        *(order(queried_customer(count), number) for count in QUERIED for number in range(1, count + 1)),
        *(order(customer, int(number)) for customer, number in BATCH_KEYS),
    ]
    async with local.client(transport="aiobotocore") as db:
        await db.create_tables(Order)
        await batch_write(*(Order(**attributes).put() for attributes in orders))
