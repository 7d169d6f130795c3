"""Scans, alone and in segments: everything once, resumable from every page, and nothing left running."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from dynamorm_py import (
    Client,
    Credentials,
    InvalidCursor,
    InvalidOperation,
    Query,
    RequestLimitReached,
    TableNotFound,
    batch_write,
)
from dynamorm_py.client import CallRecord
from dynamorm_py.core.wire import Together
from dynamorm_py.testing import LocalEndpoint
from tests.faults.server import FaultServer, Hang, fault
from tests.service.library import NOW, Book, Member, shelve, standing

OpenClient = Callable[..., AbstractAsyncContextManager[Client]]


def places(books: Any) -> list[tuple[str, int]]:
    return sorted((book.shelf, book.number) for book in books)


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
async def books(db: Client, open_client: OpenClient, calls: list[CallRecord]) -> Any:
    """Sixty random books, under a client whose calls are recorded and whose clock stands still."""
    await db.create_tables(Book)
    found = await shelve(7, 60)
    async with open_client(clock=lambda: NOW, on_call=calls.append):
        yield found


@pytest.mark.parametrize("segments", [1, 2, 5, 40])
@pytest.mark.behaviour("1.62", "2.20")
async def test_a_scan_in_segments_finds_what_a_plain_one_does(books: list[Book], segments: int) -> None:
    expected = places(standing(books))
    scan = Book.scan(segments=segments)
    assert places(await scan.all()) == expected
    assert places([book async for book in scan.page_size(3)]) == expected
    assert await scan.count() == len(expected)
    assert await scan.page_size(2).count() == len(expected)
    titled = [book for book in standing(books) if book.title == "t"]
    assert places(await scan.filter(Book.title == "t").all()) == places(titled)
    assert len(await scan.include_expired().all()) == 60


@pytest.mark.parametrize("segments", [1, 4])
async def test_an_index_is_scanned_for_the_items_that_are_in_it(books: list[Book], segments: int) -> None:
    expected = places(book for book in standing(books) if book.genre is not None)
    assert places(await Book.by_genre.scan(segments=segments).all()) == expected
    assert places(await Book.by_rank.scan(segments=segments).consistent().all()) == places(standing(books))


async def test_each_step_takes_one_page_of_every_segment_that_has_not_ended(
    books: list[Book], calls: list[CallRecord]
) -> None:
    await batch_write(*(Book(shelf=f"shelf {number}", number=number).put() for number in range(60)))
    calls.clear()
    pages = Book.scan(segments=4).page_size(1).pages()
    assert calls == []
    page = await anext(pages)
    assert (len(calls), page.scanned_count) == (4, 4)
    await anext(pages)
    assert len(calls) == 8


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.behaviour("1.62", "2.20")
async def test_walking_segments_with_cursors_meets_every_item_once(
    dynamodb_local: LocalEndpoint, table_prefix: str, seed: int
) -> None:
    chance = random.Random(seed)
    async with dynamodb_local.client(table_prefix=table_prefix, clock=lambda: NOW, cursor_secret="s") as db:
        await db.create_tables(Book)
        expected = places(standing(await shelve(seed, 60)))
        for make in (Book.scan, Book.by_title.scan):
            scan = make(segments=chance.randint(2, 7)).page_size(chance.randint(1, 4))
            assert places(await by_pages(scan)) == expected
            assert places(await by_breaking_off(scan, chance)) == expected
            assert places(await by_requests(scan, chance)) == expected
        await db.delete_tables(Book)


async def by_pages(scan: Query[Book]) -> list[Book]:
    found: list[Book] = []
    cursor = None
    while True:
        page = await scan.after(cursor).page()
        found += page.items
        if page.cursor is None:
            return found
        cursor = page.cursor


async def by_requests(scan: Query[Book], chance: random.Random) -> list[Book]:
    """Leaves off wherever `max_requests` does, be it before some segments have begun."""
    found: list[Book] = []
    cursor = None
    while True:
        async for page in scan.max_requests(chance.randint(1, 9)).after(cursor).pages():
            found += page.items
            cursor = page.cursor
        if cursor is None:
            return found


async def by_breaking_off(scan: Query[Book], chance: random.Random) -> list[Book]:
    found: list[Book] = []
    cursor = None
    while True:
        async for page in scan.after(cursor).pages():
            if page.items:
                last = chance.randrange(len(page.items))
                found += page.items[: last + 1]
                cursor = page.cursor_at(page.items[last])
                break
        else:
            return found


async def test_all_goes_on_behind_a_cursor(books: list[Book]) -> None:
    scan = Book.scan(segments=3).page_size(4)
    page = await scan.page()
    rest = await scan.after(page.cursor).all()
    assert places([*page.items, *rest]) == places(standing(books))


async def test_max_requests_is_for_all_segments_together(books: list[Book], calls: list[CallRecord]) -> None:
    scan = Book.scan(segments=4).page_size(2).max_requests(6)
    with pytest.raises(RequestLimitReached):
        await scan.all()
    assert len(calls) == 6
    calls.clear()
    with pytest.raises(RequestLimitReached):
        await scan.count()
    assert len(calls) == 6
    calls.clear()
    assert len([page async for page in scan.pages()]) == 2
    assert len(calls) == 6


@pytest.mark.behaviour("1.62", "2.17")
async def test_a_cursor_belongs_to_its_number_of_segments(books: list[Book]) -> None:
    cursor = (await Book.scan(segments=3).page_size(1).page()).cursor
    plain = (await Book.scan().page_size(1).page()).cursor
    for scan, other in (
        (Book.scan(segments=2), cursor),
        (Book.scan(), cursor),
        (Book.scan(segments=3), plain),
        (Book.by_title.scan(segments=3), cursor),
        (Book.scan(segments=3).filter(Book.rank > 1), cursor),
    ):
        with pytest.raises(InvalidCursor):
            await scan.after(other).page()


@pytest.mark.behaviour("2.18", "2.28")
async def test_breaking_off_sends_nothing_more_and_leaves_no_task(books: list[Book], calls: list[CallRecord]) -> None:
    before = asyncio.all_tasks()
    async for _ in Book.scan(segments=5).page_size(1):
        break
    assert len(calls) == 5
    assert asyncio.all_tasks() == before


@pytest.mark.behaviour("2.20", "2.28")
async def test_the_first_error_is_raised_and_ends_the_siblings() -> None:
    before = asyncio.all_tasks()
    async with FaultServer(Hang(), Hang(), fault("ResourceNotFoundException", "no table")) as server:
        client = Client(region="eu-west-1", endpoint_url=server.endpoint_url, credentials=Credentials("key", "secret"))
        async with client:
            for attempt in (Book.scan(segments=3).all(), Book.scan(segments=3).page()):
                server.script(Hang(), Hang(), fault("ResourceNotFoundException", "no table"))
                with pytest.raises(TableNotFound) as caught:
                    await attempt
                assert (caught.value.model, caught.value.operation) == ("Book", "scan")
            assert {request.body["Segment"] for request in server.received} == {0, 1, 2}
    assert asyncio.all_tasks() == before


async def test_a_failed_step_can_be_taken_again(books: list[Book], db: Client) -> None:
    pages = Book.scan(segments=3).page_size(2).include_expired().pages()
    found = list((await anext(pages)).items)
    await db.delete_tables(Book)
    with pytest.raises(TableNotFound):
        await anext(pages)
    await db.create_tables(Book)
    for book in books:
        await book.put()
    found += [book async for page in pages for book in page.items]
    assert places(found) == places(books)


async def test_at_most_sixteen_requests_are_under_way(db: Client) -> None:
    await db.create_tables(Book)
    scan = Book.scan(segments=50)
    step = next(scan.all().plan.converse(db.scope))
    assert isinstance(step, Together)
    assert (step.concurrency, len(step.conversations)) == (16, 50)
    assert await scan.all() == []


def test_the_request_names_the_segment() -> None:
    request = Book.scan(segments=4).page_size(3).request
    assert (request["Segment"], request["TotalSegments"], request["Limit"]) == (0, 4, 3)
    assert "Segment" not in Book.scan().request


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Book.scan().where(Book.number > 1), "a scan reads every key"),
        (lambda: Book.by_genre.scan().where(Book.rank > 1), "a scan reads every key"),
        (lambda: Book.scan().descending(), "a scan has no order"),
        (lambda: Book.scan(segments=0), "1 to 1,000,000 segments"),
        (lambda: Book.scan(segments=1_000_001), "1 to 1,000,000 segments"),
        (lambda: Book.by_genre.scan(segments=0), "1 to 1,000,000 segments"),
        (lambda: Book.scan(segments=2).limit(3), r"limit\(\) is for reads in sequence"),
        (lambda: Book.scan(segments=2).first(), r"first\(\) is for reads in sequence"),
        (lambda: Book.scan(segments=2).one(), r"one\(\) is for reads in sequence"),
        (lambda: Book.scan(segments=2).exists(), r"exists\(\) is for reads in sequence"),
        (lambda: Book.by_genre.scan().consistent().request, "no consistent reads"),
        (lambda: Book.scan().filter(Member.visits > 1).request, "a path of Member"),
    ],
)
@pytest.mark.behaviour("1.62", "2.15")
def test_what_a_scan_cannot_do_is_refused(made: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidOperation, match=message):
        made()


async def test_limits_and_terminals_of_a_plain_scan(books: list[Book]) -> None:
    assert len(await Book.scan().limit(5).all()) == 5
    assert await Book.scan().first() is not None
    assert await Book.scan().exists()
    assert not await Book.scan().filter(Book.title == "nothing").exists()
    # Keys can be filtered on in a scan: it has no key condition.
    assert places(await Book.scan().filter(Book.shelf == "b").all()) == places(
        book for book in standing(books) if book.shelf == "b"
    )
