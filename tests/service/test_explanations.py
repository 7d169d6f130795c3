"""What `explain` says of a read, and that DynamoDB Local bills what it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    Client,
    Explanation,
    GlobalIndex,
    InvalidOperation,
    LocalIndex,
    Model,
    Query,
    batch_write,
    partition_key,
    sort_key,
)
from dynamorm_py.client import CallRecord
from dynamorm_py.core.values import item_size
from dynamorm_py.core.wire import Call
from dynamorm_py.testing import LocalEndpoint
from tests.service.library import Book, Member
from tests.service.shop import Order

OpenClient = Callable[..., AbstractAsyncContextManager[Client]]


class Log(Model, table="logs"):
    source: Attr[str] = partition_key()
    line: Attr[int] = sort_key()
    level: Attr[str]
    text: Attr[str]
    by_level = GlobalIndex(partition_key="level", projection="KEYS_ONLY")
    by_source = LocalIndex(sort_key="level", projection="KEYS_ONLY")


def written(size: int, count: int) -> list[Log]:
    """Items of exactly so many bytes."""
    logs = []
    for line in range(1, count + 1):
        log = Log(source="s", line=line, level="x", text="")
        missing = size - item_size(log.put().request["Item"])
        logs.append(log.model_copy(update={"text": "x" * missing}))
    return logs


@pytest.mark.parametrize(
    ("size", "count"),
    [(100, 1), (4096, 2), (4097, 2), (1024, 40), (1000, 41), (100_000, 12), (300_000, 9), (262_144, 4), (262_144, 5)],
)
@pytest.mark.behaviour("1.58")
async def test_reads_cost_what_was_said(
    dynamodb_local: LocalEndpoint, table_prefix: str, size: int, count: int
) -> None:
    calls: list[CallRecord] = []
    async with dynamodb_local.client(table_prefix=table_prefix, on_call=calls.append) as db:
        await db.create_tables(Log)
        for log in written(size, count):
            await log.put()
        table = Log.query("s")
        queries: tuple[Query[Any], ...] = (
            table,
            table.consistent(),
            # DynamoDB Local ends pages at 1 MB of what is left after the filter; the service, of what it read.
            *([table.filter(Log.text == "")] if size * count < 1024 * 1024 else []),
            table.project(Log.level),
            table.limit(3),
            table.page_size(4),
            table.page_size(4).limit(8),
            Log.scan(),
            Log.scan().consistent().page_size(3),
        )
        for query in queries:
            calls.clear()
            await query.all()
            check(query, size, count, calls)
        calls.clear()
        assert await table.count() == count
        check(table, size, count, calls)
        await db.delete_tables(Log)


def check(query: Query[Any], size: int, count: int, calls: list[CallRecord]) -> None:
    explained = query.explain(item_size=size, items=count)
    # DynamoDB Local reports nothing for a page without items; the service bills the smallest read.
    empty = sum(call.consumed == 0 for call in calls)
    smallest = 1 if explained.consistent else 0.5
    assert explained.requests == len(calls), explained
    assert explained.read_units == sum(call.consumed or 0 for call in calls) + empty * smallest, explained


async def test_indexes_cost_the_size_that_they_have(dynamodb_local: LocalEndpoint, table_prefix: str) -> None:
    calls: list[CallRecord] = []
    async with dynamodb_local.client(table_prefix=table_prefix, on_call=calls.append) as db:
        await db.create_tables(Log)
        logs = written(9_000, 30)
        await batch_write(*(log.put() for log in logs))
        copied = item_size({name: logs[0].put().request["Item"][name] for name in ("source", "line", "level")})
        # Not of scans: DynamoDB Local bills them as though the index held whole items.
        for query in (Log.by_level.query("x"), Log.by_source.query("s")):
            calls.clear()
            await query.all()
            check(query, copied, 30, calls)
        # What a local index does not copy is read again from the table, item by item.
        calls.clear()
        again = Log.by_source.query("s").project(Log.text)
        await again.all()
        (call,) = calls
        assert call.consumed == 0.5 + 30 * 1.5
        assert again.explain(item_size=9_000, items=30).read_units == 33 + 30 * 1.5
        await db.delete_tables(Log)


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 300_000])
@pytest.mark.parametrize("consistent", [False, True])
@pytest.mark.behaviour("1.58")
async def test_a_get_costs_what_was_said(local_db: Client, size: int, consistent: bool) -> None:
    await local_db.create_tables(Log)
    if size:
        (log,) = written(max(size, 20), 1)
        await log.create()
    get = Log.get("s", 1, consistent=consistent)
    answer = await local_db.send(Call("GetItem", {**get.request, "ReturnConsumedCapacity": "TOTAL"}))
    explained = get.explain(item_size=size, items=1 if size else 0)
    assert explained.read_units == answer["ConsumedCapacity"]["CapacityUnits"]
    assert (explained.operation, explained.requests) == ("GetItem", 1)


async def test_nothing_is_sent(db: Client, open_client: OpenClient) -> None:
    calls: list[CallRecord] = []
    async with open_client(on_call=calls.append):
        Book.query("a").explain(item_size=1, items=1)
        Book.get("a", 1).explain(item_size=1)
        Book.scan(segments=3).count().explain(item_size=1, items=1)
    assert calls == []


def test_a_query_is_explained_in_words() -> None:
    query = Order.query("t 1").where(Order.placed_at >= datetime(2024, 1, 2, tzinfo=UTC)).filter(Order.status == "open")
    explained = query.explain(item_size=500, items=100)
    assert explained == Explanation(
        operation="Query",
        table="shop",
        index=None,
        key_condition="pk = 'T#t$201#ORDER' AND sk >= '2024-01-02T00:00:00.000000Z'",
        filter="status = 'open'",
        projection=None,
        reads_whole_table=False,
        consistent=False,
        items=100,
        item_size=500,
        requests=1,
        read_units=6.5,
    )
    assert str(explained).splitlines() == [
        "Query on table shop",
        "  key: pk = 'T#t$201#ORDER' AND sk >= '2024-01-02T00:00:00.000000Z'",
        "  filtered after the read: status = 'open'",
        "  eventually consistent",
        "  6.5 read units in 1 request for 100 items of 500 bytes",
    ]


def test_a_scan_says_that_it_reads_everything() -> None:
    scan = Book.by_genre.scan(segments=4).filter((Book.rank == 3) | ~Book.title.exists())
    explained = scan.explain(item_size=1000, items=4_000_000)
    assert explained.reads_whole_table
    assert explained.index == "by_genre"
    assert explained.filter == "rank = 3 OR NOT attribute_exists(title)"
    # Of each million items, every 1,049 fill a page, and the last page takes the rest.
    assert explained.requests == 4 * (1_000_000 // 1049 + 1)
    assert str(explained).splitlines()[:2] == ["Scan on index by_genre of table books", "  reads the whole index"]


def test_projections_and_counts() -> None:
    projected = Member.query("c").project(Member.visits, Member.homes[0]).explain(item_size=10, items=1)
    assert projected.projection == ("pk", "sk", "expires", "visits", "homes[0]")
    assert Member.by_email.query("e").explain(item_size=10, items=1).projection == ("email", "pk", "sk")
    counted = Member.query("c").count().explain(item_size=10, items=1)
    assert counted.projection == ()
    assert counted.filter is not None
    assert counted.filter.startswith("attribute_not_exists(expires) OR expires > ")


def test_a_read_that_sends_nothing_costs_nothing() -> None:
    explained = Book.query("a").filter(Book.title.is_in([])).explain(item_size=100, items=100)
    assert (explained.requests, explained.read_units) == (0, 0)
    assert Book.query("a").limit(0).explain(item_size=100, items=100).requests == 0


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Book(shelf="a", number=1).put().explain(item_size=1), "only reads are explained"),
        (lambda: Book.query("a").explain(item_size=-1, items=1), "item_size cannot be -1"),
        (lambda: Book.query("a").explain(item_size=1, items=-1), "items cannot be -1"),
        (lambda: Book.by_genre.query("x").consistent().explain(item_size=1, items=1), "no consistent reads"),
    ],
)
def test_what_cannot_be_explained_is_refused(made: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        made()
