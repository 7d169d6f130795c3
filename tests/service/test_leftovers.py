"""Batches against an engine that throttles, and leaves parts of them undone: in the end every item is there, or named.

`DYNAMORM_FUZZ_ITEMS` is how many items are written and read; without it, as many as every commit can afford.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    Client,
    Model,
    Retry,
    Throttled,
    UnprocessedItems,
    batch_write,
    batch_writer,
    field,
    partition_key,
    sort_key,
)
from dynamorm_py.testing import LocalEndpoint
from tests.faults.proxy import Entry, ShortOfCapacity, Trouble

ITEMS = int(os.environ.get("DYNAMORM_FUZZ_ITEMS", "250"))


class Point(Model, table="points"):
    group: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    text: Attr[str] = field(default="")


class Label(Model, table="labels"):
    number: Attr[int] = partition_key()
    names: Attr[set[str]] = field(default_factory=set)


@asynccontextmanager
async def short_of_capacity(
    engine: LocalEndpoint, prefix: str, trouble: Trouble, *, hang_after: int | None = None, **options: Any
) -> AsyncIterator[ShortOfCapacity]:
    """A client, ambient, whose requests pass the proxy; its retries wait for nothing."""
    reach = {"table_prefix": prefix, "retry": Retry(attempts=100, base=0), **options}
    async with ShortOfCapacity(engine, trouble, hang_after=hang_after) as proxy:
        async with engine.client(endpoint_url=proxy.endpoint_url, **reach):
            yield proxy
        assert asyncio.all_tasks() - proxy.handlers == {asyncio.current_task()}


def points(number: int) -> list[Point]:
    return [Point(group=f"g{each % 3}", number=each, text=f"text {each}") for each in range(number)]


@pytest.mark.behaviour("1.46", "1.47", "2.23")
@pytest.mark.parametrize("seed", range(2))
async def test_every_item_is_written_whatever_is_left_undone_on_the_way(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str, seed: int
) -> None:
    await local_db.create_tables(Point, Label)
    items = points(ITEMS)
    labels = [Label(number=each, names={"a", "b"}) for each in range(30)]
    progress: list[tuple[int, int]] = []
    trouble = Trouble.sometimes(seed, left=0.3, throttled=0.2)
    async with short_of_capacity(dynamodb_local, table_prefix, trouble) as proxy:
        await batch_write(
            *(each.put() for each in (*items, *labels)), progress=lambda done, total: progress.append((done, total))
        )
        assert proxy.throttled > 0
        assert proxy.left > 0
    assert [done for done, _ in progress] == sorted({done for done, _ in progress})
    assert progress[-1] == (ITEMS + 30, ITEMS + 30)
    stored = [each for group in range(3) for each in await Point.query(f"g{group}").all()]
    assert sorted(stored, key=lambda each: each.number) == items
    assert sorted(await Label.scan().all(), key=lambda each: each.number) == labels


@pytest.mark.behaviour("1.45", "1.46", "2.21")
@pytest.mark.parametrize("seed", range(2))
async def test_every_item_is_read_in_the_order_of_its_key(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str, seed: int
) -> None:
    await local_db.create_tables(Point)
    items = points(ITEMS)
    await batch_write(*(each.put() for each in items))
    keys = [(f"g{each % 3}", each) for each in [*reversed(range(-5, ITEMS)), 3, 3]]
    progress: list[tuple[int, int]] = []
    trouble = Trouble.sometimes(seed, left=0.3, throttled=0.2)
    async with short_of_capacity(dynamodb_local, table_prefix, trouble) as proxy:
        found = await Point.batch_get(keys, progress=lambda done, total: progress.append((done, total)))
        assert proxy.throttled > 0
        assert proxy.left > 0
    assert found == [items[number] if number >= 0 else None for _, number in keys]
    assert progress[-1] == (ITEMS + 5, ITEMS + 5)


def is_third(entry: Entry) -> bool:
    """Whether a write, or a key, is of an item whose number divides by three."""
    key = entry.get("PutRequest", {}).get("Item") or entry.get("DeleteRequest", {}).get("Key") or entry
    return int(key["number"]["N"]) % 3 == 0


@pytest.mark.behaviour("1.46", "2.23")
async def test_what_could_not_be_written_is_listed(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str
) -> None:
    await local_db.create_tables(Point)
    operations = [*(each.put() for each in points(60)), *(Point.delete("old", each) for each in range(10))]
    thirds = [operation for number, operation in enumerate(operations) if number < 60 and number % 3 == 0]
    thirds += [operations[60 + number] for number in (0, 3, 6, 9)]
    async with short_of_capacity(dynamodb_local, table_prefix, Trouble(is_third)):
        with pytest.raises(UnprocessedItems, match="24 of 70") as caught:
            await batch_write(*operations, attempts=2)
    assert caught.value.remaining == thirds
    written = [each.number for group in range(3) for each in await Point.query(f"g{group}").all()]
    assert sorted(written) == [number for number in range(60) if number % 3]
    await batch_write(*caught.value.remaining)
    assert await Point.query("g0").count() == 20


@pytest.mark.behaviour("1.46", "2.23")
async def test_an_instance_knows_whether_it_was_written(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str
) -> None:
    await local_db.create_tables(Point)
    left, written = Point(group="g", number=3), Point(group="g", number=4)
    async with short_of_capacity(dynamodb_local, table_prefix, Trouble(is_third)):
        with pytest.raises(UnprocessedItems):
            await batch_write(left.put(), written.put(), attempts=1)
    written.text = "changed"
    assert "UpdateExpression" in written.save().request
    assert "Item" in left.save().request


@pytest.mark.behaviour("1.46", "2.21")
async def test_what_could_not_be_read_is_listed(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str
) -> None:
    await local_db.create_tables(Point)
    await batch_write(*(each.put() for each in points(9)))
    keys = [(f"g{number % 3}", number) for number in range(9)]
    async with short_of_capacity(dynamodb_local, table_prefix, Trouble(is_third)):
        with pytest.raises(UnprocessedItems, match="3 of 9") as caught:
            await Point.batch_get(keys, attempts=3)
    assert caught.value.remaining == [("g0", 0), ("g0", 3), ("g0", 6)]


async def test_throttling_that_does_not_end_is_said_and_what_is_left_listed(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str
) -> None:
    await local_db.create_tables(Point)
    operations = [each.put() for each in points(60)]
    retry = Retry(attempts=2, base=0)
    async with short_of_capacity(dynamodb_local, table_prefix, Trouble(throttled=1.0, spared=1), retry=retry):
        with pytest.raises(UnprocessedItems) as caught:
            await batch_write(*operations, concurrency=1)
        assert isinstance(caught.value.__cause__, Throttled)
        assert caught.value.remaining == operations[25:]
        with pytest.raises(Throttled):
            await Point.batch_get([("g0", 0)])


async def test_a_writer_goes_on_with_what_was_left(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str
) -> None:
    await local_db.create_tables(Point)
    trouble = Trouble(is_third)
    async with (
        short_of_capacity(dynamodb_local, table_prefix, trouble),
        batch_writer(concurrency=1, attempts=1) as writer,
    ):
        with pytest.raises(UnprocessedItems):
            await writer.add(*(each.put() for each in points(25)))
        assert writer.written == 16
        trouble.leaves = lambda entry: False
        await writer.flush()
        assert writer.written == 25
    assert sum([await Point.query(f"g{group}").count() for group in range(3)]) == 25


@pytest.mark.behaviour("2.28")
@pytest.mark.parametrize("verb", ["write", "read"])
async def test_cancelling_in_the_middle_leaves_nothing_running(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str, verb: str
) -> None:
    await local_db.create_tables(Point)
    items = points(400)
    trouble = Trouble.sometimes(1, left=0.3, throttled=0.2)
    async with short_of_capacity(dynamodb_local, table_prefix, trouble, hang_after=7) as proxy:
        operation: Any = (
            batch_write(*(each.put() for each in items))
            if verb == "write"
            else Point.batch_get([(each.group, each.number) for each in items], concurrency=2)
        )
        task = asyncio.ensure_future(awaited(operation))
        await proxy.hanging.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The client still is open: what ran for the batch has ended by itself.
        assert asyncio.all_tasks() - proxy.handlers == {asyncio.current_task()}


@pytest.mark.behaviour("2.28")
async def test_a_timeout_ends_a_batch_that_never_would(
    local_db: Client, dynamodb_local: LocalEndpoint, table_prefix: str
) -> None:
    await local_db.create_tables(Point)
    async with short_of_capacity(dynamodb_local, table_prefix, Trouble(lambda entry: True)) as proxy:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(awaited(batch_write(*(each.put() for each in points(60)), attempts=10**6)), 0.2)
        assert asyncio.all_tasks() - proxy.handlers == {asyncio.current_task()}
    assert await Point.scan().count() == 0


async def awaited(operation: Any) -> Any:
    return await operation
