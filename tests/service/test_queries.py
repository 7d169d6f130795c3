"""Queries: what comes back, in which pages, and how many requests it takes; cursors from everywhere to the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from dynamorm_py import (
    Attr,
    Client,
    GlobalIndex,
    InvalidCursor,
    InvalidOperation,
    Model,
    MultipleResultsFound,
    NoResultFound,
    Page,
    Query,
    RequestLimitReached,
    attr,
    batch_write,
    partition_key,
    sort_key,
    time_to_live,
)
from dynamorm_py.client import CallRecord
from dynamorm_py.testing import LocalEndpoint
from tests.service.library import FUTURE, NOW, PAST, Book, Member, shelve, standing

OpenClient = Callable[..., AbstractAsyncContextManager[Client]]
Walk = Callable[[Query[Book], random.Random], Any]


def place(book: Book) -> tuple[str, int]:
    return book.shelf, book.number


class Source:
    """A query, and what it has to return: which books, in which order as far as DynamoDB promises one."""

    def __init__(self, query: Query[Book], books: list[Book], order: Callable[[Book], int] | None, back: bool) -> None:
        self.query = query.descending() if back else query
        self.expected = sorted(map(place, books))
        self.order = order
        self.back = back

    def check(self, found: list[Book]) -> None:
        assert sorted(map(place, found)) == self.expected
        if self.order is not None:
            ranks = list(map(self.order, found))
            assert ranks == sorted(ranks, reverse=self.back)


def sources(books: list[Book], chance: random.Random) -> list[Source]:
    live = standing(books)
    filtered = [book for book in live if book.title == "t"]
    back = chance.random() < 0.5
    shelf_a = Book.query("a")
    return [
        Source(shelf_a, [book for book in live if book.shelf == "a"], lambda book: book.number, back),
        Source(
            shelf_a.where(Book.number >= 0).filter(Book.title == "t"),
            [book for book in filtered if book.shelf == "a" and book.number >= 0],
            lambda book: book.number,
            back,
        ),
        Source(shelf_a.include_expired(), [b for b in books if b.shelf == "a"], lambda book: book.number, back),
        Source(Book.by_genre.query("x"), [book for book in live if book.genre == "x"], lambda book: book.rank, back),
        Source(
            Book.by_genre.query("x").where(Book.rank.between(1, 2)).filter(Book.title == "t"),
            [book for book in filtered if book.genre == "x" and 1 <= book.rank <= 2],
            lambda book: book.rank,
            back,
        ),
        # One partition of an index without a sort key: nothing but the table's key tells its items apart.
        Source(Book.by_title.query("t"), filtered, None, back),
        Source(
            Book.by_rank.query("a").where(Book.rank > 0),
            [book for book in live if book.shelf == "a" and book.rank > 0],
            lambda book: book.rank,
            back,
        ),
        Source(Book.scan(), live, None, False),
        Source(Book.by_genre.scan().filter(Book.rank != 2), [b for b in live if b.genre and b.rank != 2], None, False),
    ]


async def by_limited_pages(query: Query[Book], chance: random.Random) -> list[Book]:
    found: list[Book] = []
    cursor = None
    while True:
        page = await query.limit(chance.randint(1, 4)).page_size(chance.randint(1, 5)).after(cursor).page()
        found += page.items
        if page.cursor is None:
            return found
        cursor = page.cursor


async def by_single_requests(query: Query[Book], chance: random.Random) -> list[Book]:
    found: list[Book] = []
    cursor = None
    while True:
        page = await query.page_size(chance.randint(1, 5)).after(cursor).page()
        found += page.items
        if page.cursor is None:
            return found
        cursor = page.cursor


async def by_breaking_off(query: Query[Book], chance: random.Random) -> list[Book]:
    """Leaves every page at some item of it, and goes on behind that one."""
    found: list[Book] = []
    cursor = None
    while True:
        async for page in query.page_size(chance.randint(1, 6)).after(cursor).pages():
            if page.items:
                last = chance.randrange(len(page.items))
                found += page.items[: last + 1]
                cursor = page.cursor_at(page.items[last])
                break
        else:
            return found


@pytest.mark.parametrize("walk", [by_limited_pages, by_single_requests, by_breaking_off])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.behaviour("1.54", "1.55", "1.56", "2.16")
async def test_walking_with_cursors_meets_every_item_once(
    dynamodb_local: LocalEndpoint, table_prefix: str, seed: int, walk: Walk
) -> None:
    chance = random.Random(seed)
    async with dynamodb_local.client(table_prefix=table_prefix, clock=lambda: NOW) as db:
        await db.create_tables(Book)
        books = await shelve(seed, 60)
        for source in sources(books, chance):
            source.check(await source.query.all())
            source.check(await walk(source.query, chance))
        await db.delete_tables(Book)


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
async def watched(db: Client, open_client: OpenClient, calls: list[CallRecord]) -> Any:
    """A client whose calls are recorded, over thirty books of one shelf, the first of every three called `t`."""
    await db.create_tables(Book)
    titles = {True: "t", False: "untitled"}
    await batch_write(*(Book(shelf="a", number=n, title=titles[n % 3 == 0]).put() for n in range(30)))
    async with open_client(on_call=calls.append) as client:
        yield client


def numbers(books: list[Book] | tuple[Book, ...]) -> list[int]:
    return [book.number for book in books]


@pytest.mark.behaviour("1.57")
async def test_a_page_is_one_request_and_says_what_it_took(watched: Client, calls: list[CallRecord]) -> None:
    page = await Book.query("a").filter(Book.title == "t").page_size(7).page()
    assert numbers(page.items) == [0, 3, 6]
    assert (page.count, page.scanned_count) == (3, 7)
    assert [call.consumed for call in calls] == [page.consumed]
    assert page.consumed > 0


@pytest.mark.behaviour("1.54", "1.57", "2.16")
async def test_a_page_with_a_limit_takes_as_many_requests_as_it_needs(watched: Client, calls: list[CallRecord]) -> None:
    page = await Book.query("a").filter(Book.title == "t").page_size(7).limit(5).page()
    assert numbers(page.items) == [0, 3, 6, 9, 12]
    assert (len(calls), page.scanned_count) == (2, 14)
    assert page.consumed == sum(call.consumed or 0 for call in calls)
    assert page.cursor is not None
    following = await Book.query("a").filter(Book.title == "t").after(page.cursor).page()
    assert numbers(following.items) == [15, 18, 21, 24, 27]


async def test_max_requests_ends_a_page_early(watched: Client, calls: list[CallRecord]) -> None:
    query = Book.query("a").filter(Book.title == "t").page_size(7).max_requests(2)
    page = await query.limit(9).page()
    assert numbers(page.items) == [0, 3, 6, 9, 12]
    assert len(calls) == 2
    assert numbers((await query.limit(9).after(page.cursor).page()).items) == [15, 18, 21, 24, 27]


async def test_max_requests_ends_an_iteration(watched: Client, calls: list[CallRecord]) -> None:
    found = [book async for book in Book.query("a").page_size(4).max_requests(3)]
    assert numbers(found) == list(range(12))
    assert len(calls) == 3


async def test_what_needs_everything_raises_when_max_requests_ends_it(watched: Client) -> None:
    query = Book.query("a").page_size(4).max_requests(2)
    nothing = query.filter(Book.title == "nothing")
    for operation in (query.all(), query.count(), nothing.first(), nothing.one(), nothing.exists()):
        with pytest.raises(RequestLimitReached, match="max_requests=2"):
            await operation
    # Where the answer is known by then, nothing was cut off.
    found = query.filter(Book.title == "t")
    assert await found.exists()
    first = await found.first()
    assert first is not None
    assert first.number == 0


async def test_the_end_on_the_last_allowed_request_is_the_end(watched: Client) -> None:
    assert len(await Book.query("a").max_requests(1).all()) == 30


@pytest.mark.behaviour("1.54", "2.16")
async def test_a_limit_is_what_comes_back(watched: Client, calls: list[CallRecord]) -> None:
    assert numbers(await Book.query("a").limit(4).all()) == [0, 1, 2, 3]
    assert numbers(await Book.query("a").filter(Book.title == "t").limit(4).all()) == [0, 3, 6, 9]
    assert numbers([book async for book in Book.query("a").page_size(3).limit(4)]) == [0, 1, 2, 3]
    assert await Book.query("a").limit(4).count() == 4
    assert len(calls) == 5
    assert await Book.query("a").limit(0).all() == []
    assert len(calls) == 5


async def test_a_limit_asks_for_no_more_items_than_it_returns() -> None:
    query = Book.query("a")
    assert query.limit(4).request["Limit"] == 4
    assert query.limit(4).page_size(3).request["Limit"] == 3
    assert query.limit(3).page_size(4).request["Limit"] == 3
    # Behind a filter nobody knows how many it takes.
    assert "Limit" not in query.limit(4).filter(Book.title == "t").request


async def test_first_asks_for_one_item_and_one_for_two() -> None:
    query = Book.query("a")
    assert query.first().request["Limit"] == 1
    assert query.one().request["Limit"] == 2
    assert "Limit" not in query.filter(Book.title == "t").first().request


async def test_first_one_and_exists(watched: Client, calls: list[CallRecord]) -> None:
    first = await Book.query("a").descending().first()
    assert first is not None
    assert first.number == 29
    assert await Book.query("nowhere").first() is None
    with pytest.raises(MultipleResultsFound):
        await Book.query("a").one()
    with pytest.raises(NoResultFound):
        await Book.query("nowhere").one()
    assert (await Book.query("a").where(Book.number == 7).one()).number == 7
    assert await Book.query("a").exists()
    assert not await Book.query("nowhere").exists()
    assert len(calls) == 7


@pytest.mark.behaviour("1.63", "2.18")
async def test_a_count_follows_all_pages_and_transfers_no_item(watched: Client, calls: list[CallRecord]) -> None:
    query = Book.query("a").page_size(7).filter(Book.title == "t")
    assert query.count().request["Select"] == "COUNT"
    assert await query.count() == 10
    assert len(calls) == 5


@pytest.mark.behaviour("2.18")
async def test_breaking_off_sends_nothing_more(watched: Client, calls: list[CallRecord]) -> None:
    async for book in Book.query("a").page_size(4):
        if book.number == 5:
            break
    assert len(calls) == 2


async def test_nothing_is_sent_ahead_of_its_page(watched: Client, calls: list[CallRecord]) -> None:
    pages = Book.query("a").page_size(10).pages()
    assert calls == []
    for sent in (1, 2, 3):
        await anext(pages)
        assert len(calls) == sent


async def test_a_query_can_be_read_again(watched: Client) -> None:
    query = Book.query("a").where(Book.number < 3)
    assert [book async for book in query] == [book async for book in query] == await query.all()


@pytest.mark.behaviour("1.25")
async def test_an_empty_in_sends_nothing(watched: Client, calls: list[CallRecord]) -> None:
    query = Book.query("a").filter(Book.title.is_in([]))
    assert await query.all() == []
    assert await query.count() == 0
    assert not await query.exists()
    assert [book async for book in query] == []
    assert (await query.page()).cursor is None
    with pytest.raises(InvalidOperation, match="sends nothing"):
        _ = query.request
    assert calls == []


@pytest.mark.behaviour("1.59", "2.15")
async def test_a_consistent_read_of_a_global_index_is_refused(watched: Client, calls: list[CallRecord]) -> None:
    assert await Book.by_rank.query("a").consistent().count() == 30
    assert len(calls) == 1
    with pytest.raises(InvalidOperation, match="by_genre is a global index"):
        await Book.by_genre.query("x").consistent().all()
    assert len(calls) == 1


@pytest.mark.parametrize(
    "made",
    [
        lambda: Book.query("a").limit(-1).request,
        lambda: Book.query("a").page_size(0).request,
        lambda: Book.query("a").max_requests(0).request,
        lambda: Book.query("a").page_size(True).request,
        lambda: Book.query("a").where(Book.number > 1).where(Book.number < 3),
        lambda: Book.query("a").where(Book.title == "t").request,
        lambda: Book.query("a").filter(Book.number == 3).request,
        lambda: Book.query("a").filter(Member.visits == 3).request,
    ],
)
def test_what_dynamodb_would_refuse_is_refused_before(made: Callable[[], object]) -> None:
    with pytest.raises(InvalidOperation, match=r"^Book\.query: "):
        made()


# Items past their time


@pytest.mark.behaviour("1.15")
async def test_what_has_expired_is_missing_everywhere(db: Client, open_client: OpenClient) -> None:
    await db.create_tables(Book)
    times = [PAST, None, FUTURE, PAST, None, PAST]
    await batch_write(*(Book(shelf="a", number=n, genre="x", expires=time).put() for n, time in enumerate(times)))
    async with open_client(clock=lambda: NOW):
        for query in (Book.query("a"), Book.by_genre.query("x"), Book.by_rank.query("a"), Book.scan()):
            assert sorted(numbers(await query.all())) == [1, 2, 4]
            assert await query.count() == 3
            assert await query.page_size(2).count() == 3
            assert len(await query.limit(2).all()) == 2
            first = await query.first()
            assert first is not None
            assert first.expires != PAST
            assert len(await query.include_expired().all()) == 6
            assert await query.include_expired().count() == 6
        assert not await Book.query("a").where(Book.number == 0).exists()
        page = await Book.query("a").page()
        assert (page.count, len(page.items), page.scanned_count) == (3, 3, 6)


class Job(Model, table="jobs"):
    """The time to live is a key itself, on which DynamoDB does not filter."""

    queue: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    due: Attr[int] = time_to_live()
    by_due = GlobalIndex(partition_key="queue", sort_key="due", projection="KEYS_ONLY")


async def test_counting_by_the_time_to_live_counts_what_is_not_expired(db: Client, open_client: OpenClient) -> None:
    await db.create_tables(Job)
    now = int(NOW.timestamp())
    await batch_write(*(Job(queue="q", number=n, due=now + n - 3).put() for n in range(10)))
    async with open_client(clock=lambda: NOW):
        assert await Job.by_due.query("q").count() == 6
        assert await Job.by_due.query("q").page_size(4).count() == 6
        assert await Job.by_due.query("q").where(Job.due <= now + 2).count() == 2
        assert await Job.by_due.query("q").exists()
        assert await Job.by_due.query("q").include_expired().count() == 10
        assert len(await Job.by_due.query("q").all()) == 6
        assert await Job.by_due.scan().count() == 6


# Cursors


async def first_cursor(query: Query[Any]) -> str:
    page: Page[Any] = await query.limit(1).page()
    assert page.cursor is not None
    return page.cursor


async def test_a_cursor_goes_on_with_another_limit_page_size_and_projection(watched: Client) -> None:
    cursor = await first_cursor(Book.query("a"))
    assert numbers(await Book.query("a").after(cursor).limit(2).page_size(1).all()) == [1, 2]
    views = await Book.query("a").project(Book.title).after(cursor).limit(2).all()
    assert [view[Book.number] for view in views] == [1, 2]
    assert numbers(await Book.query("a").after(None).limit(1).all()) == [0]


async def test_a_cursor_fits_into_a_url(watched: Client) -> None:
    cursor = await first_cursor(Book.query("a"))
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "other",
    [
        lambda: Book.query("b"),
        lambda: Book.query("a").descending(),
        lambda: Book.query("a").where(Book.number > 3),
        lambda: Book.query("a").filter(Book.title == "t"),
        lambda: Book.by_rank.query("a"),
        lambda: Book.by_title.query("a"),
        lambda: Book.scan(),
        lambda: Book.scan(segments=2),
        lambda: Member.query("a"),
    ],
)
@pytest.mark.behaviour("1.64", "2.17")
async def test_a_cursor_of_another_read_is_refused_when_it_is_awaited(
    watched: Client, calls: list[CallRecord], other: Callable[[], Query[Any]]
) -> None:
    cursor = await first_cursor(Book.query("a"))
    calls.clear()
    query = other().after(cursor)
    with pytest.raises(InvalidCursor):
        await query.all()
    with pytest.raises(InvalidCursor):
        async for _ in query:
            pass
    assert calls == []


@pytest.mark.behaviour("2.17")
async def test_a_cursor_of_another_table_prefix_is_refused(watched: Client, open_client: OpenClient) -> None:
    cursor = await first_cursor(Book.query("a"))
    async with open_client(table_prefix="other-"):
        with pytest.raises(InvalidCursor):
            await Book.query("a").after(cursor).page()


@pytest.mark.parametrize("text", ["", "x", "not a cursor", "é", "A" * 60, "%%%%"])
async def test_what_is_no_cursor_is_refused(watched: Client, text: str) -> None:
    with pytest.raises(InvalidCursor):
        await Book.query("a").after(text).page()


@pytest.mark.behaviour("2.17")
async def test_a_signed_cursor_cannot_be_forged(watched: Client, open_client: OpenClient) -> None:
    unsigned = await first_cursor(Book.query("a"))
    async with open_client(cursor_secret="s3cret"):
        signed = await first_cursor(Book.query("a"))
        assert numbers(await Book.query("a").after(signed).limit(1).all()) == [1]
        middle = len(signed) // 2
        changed = signed[:middle] + ("A" if signed[middle] != "A" else "B") + signed[middle + 1 :]
        for forged in (unsigned, changed, signed[:-4], signed + "AAAA"):
            with pytest.raises(InvalidCursor):
                await Book.query("a").after(forged).page()
    with pytest.raises(InvalidCursor):
        await Book.query("a").after(signed).page()


async def test_secrets_rotate(watched: Client, open_client: OpenClient) -> None:
    async with open_client(cursor_secret="old"):
        old = await first_cursor(Book.query("a"))
    async with open_client(cursor_secret=["new", "old"]):
        assert numbers(await Book.query("a").after(old).limit(1).all()) == [1]
        new = await first_cursor(Book.query("a"))
    async with open_client(cursor_secret="new"):
        assert numbers(await Book.query("a").after(new).limit(1).all()) == [1]
        with pytest.raises(InvalidCursor, match="cursor_secret"):
            await Book.query("a").after(old).page()


async def test_cursor_at_takes_an_item_of_its_page(watched: Client) -> None:
    page = await Book.query("a").page_size(5).page()
    assert numbers(await Book.query("a").after(page.cursor_at(page.items[1])).limit(2).all()) == [2, 3]
    with pytest.raises(InvalidOperation, match="this very page"):
        page.cursor_at(Book(shelf="a", number=1))


# What an index does not copy


async def test_an_index_cannot_filter_on_what_it_does_not_copy(local_db: Client) -> None:
    await local_db.create_tables(Member)
    for query in (Member.by_email.query("e"), Member.by_visits.query("c"), Member.by_email.scan()):
        with pytest.raises(InvalidOperation, match="does not copy fees"):
            await query.filter(Member.fees.exists()).all()
    with pytest.raises(InvalidOperation, match="does not copy joined"):
        await Member.by_nick.query("n").where(Member.joined < 3).filter(attr("joined") > 1).all()
    assert await Member.by_nick.query("n").filter(Member.visits > 1).all() == []
