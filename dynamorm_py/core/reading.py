"""Runs of a search, page by page: what to send next, what the answers hold, and where to go on.

DynamoDB's `Limit` counts the items it evaluates, before any filter, and a page may be empty and still not the last;
only an absent LastEvaluatedKey ends a read. A read in segments takes one page of each at a time, all of them together,
so that nothing is read ahead and nothing is left running between two pages.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from dynamorm_py.core.cursors import Place, decode_cursor, encode_cursor
from dynamorm_py.core.errors import InvalidCursor, InvalidOperation, RequestLimitReached
from dynamorm_py.core.records import Record
from dynamorm_py.core.search import CompiledSearch, Search, compile_search
from dynamorm_py.core.tenancy import check_leading
from dynamorm_py.core.wire import Call, Conversation, Item, Response, Scope, Together

# How many requests of a read in segments are under way at a time: DynamoDB answers a page of 1 MB in tens of
# milliseconds, so more would gain a single process little and cost it memory.
CONCURRENT_SEGMENTS = 16


class RawPage(Record):
    """What one step brought: items in DynamoDB's form, and `last`, the key after which to go on (None: that was all).
    Of a read in segments, `parts` says whose the items are, and `places` where every segment stands behind them."""

    items: tuple[Item, ...] = ()
    last: Item | None = None
    count: int = 0
    scanned: int = 0
    consumed: float = 0.0
    parts: tuple[Part, ...] = ()
    places: tuple[Item | None, ...] = ()


class Part(Record):
    """A segment's share of a page: so many items, read from the place `before` on."""

    segment: int
    items: int
    before: Item | None


class Reading(Protocol):
    """One run of a search, from its cursor to its end, its limit, or `max_requests`."""

    @property
    def done(self) -> bool:
        """Whether nothing more is to be sent."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether `max_requests` ended the read although there may be more."""
        ...

    def first_call(self) -> Call:
        """The request that would be sent next, or the first of several."""
        ...

    def step(self) -> Conversation[RawPage]:
        """The next page; not after the end."""
        ...

    def rest(self) -> Conversation[list[RawPage]]:
        """All pages that are left."""
        ...

    def cursor(self, page: RawPage) -> str | None:
        """The cursor for going on behind a page, None at the end."""
        ...

    def cursor_at(self, page: RawPage, position: int) -> str:
        """The cursor for going on after one item of a page."""
        ...


def begin(search: Search, scope: Scope) -> Reading:
    """A new run of a search."""
    compiled = compile_search(search, scope)
    try:
        return SequentialReading(compiled) if search.segments == 1 else ParallelReading(compiled)
    except InvalidCursor as error:
        raise error.about(search.schema.model, search.verb) from error.__cause__


def first_call(search: Search, scope: Scope) -> Call:
    """The first request of a search."""
    reading = begin(search, scope)
    if reading.done:
        raise InvalidOperation(
            "this read sends nothing: it returns no item", model=search.schema.model, operation=search.verb
        )
    return reading.first_call()


def read_all(search: Search, scope: Scope) -> Conversation[list[RawPage]]:
    """Every page until the end or the limit; raises where `max_requests` comes first."""
    reading = begin(search, scope)
    pages = yield from reading.rest()
    if reading.exhausted:
        raise RequestLimitReached(
            f"max_requests={search.max_requests} ended the read before it was complete: raise it, or read page by page",
            model=search.schema.model,
            operation=search.verb,
        )
    return pages


def read_page(search: Search, scope: Scope) -> Conversation[tuple[RawPage, Reading]]:
    """One page: one request (of each segment) without a limit; with one, as many as it takes, up to `max_requests`."""
    reading = begin(search, scope)
    if search.limit is not None:
        return _merged((yield from reading.rest())), reading
    return (RawPage() if reading.done else (yield from reading.step())), reading


class SequentialReading:
    """One page after the other."""

    __slots__ = ("_compiled", "_left", "_more", "_sent", "_start")

    def __init__(self, compiled: CompiledSearch) -> None:
        self._compiled = compiled
        self._sent = 0
        self._left = compiled.search.limit
        self._start = self._first_place()
        over = self._start is not None and compiled.ends_at(self._start)
        self._more = compiled.request is not None and self._left != 0 and not over

    @property
    def done(self) -> bool:
        return not self._more

    @property
    def exhausted(self) -> bool:
        maximum = self._compiled.search.max_requests
        return self._more and maximum is not None and self._sent >= maximum

    def first_call(self) -> Call:
        return self._compiled.call(self._start, self._page_limit())

    def step(self) -> Conversation[RawPage]:
        self._sent += 1
        page = self._limited(_page_of(self._compiled, (yield self.first_call())))
        self._start = page.last
        self._more = page.last is not None and self._left != 0
        return page

    def rest(self) -> Conversation[list[RawPage]]:
        pages = []
        while not (self.done or self.exhausted):
            pages.append((yield from self.step()))
        return pages

    def cursor(self, page: RawPage) -> str | None:
        return None if page.last is None else _cursor(self._compiled, page.last)

    def cursor_at(self, page: RawPage, position: int) -> str:
        return _cursor(self._compiled, self._compiled.key_of(page.items[position]))

    def _first_place(self) -> Item | None:
        place = _place(self._compiled)
        if place is not None:
            _check_key(self._compiled, place)
        return place

    def _page_limit(self) -> int | None:
        size = self._compiled.search.page_size
        if self._left is None or self._compiled.filters:
            return size
        return self._left if size is None else min(size, self._left)

    def _limited(self, page: RawPage) -> RawPage:
        left = self._left
        if left is None:
            return page
        self._left = max(left - page.count, 0)
        if page.count < left or (page.count == left and page.last is None):
            return page
        items = page.items[:left]
        # Counting brings no items; it goes on after what DynamoDB evaluated.
        last = self._compiled.key_of(items[-1]) if items else page.last
        if last is not None and self._compiled.ends_at(last):
            last = None
        return RawPage(items, last, left, page.scanned, page.consumed)


class ParallelReading:
    """A scan in segments: each step sends one request for every segment that has not ended."""

    __slots__ = ("_compiled", "_places", "_sent")

    def __init__(self, compiled: CompiledSearch) -> None:
        self._compiled = compiled
        self._places: list[Item | None] = self._first_places()
        self._sent = 0

    @property
    def done(self) -> bool:
        return self._compiled.request is None or all(place is None for place in self._places)

    @property
    def exhausted(self) -> bool:
        maximum = self._compiled.search.max_requests
        return not self.done and maximum is not None and self._sent >= maximum

    def first_call(self) -> Call:
        return self._call(self._open()[0])

    def step(self) -> Conversation[RawPage]:
        segments = self._open()
        maximum = self._compiled.search.max_requests
        if maximum is not None:
            segments = segments[: maximum - self._sent]
        self._sent += len(segments)
        calls = tuple(_send(self._call(segment)) for segment in segments)
        # All places move on together, after every answer is there: a failed step can be taken again.
        responses: list[Response] = yield Together(calls, CONCURRENT_SEGMENTS)
        pages = [_page_of(self._compiled, response) for response in responses]
        parts = tuple(
            Part(segment, len(page.items), self._places[segment]) for segment, page in zip(segments, pages, strict=True)
        )
        for segment, page in zip(segments, pages, strict=True):
            self._places[segment] = page.last
        merged = _merged(pages)
        return RawPage(merged.items, None, merged.count, merged.scanned, merged.consumed, parts, tuple(self._places))

    def rest(self) -> Conversation[list[RawPage]]:
        segments = () if self.done else self._open()
        runs = tuple(self._rest_of(segment) for segment in segments)
        found: list[list[RawPage]] = yield Together(runs, CONCURRENT_SEGMENTS)
        return [page for pages in found for page in pages]

    def cursor(self, page: RawPage) -> str | None:
        if all(place is None for place in page.places):
            return None
        return _cursor(self._compiled, list(page.places))

    def cursor_at(self, page: RawPage, position: int) -> str:
        places = list(page.places)
        first = 0
        for part in page.parts:
            if position < first:
                places[part.segment] = part.before
            elif position < first + part.items - 1:
                places[part.segment] = self._compiled.key_of(page.items[position])
            first += part.items
        return _cursor(self._compiled, places)

    def _open(self) -> list[int]:
        return [segment for segment, place in enumerate(self._places) if place is not None]

    def _call(self, segment: int) -> Call:
        return self._compiled.call(self._places[segment], self._compiled.search.page_size, segment)

    def _rest_of(self, segment: int) -> Conversation[list[RawPage]]:
        pages = []
        while self._places[segment] is not None and not self.exhausted:
            self._sent += 1
            page = _page_of(self._compiled, (yield self._call(segment)))
            self._places[segment] = page.last
            pages.append(page)
        return pages

    def _first_places(self) -> list[Item | None]:
        segments = self._compiled.search.segments
        if self._compiled.search.after is None:
            return [{} for _ in range(segments)]
        places = _places(self._compiled)
        if len(places) != segments:
            raise InvalidCursor("the cursor belongs to a scan in another number of segments")
        for place in places:
            if place:
                _check_key(self._compiled, place)
        return places


def _send(call: Call) -> Conversation[Response]:
    response: Response = yield call
    return response


def _page_of(compiled: CompiledSearch, response: Response) -> RawPage:
    items: Sequence[Item] = response.get("Items") or ()
    count: int = response.get("Count", 0)
    if items:
        search, now = compiled.search, cache(compiled.scope.now)
        items = search.schema.read(items, now, expired=search.include_expired)
        count = len(items)
    capacity: Mapping[str, Any] = response.get("ConsumedCapacity") or {}
    return RawPage(
        tuple(items),
        dict(response["LastEvaluatedKey"]) if response.get("LastEvaluatedKey") else None,
        count,
        response.get("ScannedCount", 0),
        capacity.get("CapacityUnits", 0.0),
    )


def _merged(pages: Sequence[RawPage]) -> RawPage:
    """Several answers as one page that ends where the last one did."""
    return RawPage(
        tuple(item for page in pages for item in page.items),
        pages[-1].last if pages else None,
        sum(page.count for page in pages),
        sum(page.scanned for page in pages),
        sum(page.consumed for page in pages),
    )


def _cursor(compiled: CompiledSearch, place: Place) -> str:
    return encode_cursor(place, compiled.binding, compiled.scope.cursor_secrets)


def _place(compiled: CompiledSearch) -> Item | None:
    after = compiled.search.after
    if after is None:
        return None
    place = decode_cursor(after, compiled.binding, compiled.scope.cursor_secrets)
    if isinstance(place, list):
        raise InvalidCursor("the cursor belongs to a scan in segments")
    return place


def _places(compiled: CompiledSearch) -> list[Item | None]:
    places = decode_cursor(compiled.search.after or "", compiled.binding, compiled.scope.cursor_secrets)
    if not isinstance(places, list):
        raise InvalidCursor("the cursor belongs to a scan without segments")
    return places


def _check_key(compiled: CompiledSearch, key: Item) -> None:
    search = compiled.search
    attributes = (*search.key.attributes, *search.schema.key.attributes)
    if {name: next(iter(value)) for name, value in key.items()} != {part.name: part.type for part in attributes}:
        raise InvalidCursor("the cursor does not hold this query's key attributes")
    if search.values is not None and any(key[part.name] != part.value(search.values) for part in search.key.partition):
        raise InvalidCursor("the cursor belongs to another partition")
    if search.index is not None:
        check_leading(search.schema, compiled.scope, key)
