"""What a read would do and what it would cost, by DynamoDB's published rules, without sending it.

- A read unit is 4 KB read strongly consistently; an eventually consistent read takes half.
- `GetItem` rounds the item up to 4 KB; an absent item costs as much as the smallest.
- `Query` and `Scan` round the sum of a page. A page ends with the item that makes it 1 MB, or at `Limit`.
- Filters and projections save nothing: what counts is what is read, in the size it has in the table or index.
- A local index that is asked for attributes it does not copy reads every item again from the table, each rounded up.
  One size is assumed for both readings, although what an index holds is smaller.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dynamorm_py.core.errors import InvalidOperation
from dynamorm_py.core.expressions import AttributePath, Condition, Constant
from dynamorm_py.core.operations import GetItem
from dynamorm_py.core.placeholders import Placeholders
from dynamorm_py.core.search import CompiledSearch, Search, compile_search, filter_of
from dynamorm_py.core.values import decode
from dynamorm_py.core.wire import AttributeValue, Scope

# Bytes; https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
READ_UNIT = 4096
PAGE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Explanation:
    """A read, explained. `key_condition` and `filter` are readable texts; `projection` is None where whole items are
    returned (of an index: all that it copies). `items` and `item_size`, in bytes, are the assumptions; from them follow
    `requests`, and `read_units`, summed over them."""

    operation: Literal["GetItem", "Query", "Scan"]
    table: str
    index: str | None
    key_condition: str | None
    filter: str | None
    projection: tuple[str, ...] | None
    reads_whole_table: bool
    consistent: bool
    items: int
    item_size: int
    requests: int
    read_units: float

    def __str__(self) -> str:
        place = f"index {self.index} of table {self.table}" if self.index else f"table {self.table}"
        lines = [f"{self.operation} on {place}"]
        if self.reads_whole_table:
            lines.append(f"reads the whole {'index' if self.index else 'table'}")
        for name, text in (
            ("key", self.key_condition),
            ("filtered after the read", self.filter),
            ("returned", ", ".join(self.projection) if self.projection is not None else None),
        ):
            if text is not None:
                lines.append(f"{name}: {text}")
        lines.append("strongly consistent" if self.consistent else "eventually consistent")
        assumed = f"{_count(self.items, 'item')} of {_count(self.item_size, 'byte')}"
        lines.append(f"{_count(self.read_units, 'read unit')} in {_count(self.requests, 'request')} for {assumed}")
        return "\n  ".join(lines)


def explain(plan: object, scope: Scope, *, item_size: int, items: int) -> Explanation:
    """Explains a read that finds `items` of `item_size` bytes. Raises `InvalidOperation` for anything but reads of one
    table: a get, or a query or scan and what ends it."""
    for name, number in (("item_size", item_size), ("items", items)):
        if type(number) is not int or number < 0:
            raise InvalidOperation(f"{name} cannot be {number!r}")
    if isinstance(plan, GetItem):
        return _explain_get(plan, scope, item_size, min(items, 1))
    search = getattr(plan, "search", None)
    if isinstance(search, Search):
        return _explain_search(compile_search(search, scope), item_size, items)
    raise InvalidOperation("only reads are explained: a get, or a query or scan and its terminals")


def _explain_get(plan: GetItem[object], scope: Scope, item_size: int, items: int) -> Explanation:
    request = plan.first_call(scope).request
    readable = _Readable()
    key = " AND ".join(f"{readable.name(name)} = {readable.value(value)}" for name, value in request["Key"].items())
    size = item_size if items else 0
    return Explanation(
        operation="GetItem",
        table=request["TableName"],
        index=None,
        key_condition=key,
        filter=None,
        projection=_texts(plan.projection) if plan.projection else None,
        reads_whole_table=False,
        consistent=plan.consistent,
        items=items,
        item_size=item_size,
        requests=1,
        read_units=_units(size, consistent=plan.consistent),
    )


def _explain_search(compiled: CompiledSearch, item_size: int, items: int) -> Explanation:
    search = compiled.search
    paths = search.read_paths()
    requests, units = (0, 0.0) if compiled.request is None else _cost(compiled, item_size, items)
    return Explanation(
        operation="Query" if search.values is not None else "Scan",
        table=compiled.scope.prefix + search.schema.table,
        index=search.index.name if search.index else None,
        key_condition=_text(compiled.condition.terms),
        filter=_text((filter_of(search, compiled.scope, compiled.condition),)),
        projection=() if search.counting else None if paths is None else _texts(paths),
        reads_whole_table=search.values is None,
        consistent=search.consistent,
        items=items,
        item_size=item_size,
        requests=requests,
        read_units=units,
    )


def _cost(compiled: CompiledSearch, item_size: int, items: int) -> tuple[int, float]:
    """Requests and read units. Segments are taken to hold equally many items."""
    search = compiled.search
    if search.limit is not None and not compiled.filters:
        items = min(items, search.limit)
    if search.limit == 0:
        return 0, 0.0
    smaller, larger = divmod(items, search.segments)
    requests, units = 0, 0.0
    for count, segments in ((smaller + 1, larger), (smaller, search.segments - larger)):
        if segments:
            pages, cost = _segment_cost(search, item_size, count)
            requests += pages * segments
            units += cost * segments
    again = items * _units(item_size, consistent=search.consistent) if _reads_again(search) else 0.0
    return requests, units + again


def _segment_cost(search: Search, item_size: int, items: int) -> tuple[int, float]:
    by_size = -(-PAGE // item_size) if item_size else None
    page = min((size for size in (search.page_size, by_size) if size is not None), default=None)
    if page is None:
        return 1, _units(0, consistent=search.consistent)
    full, rest = divmod(items, page)
    # A page that its `Limit` ended says that there may be more, even where there is none; only a limit knows better.
    complete = page != search.page_size or search.limit == items
    last = 0 if rest == 0 and full and complete else 1
    units = full * _units(page * item_size, consistent=search.consistent)
    return full + last, units + last * _units(rest * item_size, consistent=search.consistent)


def _reads_again(search: Search) -> bool:
    index, copied = search.index, search.copied
    if index is None or index.kind != "local" or copied is None or search.counting:
        return False
    return any(path.attribute not in copied for path in search.projection)


def _units(size: int, *, consistent: bool) -> float:
    blocks = max(-(-size // READ_UNIT), 1)
    return float(blocks) if consistent else blocks / 2


class _Readable(Placeholders):
    """Names and values as they are, for reading only."""

    __slots__ = ()

    def name(self, attribute: str) -> str:
        return attribute if attribute.isidentifier() else repr(attribute)

    def value(self, value: AttributeValue) -> str:
        return repr(decode(value))


def _text(terms: Sequence[Condition | None]) -> str | None:
    readable = _Readable()
    texts = [term.compile(readable) for term in terms if term is not None and not isinstance(term, Constant)]
    return " AND ".join(texts) if texts else None


def _texts(paths: Sequence[AttributePath]) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}" if number == 1 else f"{number:,.10g} {what}s"
