"""Query and Scan: key conditions, requests page by page, and where to go on.

`Search` is the frozen description of a read. `Reading` is one run of it: `next_call()` says what to send, `receive()`
takes the answer. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html

DynamoDB's `Limit` counts the items it evaluates, before any filter, and a page may be empty and still not the last;
only an absent LastEvaluatedKey ends a read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from dynamorm_py.core.cursors import decode_cursor, encode_cursor, fingerprint
from dynamorm_py.core.errors import DynamormError, InvalidCursor, InvalidOperation, RequestLimitReached
from dynamorm_py.core.expressions import (
    AttributePath,
    Between,
    Comparison,
    Condition,
    Conjunction,
    Constant,
    Function,
    Literal,
    Operand,
    all_of,
    compile_condition,
    compile_projection,
)
from dynamorm_py.core.keys import Template, check_key_value, encode_part
from dynamorm_py.core.placeholders import Placeholders
from dynamorm_py.core.schema import Index, Key, KeyAttribute, Schema
from dynamorm_py.core.wire import AttributeValue, Call, Conversation, Item, Request, Response, Scope, Target

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html#DDB-Scan-request-TotalSegments
MAX_SEGMENTS = 1_000_000

Range: TypeAlias = Comparison | Between | Function


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """A compiled key condition: `terms` make the KeyConditionExpression; `residue` is what it could not express."""

    terms: tuple[Condition, ...]
    residue: Condition | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A Query (or, without `values`, a Scan) of a table or index."""

    schema: Schema
    index: Index | None = None
    values: Mapping[str, AttributeValue] | None = None
    where: Condition | None = None
    filter: Condition | None = None
    projection: tuple[AttributePath, ...] = ()
    descending: bool = False
    consistent: bool = False
    limit: int | None = None
    page_size: int | None = None
    max_requests: int | None = None
    after: str | None = None
    include_expired: bool = False
    counting: bool = False
    segment: tuple[int, int] | None = None

    @property
    def verb(self) -> str:
        kind = "scan" if self.values is None else "query"
        return f"{self.index.name}.{kind}" if self.index else kind

    @property
    def key(self) -> Key:
        return self.index.key if self.index else self.schema.key

    @property
    def cursor_names(self) -> tuple[str, ...]:
        """The attributes of a start key: the index's key and the table's."""
        return tuple(dict.fromkeys((*self.key.names, *self.schema.key.names)))

    def conditions(self) -> KeyCondition:
        if self.values is None:
            return KeyCondition(())
        return compile_key(self.key, self.values, self.where, self.schema)

    def binding(self, scope: Scope, condition: KeyCondition) -> bytes:
        """What a cursor of this read is bound to."""
        placeholders = Placeholders()
        texts = [
            term.compile(placeholders) if term is not None and not isinstance(term, Constant) else None
            for term in (*condition.terms, condition.residue, self.filter)
        ]
        request: Request = {}
        placeholders.write_into(request)
        return fingerprint(
            self.schema.model,
            scope.prefix + self.schema.table,
            self.verb,
            self.descending,
            self.segment,
            texts,
            request,
        )

    def first_call(self, scope: Scope) -> Call:
        call = Reading(self, scope).next_call()
        if call is None:
            raise InvalidOperation(
                "this read sends nothing: it returns no item", model=self.schema.model, operation=self.verb
            )
        return call


@dataclass(frozen=True, slots=True)
class RawPage:
    """One answer: its items in DynamoDB's form, and the key after which to go on (None: that was all)."""

    items: tuple[Item, ...] = ()
    last: Item | None = None
    count: int = 0
    scanned: int = 0
    consumed: float = 0.0


class Reading:
    """One run of a search, from its cursor to its end, its limit, or `max_requests`."""

    __slots__ = ("_binding", "_condition", "_next", "_remaining", "_request", "_scope", "_search", "_sent", "_start")

    def __init__(self, search: Search, scope: Scope) -> None:
        self._search = search
        self._scope = scope
        self._sent = 0
        self._remaining = search.limit
        self._binding: bytes | None = None
        try:
            self._condition = search.conditions()
            self._request = _base_request(search, scope, self._condition)
            self._start = self._start_key()
        except DynamormError as error:
            raise error.about(search.schema.model, search.verb) from error.__cause__
        self._next = self._request is not None and self._remaining != 0

    @property
    def done(self) -> bool:
        """Whether nothing more is to be sent."""
        return not self._next

    @property
    def exhausted(self) -> bool:
        """Whether `max_requests` ended the read although there may be more."""
        maximum = self._search.max_requests
        return self._next and maximum is not None and self._sent >= maximum

    def next_call(self) -> Call | None:
        if self.done or self.exhausted or self._request is None:
            return None
        search = self._search
        request = dict(self._request)
        if self._start is not None:
            request["ExclusiveStartKey"] = self._start
        size = self._page_limit()
        if size is not None:
            request["Limit"] = size
        self._sent += 1
        operation = "Scan" if search.values is None else "Query"
        partition = search.values.get(search.key.partition[0].fields[0]) if search.values else None
        target = Target(request["TableName"], search.index.name if search.index else None, partition)
        return Call(operation, request, (target,))

    def receive(self, response: Response) -> RawPage:
        search = self._search
        last = response.get("LastEvaluatedKey")
        items: Sequence[Item] = response.get("Items") or ()
        count = response.get("Count", 0)
        if search.schema.time_to_live and not search.include_expired and not search.counting:
            now = self._scope.now()
            items = [item for item in items if not search.schema.has_expired(item, now)]
            count = len(items)
        if self._remaining is not None:
            if count > self._remaining or (count == self._remaining and last is not None):
                count = self._remaining
                items = items[:count]
                # Counting reads no items; it goes on after what DynamoDB evaluated.
                last = self._key_of(items[-1]) if items else last
            self._remaining -= count
        self._start = dict(last) if last else None
        self._next = self._start is not None and self._remaining != 0
        capacity = response.get("ConsumedCapacity") or {}
        return RawPage(
            tuple(items), self._start, count, response.get("ScannedCount", 0), capacity.get("CapacityUnits", 0.0)
        )

    def cursor(self, last: Item | None) -> str | None:
        """The cursor for going on after a page, from its last key; None behind the last page."""
        return None if last is None else self._cursor(last)

    def cursor_at(self, item: Item) -> str:
        """The cursor for going on after one item of a page."""
        return self._cursor(self._key_of(item))

    def _cursor(self, key: Item) -> str:
        if self._binding is None:
            self._binding = self._search.binding(self._scope, self._condition)
        return encode_cursor(key, self._binding, self._scope.cursor_secrets)

    def _key_of(self, item: Item) -> Item:
        return {name: item[name] for name in self._search.cursor_names}

    def _page_limit(self) -> int | None:
        search = self._search
        if self._remaining is None or search.filter is not None or self._condition.residue is not None:
            return search.page_size
        return self._remaining if search.page_size is None else min(search.page_size, self._remaining)

    def _start_key(self) -> Item | None:
        search = self._search
        if search.after is None or self._request is None:
            return None
        self._binding = search.binding(self._scope, self._condition)
        key = decode_cursor(search.after, self._binding, self._scope.cursor_secrets)
        expected = dict(_key_types(search))
        if {name: next(iter(value)) for name, value in key.items()} != expected:
            raise InvalidCursor("the cursor does not hold this query's key attributes")
        if search.values is not None and any(
            key[part.name] != part.value(search.values) for part in search.key.partition
        ):
            raise InvalidCursor("the cursor belongs to another partition")
        return key


def _key_types(search: Search) -> list[tuple[str, str]]:
    return [(part.name, part.type) for part in (*search.key.attributes, *search.schema.key.attributes)]


def read_all(search: Search, scope: Scope) -> Conversation[tuple[list[RawPage], Reading]]:
    """Every page until the end or the limit; raises where `max_requests` comes first."""
    reading = Reading(search, scope)
    pages = []
    while (call := reading.next_call()) is not None:
        pages.append(reading.receive((yield call)))
    if reading.exhausted:
        raise RequestLimitReached(
            f"max_requests={search.max_requests} ended the read before it was complete: raise it, or read page by page",
            model=search.schema.model,
            operation=search.verb,
        )
    return pages, reading


def read_page(search: Search, scope: Scope) -> Conversation[tuple[RawPage, Reading]]:
    """One page: one request without a limit; with one, as many as it takes, up to `max_requests`."""
    reading = Reading(search, scope)
    pages = []
    while (call := reading.next_call()) is not None:
        pages.append(reading.receive((yield call)))
        if search.limit is None:
            break
    return merge(pages), reading


def merge(pages: Sequence[RawPage]) -> RawPage:
    """Several answers as one page that ends where the last one did."""
    return RawPage(
        tuple(item for page in pages for item in page.items),
        pages[-1].last if pages else None,
        sum(page.count for page in pages),
        sum(page.scanned for page in pages),
        sum(page.consumed for page in pages),
    )


def _base_request(search: Search, scope: Scope, condition: KeyCondition) -> Request | None:
    """The request without what changes from page to page; None where a filter can never hold."""
    _check(search)
    placeholders = Placeholders()
    request: Request = {"TableName": scope.prefix + search.schema.table, "ReturnConsumedCapacity": "TOTAL"}
    if search.index:
        request["IndexName"] = search.index.name
    if condition.terms:
        request["KeyConditionExpression"] = " AND ".join(term.compile(placeholders) for term in condition.terms)
    remaining = all_of(condition.residue, search.filter, _unexpired(search, scope))
    if isinstance(remaining, Constant):
        if not remaining.holds:
            return None
        remaining = None
    if remaining is not None:
        request["FilterExpression"] = compile_condition(remaining, placeholders)
    if search.counting:
        request["Select"] = "COUNT"
    elif search.projection:
        paths = _with_keys(search.projection, search.cursor_names)
        request["ProjectionExpression"] = compile_projection(paths, placeholders)
    if search.descending:
        request["ScanIndexForward"] = False
    if search.consistent:
        request["ConsistentRead"] = True
    if search.segment:
        request["Segment"], request["TotalSegments"] = search.segment
    placeholders.write_into(request)
    return request


def _with_keys(projection: Sequence[AttributePath], names: Sequence[str]) -> list[AttributePath]:
    # The keys come first and whole, so a path into or onto one of them would only repeat it.
    keys = [AttributePath((name,)) for name in names]
    return keys + [path for path in projection if path.attribute not in names]


def _unexpired(search: Search, scope: Scope) -> Condition | None:
    # Only a count needs DynamoDB to leave out what has expired; items are looked at when they arrive.
    attribute = search.schema.time_to_live
    if attribute is None or search.include_expired or not search.counting or attribute in search.key.names:
        return None
    path = AttributePath((attribute,))
    now = Literal({"N": str(int(scope.now().timestamp()))})
    return Function("attribute_not_exists", path) | Comparison(path, ">", now)


def _check(search: Search) -> None:
    if search.consistent and search.index is not None and search.index.kind == "global":
        raise InvalidOperation(f"{search.index.name} is a global index, which has no consistent reads")
    for name, number in (
        ("limit", search.limit),
        ("page_size", search.page_size),
        ("max_requests", search.max_requests),
    ):
        if number is not None and number < (0 if name == "limit" else 1):
            raise InvalidOperation(f"{name} cannot be {number}")
    for given in (search.where, search.filter):
        if given is not None:
            search.schema.check_paths(given.paths())
    search.schema.check_paths(search.projection)
    if search.filter is not None and search.values is not None:
        names = set(search.key.names)
        for path in search.filter.paths():
            if path.attribute in names:
                raise InvalidOperation(
                    f"{path} is part of the key of this query, which DynamoDB does not filter on: use where() for it"
                )


def compile_key(
    key: Key, values: Mapping[str, AttributeValue], where: Condition | None, schema: Schema
) -> KeyCondition:
    """The key condition for the partition's field values and the caller's condition on the sort key."""
    terms = [_compare(attribute, "=", attribute.value(values)) for attribute in key.partition]
    given = _terms_by_field(where, key.sort, schema)
    if len(key.sort) == 1 and key.sort[0].template is not None:
        sort, residue = _compile_template(key.sort[0], given, schema)
        return KeyCondition((*terms, *sort), residue)
    return KeyCondition((*terms, *_compile_attributes(key.sort, given)))


def _compare(attribute: KeyAttribute, comparator: Any, value: AttributeValue) -> Comparison:
    return Comparison(AttributePath((attribute.name,)), comparator, Literal(value))


def _terms_by_field(where: Condition | None, sort: tuple[KeyAttribute, ...], schema: Schema) -> dict[str, Range]:
    """The caller's conditions, one for each field of the sort key."""
    fields = [name for attribute in sort for name in attribute.fields]
    attributes = {schema.fields.get(name, name): name for name in fields}
    given: dict[str, Range] = {}
    for term in () if where is None else where.terms if isinstance(where, Conjunction) else (where,):
        name = attributes.get(_subject(term, fields))
        if name is None:
            expected = f"of {', '.join(fields)}" if fields else "- there is none here"
            raise InvalidOperation(f"where() takes conditions on the sort key {expected}: use filter() for the rest")
        if name in given:
            raise InvalidOperation(f"where() takes one condition on {name}: combine two bounds with between()")
        given[name] = cast(Range, term)  # _subject has refused every other kind of node
    return given


def _subject(term: Condition, fields: Sequence[str]) -> str:
    """The attribute that a term is about, if a key condition can hold such a term at all."""
    allowed = "a key condition takes = < <= > >= between() and begins_with() with values, joined by &"
    operands: tuple[Operand, ...]
    if isinstance(term, Comparison) and term.comparator != "<>":
        left, operands = term.left, (term.right,)
    elif isinstance(term, Between):
        left, operands = term.operand, (term.low, term.high)
    elif isinstance(term, Function) and term.name == "begins_with" and term.argument is not None:
        left, operands = term.path, (term.argument,)
    else:
        raise InvalidOperation(allowed)
    if not isinstance(left, AttributePath) or not all(isinstance(operand, Literal) for operand in operands):
        raise InvalidOperation(allowed)
    return left.attribute if len(left.segments) == 1 else ""


def _literals(term: Range) -> tuple[AttributeValue, ...]:
    operands = (
        (term.low, term.high)
        if isinstance(term, Between)
        else (term.right if isinstance(term, Comparison) else term.argument,)
    )
    return tuple(operand.value for operand in operands if isinstance(operand, Literal))


def _is_equality(term: Range) -> bool:
    return isinstance(term, Comparison) and term.comparator == "="


def _compile_attributes(sort: tuple[KeyAttribute, ...], given: Mapping[str, Range]) -> list[Condition]:
    """Sort keys that are fields' own attributes: equalities from the left, a range on the last one given."""
    terms: list[Condition] = []
    names = [attribute.fields[0] for attribute in sort]
    for position, attribute in enumerate(sort):
        term = given.get(names[position])
        later = [name for name in names[position + 1 :] if name in given]
        if term is None:
            if later:
                raise InvalidOperation(f"where() has a condition on {later[0]} but none on {names[position]} before it")
            break
        if later and not _is_equality(term):
            raise InvalidOperation(f"{names[position]} takes == here: only the last condition of a key can be a range")
        for value in _literals(term):
            check_key_value(value, names[position], attribute.type, attribute.limit)
        terms.append(term)
    return terms


def _compile_template(
    attribute: KeyAttribute, given: Mapping[str, Range], schema: Schema
) -> tuple[list[Condition], Condition | None]:
    """A composed sort key: the fields that are equal make a prefix, the next one may be a range, compared as tuples."""
    template = cast(Template, attribute.template)
    equal: dict[str, AttributeValue] = {}
    ranged: Range | None = None
    names = template.fields
    for position, name in enumerate(names):
        term = given.get(name)
        later = [following for following in names[position + 1 :] if following in given]
        if term is not None and _is_equality(term):
            equal[name] = _literals(term)[0]
            continue
        if later:
            what = "has a range" if term is not None else "has none"
            raise InvalidOperation(f"where() has a condition on {later[0]}, but {name} before it {what}: it needs ==")
        ranged = term
        break
    prefix, _ = template.prefix(equal)
    if ranged is not None:
        return _range(attribute, prefix, names[len(equal)], ranged, schema, raw=template.raw)
    if len(equal) == len(names):
        return [_compare(attribute, "=", {"S": prefix})], None
    if not prefix:
        return [], None
    return [Function("begins_with", AttributePath((attribute.name,)), Literal({"S": prefix}))], None


def _range(
    attribute: KeyAttribute, prefix: str, name: str, term: Range, schema: Schema, *, raw: bool
) -> tuple[list[Condition], Condition | None]:
    """A range over one field of a composed key, below a prefix. In an encoded key `#` ends a field and only `$hh` can
    follow as its next character below everything else, so text + `$` lies behind all keys of that value, and before
    all of any greater one."""
    if raw:
        return _raw_range(attribute, prefix, term)
    parts = [encode_part(value) for value in _literals(term)]
    path = AttributePath((attribute.name,))
    bottom, top = prefix, _behind(prefix)
    residue: Condition | None = None
    if isinstance(term, Function):
        return [Function("begins_with", path, Literal({"S": prefix + parts[0]}))], None
    if isinstance(term, Between):
        bottom, top = prefix + parts[0], prefix + parts[1] + "$"
    elif term.comparator == "<":
        # BETWEEN includes its upper end, which is a key only where the field is the last one.
        top = prefix + parts[0]
        residue = term if prefix else None
        if not prefix:
            return [_compare(attribute, "<", {"S": top})], None
    elif term.comparator == "<=":
        top = prefix + parts[0] + "$"
        if not prefix:
            return [_compare(attribute, "<", {"S": top})], None
    else:
        bottom = prefix + parts[0] + ("$" if term.comparator == ">" else "")
        if not prefix:
            return [_compare(attribute, ">=", {"S": bottom})], None
        residue = None if prefix.endswith("#") else term
    if attribute.template is not None and attribute.template.fields[-1] != name and isinstance(term, Comparison):
        residue = residue if term.comparator != "<" else None
    return [Between(path, Literal({"S": bottom}), Literal({"S": top}))], residue


def _behind(prefix: str) -> str:
    """A text behind everything that begins with the prefix. After `#` it is no key at all; after other text it is one
    that some other model may have, so the caller filters."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else ""


def _raw_range(attribute: KeyAttribute, prefix: str, term: Range) -> tuple[list[Condition], Condition | None]:
    """A range over a key that others wrote: compared as text, since nothing is known of how it is encoded."""
    texts = [_raw_text(value) for value in _literals(term)]
    path = AttributePath((attribute.name,))
    if isinstance(term, Function):
        return [Function("begins_with", path, Literal({"S": prefix + texts[0]}))], None
    if isinstance(term, Between):
        return [Between(path, Literal({"S": prefix + texts[0]}), Literal({"S": prefix + texts[1]}))], None
    if prefix:
        raise InvalidOperation(
            f"{attribute.name} is a raw key with text before this field: use between() or begins_with() here"
        )
    return [_compare(attribute, term.comparator, {"S": texts[0]})], None


def _raw_text(value: AttributeValue) -> str:
    text = value.get("S", value.get("N"))
    if text is None:
        raise InvalidOperation("a raw key compares text and numbers only")
    return str(text)
