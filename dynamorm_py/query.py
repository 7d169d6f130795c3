"""The builder of queries and scans, its terminals, and its pages.

A `Query` is frozen: each step returns a new one, and the same one can be read as often as one likes. Nothing is sent
until a terminal is awaited or an iteration takes its first step, and then one request at a time, when its page is
asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from dynamorm_py.context import Runner, ambient, bound_tenant, check_step
from dynamorm_py.core.errors import DynamormError, InvalidOperation, MultipleResultsFound, NoResultFound
from dynamorm_py.core.expressions import Condition
from dynamorm_py.core.reading import RawPage, Reading, begin, first_call, read_all, read_page
from dynamorm_py.core.records import Record, field, replace
from dynamorm_py.core.search import Search
from dynamorm_py.core.wire import Call, Conversation, Item, Request, Scope
from dynamorm_py.fields.paths import Path
from dynamorm_py.operation import Operation, check_origin
from dynamorm_py.views import Partial

if TYPE_CHECKING:
    from dynamorm_py.core.explanation import Explanation

M = TypeVar("M")
N = TypeVar("N")
T = TypeVar("T")


class Page(Record, Generic[M]):
    """One page of a read. `cursor` goes on behind it and is None at the end; `scanned_count` is what DynamoDB looked at
    before the filter; `consumed` is in read capacity units, summed over the page's requests."""

    items: tuple[M, ...]
    cursor: str | None
    count: int
    scanned_count: int
    consumed: float
    _cursors: Callable[[int], str] = field(repr=False, compare=False)

    def cursor_at(self, item: M) -> str:
        """A cursor for going on after one item of this page."""
        for position, candidate in enumerate(self.items):
            if candidate is item:
                return self._cursors(position)
        raise InvalidOperation("cursor_at() takes an item of this very page")


class Terminal(Record, Generic[T]):
    """A read that ends in one value: the search, and what becomes of its pages."""

    search: Search
    collect: Callable[[Search, Scope], Conversation[T]]

    def converse(self, scope: Scope) -> Conversation[T]:
        return _told(self.search, self.collect(self.search, scope))

    def first_call(self, scope: Scope) -> Call:
        return first_call(self.search, scope)


class NextPage(Record):
    """One step of an iteration."""

    search: Search
    reading: Reading

    def converse(self, scope: Scope) -> Conversation[RawPage]:
        return _told(self.search, self.reading.step())

    def first_call(self, scope: Scope) -> Call:
        return self.reading.first_call()


def _told(search: Search, conversation: Conversation[T]) -> Conversation[T]:
    try:
        return (yield from conversation)
    except DynamormError as error:
        raise error.about(search.schema.model, search.verb) from error.__cause__


class Query(Generic[M]):
    """A read of many items, of a table or an index: a query of one partition, or a scan of all of it."""

    __slots__ = ("_decode", "_runner", "_search", "_tenant", "_view")

    def __init__(
        self,
        search: Search,
        decode: Callable[[Sequence[Item]], list[M]],
        runner: Runner | None = None,
        # Of whatever model it reads.
        view: Callable[[Search], Callable[[Sequence[Item]], list[Partial[Any]]]] | None = None,
        tenant: str | None = None,
    ) -> None:
        self._tenant = bound_tenant() if tenant is None else tenant
        self._search = search
        self._decode = decode
        self._runner = runner
        self._view = view

    @property
    def request(self) -> Request:
        """The first request it would send, compiled under the client it is bound to, the ambient one, or none."""
        return self.all().request

    # Steps
    def where(self, condition: Condition) -> Query[M]:
        """Narrows the sort key: `=`, `<`, `<=`, `>`, `>=`, `between`, `begins_with`; once per query."""
        self._check_kind("where()", condition, Condition)
        if self._search.values is None:
            raise self._refused("a scan reads every key: use filter(), or query() for one partition")
        if self._search.where is not None:
            raise self._refused("where() can be given once: join conditions with &")
        return self._with(where=condition)

    def filter(self, condition: Condition) -> Query[M]:
        """Keeps the items that meet the condition; DynamoDB reads, and bills, the others too. Twice is AND."""
        self._check_kind("filter()", condition, Condition)
        before = self._search.filter
        return self._with(filter=condition if before is None else before & condition)

    @overload
    def project(self: Query[Partial[N]], *paths: Path[Any, Any]) -> Query[Partial[N]]: ...
    @overload
    def project(self, *paths: Path[Any, Any]) -> Query[Partial[M]]: ...
    def project(self, *paths: Path[Any, Any]) -> Query[Any]:
        """Returns these attributes alone, as `Partial` views, always with the keys and the time to live; once per
        query. It saves transfer, not read units: DynamoDB reads items whole.

        async for view in User.by_email.query("b@x.org").project(User.visits, User.address[Address.city]):
            print(view[User.visits])
        """
        if self._view is None:
            raise self._refused("items of several models are returned whole")
        if self._search.projection or not paths:
            raise self._refused("project() takes one or more paths, and can be given once")
        for path in paths:
            self._check_kind("project()", path, Path)
        search = replace(self._search, projection=tuple(path._path for path in paths))
        return Query(search, self._view(search), self._runner, self._view, self._tenant)

    def descending(self) -> Query[M]:
        """From the highest sort key to the lowest."""
        if self._search.values is None:
            raise self._refused("a scan has no order")
        return self._with(descending=True)

    def consistent(self) -> Query[M]:
        """Reads what was written last, for twice the read units; global indexes cannot."""
        return self._with(consistent=True)

    def limit(self, items: int) -> Query[M]:
        """Returns at most so many items, after the filter."""
        self._check_order("limit()")
        return self._with(limit=items)

    def page_size(self, items: int) -> Query[M]:
        """Lets DynamoDB look at no more than so many items a request, before the filter: its own `Limit`."""
        return self._with(page_size=items)

    def max_requests(self, requests: int) -> Query[M]:
        """Sends at most so many requests. Iteration and pages end there; a terminal that needs all of it raises."""
        return self._with(max_requests=requests)

    def after(self, cursor: str | None) -> Query[M]:
        """Goes on behind a page's cursor; None is the beginning."""
        return self._with(after=cursor)

    def include_expired(self) -> Query[M]:
        """Also returns items past their time to live that DynamoDB has not deleted yet."""
        return self._with(include_expired=True)

    def on(self, client: Runner) -> Query[M]:
        """Reads with this client instead of the ambient one."""
        return Query(self._search, self._decode, client, self._view, self._tenant)

    def explain(self, *, item_size: int, items: int) -> Explanation:
        """What DynamoDB would do, and what it would cost if it read so many `items` of `item_size` bytes each.
        Nothing is sent."""
        return self.all().explain(item_size=item_size, items=items)

    # Terminals
    def all(self) -> Operation[list[M]]:
        """Every item, in one list."""

        def collect(search: Search, scope: Scope) -> Conversation[list[M]]:
            pages = yield from read_all(search, scope)
            return self._decode([item for page in pages for item in page.items])

        return self._terminal(collect)

    def page(self) -> Operation[Page[M]]:
        """One page: one request, or, with a limit, as many as it takes to fill it."""

        def collect(search: Search, scope: Scope) -> Conversation[Page[M]]:
            raw, reading = yield from read_page(search, scope)
            return self._page(raw, reading)

        return self._terminal(collect)

    def first(self) -> Operation[M | None]:
        """The first item, or None."""

        def collect(search: Search, scope: Scope) -> Conversation[M | None]:
            pages = yield from read_all(search, scope)
            found = self._decode([item for page in pages for item in page.items][:1])
            return found[0] if found else None

        return self._limited(1, "first()")._terminal(collect)

    def one(self) -> Operation[M]:
        """The only item; raises `NoResultFound` or `MultipleResultsFound`. Reads at most two."""

        def collect(search: Search, scope: Scope) -> Conversation[M]:
            pages = yield from read_all(search, scope)
            items = [item for page in pages for item in page.items]
            if len(items) > 1:
                raise MultipleResultsFound("more than one item was found where one was asked for")
            if not items:
                raise NoResultFound("no item was found where one was asked for")
            return self._decode(items)[0]

        return self._limited(2, "one()")._terminal(collect)

    def count(self) -> Operation[int]:
        """How many items there are; transfers none of them, but reads them all."""

        def collect(search: Search, scope: Scope) -> Conversation[int]:
            pages = yield from read_all(search, scope)
            return sum(page.count for page in pages)

        return self._with(counting=True)._terminal(collect)

    def exists(self) -> Operation[bool]:
        """Whether there is any item."""

        def collect(search: Search, scope: Scope) -> Conversation[bool]:
            pages = yield from read_all(search, scope)
            return any(page.count for page in pages)

        return self._limited(1, "exists()")._with(counting=True)._terminal(collect)

    def pages(self) -> PageIterator[M]:
        """The pages, one request each (of every segment), for `async for`."""
        return PageIterator(self)

    def __aiter__(self) -> ItemIterator[M]:
        return ItemIterator(self.pages())

    def __repr__(self) -> str:
        return f"<Query {self._search.schema.model}.{self._search.verb}>"

    def _with(self, **changes: Any) -> Query[M]:
        return Query(replace(self._search, **changes), self._decode, self._runner, self._view, self._tenant)

    def _limited(self, items: int, what: str) -> Query[M]:
        self._check_order(what)
        limit = self._search.limit
        return self._with(limit=items if limit is None else min(limit, items))

    def _check_order(self, what: str) -> None:
        # All segments are read at a time, so stopping after some items would throw away what the others brought.
        if self._search.segments > 1:
            raise self._refused(f"{what} is for reads in sequence: scan without segments, or stop iterating")

    def _check_kind(self, step: str, given: object, kind: type) -> None:
        if not isinstance(given, kind):
            raise self._refused(f"{step} takes a {kind.__name__}, not {type(given).__name__}")

    def _terminal(self, collect: Callable[[Search, Scope], Conversation[T]]) -> Operation[T]:
        plan = Terminal(self._search, collect)
        if self._runner is None:
            return Operation(plan, self._tenant)
        return _BoundOperation(plan, self._runner, self._tenant)

    def _page(self, raw: RawPage, reading: Reading) -> Page[M]:
        return Page(
            tuple(self._decode(raw.items)),
            reading.cursor(raw),
            raw.count,
            raw.scanned,
            raw.consumed,
            lambda position: reading.cursor_at(raw, position),
        )

    def _refused(self, message: str) -> InvalidOperation:
        return InvalidOperation(message, model=self._search.schema.model, operation=self._search.verb)


class _BoundOperation(Operation[T]):
    """A terminal of a query that names its client."""

    __slots__ = ("_runner",)

    def __init__(self, plan: Terminal[T], runner: Runner, tenant: str | None) -> None:
        super().__init__(plan, tenant)
        self._runner = runner

    def _scope(self) -> Scope:
        return self._runner.scope

    def __await__(self) -> Any:  # as Operation.__await__, whose steps belong to the event loop
        return self._runner.run_plan(self.plan_in(self._runner.scope)).__await__()


class PageIterator(Generic[M]):
    """Pages, each requested when it is asked for. It binds its client at the first step, and holds nothing that would
    have to be closed: breaking out of the loop sends nothing more. In another tenant's scope than it was made in, and
    behind the end of the scope that it was begun in, a step is a `TenantViolation`."""

    __slots__ = ("_query", "_reading", "_runner", "_tenant")

    def __init__(self, query: Query[M]) -> None:
        self._query = query
        self._tenant = bound_tenant() if query._tenant is None else query._tenant
        self._reading: Reading | None = None
        self._runner: Runner | None = None

    def __aiter__(self) -> PageIterator[M]:
        return self

    async def __anext__(self) -> Page[M]:
        query = self._query
        if self._reading is None or self._runner is None:
            runner = query._runner or ambient()
            check_origin(self._tenant, runner.scope)
            self._reading = begin(query._search, runner.scope)
            self._runner = runner
        self.check()
        if self._reading.done or self._reading.exhausted:
            raise StopAsyncIteration
        raw = await self._runner.run_plan(NextPage(query._search, self._reading))
        return query._page(raw, self._reading)

    def check(self) -> None:
        """Raises `TenantViolation` where it cannot take a further step."""
        if self._runner is not None:
            check_step(self._runner, named=self._query._runner is not None)


class ItemIterator(Generic[M]):
    """Items, page by page."""

    __slots__ = ("_buffer", "_pages")

    def __init__(self, pages: PageIterator[M]) -> None:
        self._pages = pages
        self._buffer: deque[M] = deque()

    def __aiter__(self) -> ItemIterator[M]:
        return self

    async def __anext__(self) -> M:
        if self._buffer:  # what was read in a scope belongs to it
            self._pages.check()
        while not self._buffer:
            page = await self._pages.__anext__()
            self._buffer.extend(page.items)
        return self._buffer.popleft()
