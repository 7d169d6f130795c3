"""Query and Scan: what is asked for, its key condition, and the request that all its pages share.

`Search` is the frozen description of a read, `compile_search` makes it a `CompiledSearch`; `core.reading` sends that
page by page. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias, cast

from dynamorm_py.core.cursors import fingerprint
from dynamorm_py.core.errors import DynamormError, InvalidOperation, TenantViolation
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
from dynamorm_py.core.records import Record, replace
from dynamorm_py.core.schema import OWNER, Index, Key, KeyAttribute, Schema
from dynamorm_py.core.tenancy import enter_table, with_tenant
from dynamorm_py.core.values import same
from dynamorm_py.core.wire import AttributeValue, Call, Item, Request, Scope, Target

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html#DDB-Scan-request-TotalSegments
MAX_SEGMENTS = 1_000_000

Range: TypeAlias = Comparison | Between | Function


class KeyCondition(Record):
    """A compiled key condition: `terms` make the KeyConditionExpression; `residue` is what it could not express."""

    terms: tuple[Condition, ...]
    residue: Condition | None = None


class Search(Record):
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
    segments: int = 1

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

    @property
    def copied(self) -> frozenset[str] | None:
        """The attributes that the index copies, None for all of them."""
        if self.index is None or self.index.projection == "ALL":
            return None
        named = () if self.index.projection == "KEYS_ONLY" else self.index.projection
        return frozenset((*self.cursor_names, *named))

    @property
    def telling(self) -> tuple[str, ...]:
        """The attributes that tell whether an item is to be returned: whose it is, and when it expires. What an index
        does not copy tells nothing."""
        schema, copied = self.schema, self.copied
        members = (schema, *schema.members.values())
        names: list[str | None] = [member.entity[0] for member in members if member.entity]
        names += [member.time_to_live for member in members]
        # Sentinels have partitions of their own, where a tenant's partition key is not the whole of one.
        together = self.values is None or (schema.tenant is not None and self.key.partition[0].template is None)
        if together and self.index is None and self.shares_table:
            names.append(OWNER)
        return tuple(dict.fromkeys(name for name in names if name is not None and (copied is None or name in copied)))

    @property
    def shares_table(self) -> bool:
        """Whether the table may hold other items than the model's: other models', and sentinels."""
        schema = self.schema
        return bool(schema.uniques or schema.entity or schema.members)

    def read_paths(self) -> tuple[AttributePath, ...] | None:
        """What a read brings of each item, None for all of it. The keys are always there, for cursors, and so is what
        tells whether an item is to be returned."""
        copied = self.copied
        if not self.projection:
            return None if copied is None else tuple(AttributePath((name,)) for name in sorted(copied))
        always = tuple(dict.fromkeys((*self.cursor_names, *self.telling)))
        # They come first and whole, so a path into or onto one of them would only repeat it.
        paths = [AttributePath((name,)) for name in always]
        return (*paths, *(path for path in self.projection if path.attribute not in always))

    def conditions(self) -> KeyCondition:
        if self.values is None:
            return KeyCondition(())
        return compile_key(self.key, self.values, self.where, self.schema)


class CompiledSearch(Record):
    """A search under a scope: the `request` without what changes from page to page, None where a filter can never hold
    and so nothing is sent."""

    __slots__ = ("__dict__",)  # for the cached property

    search: Search
    scope: Scope
    condition: KeyCondition
    request: Request | None

    @property
    def filters(self) -> bool:
        """Whether DynamoDB evaluates items that it does not return."""
        return self.request is not None and "FilterExpression" in self.request

    def call(self, start: Item | None, limit: int | None = None, segment: int | None = None) -> Call:
        """The request for the page after `start`; of one segment, where the search has several."""
        search = self.search
        request = dict(self.request or {})
        if start:
            request["ExclusiveStartKey"] = start
        if limit is not None:
            request["Limit"] = limit
        if segment is not None:
            request["Segment"], request["TotalSegments"] = segment, search.segments
        partition = search.values.get(search.key.partition[0].fields[0]) if search.values else None
        target = Target(request["TableName"], search.index.name if search.index else None, partition)
        return Call("Scan" if search.values is None else "Query", request, (target,))

    def key_of(self, item: Item) -> Item:
        """The start key for going on after an item."""
        return {name: item[name] for name in self.search.cursor_names}

    def ends_at(self, key: Item) -> bool:
        """Whether a start key is the far end of the key condition. On a table nothing is behind it, and DynamoDB
        refuses to start there; on an index other items may have the same key."""
        search = self.search
        if search.index is not None or not search.key.sort:
            return False
        sort = AttributePath((search.key.sort[0].name,))
        ends = (_far_end(term, sort, descending=search.descending) for term in self.condition.terms)
        return any(end is not None and same(end, key[sort.attribute]) for end in ends)

    @cached_property
    def binding(self) -> bytes:
        """What a cursor of this read is bound to."""
        search = self.search
        placeholders = Placeholders()
        texts = [
            term.compile(placeholders) if term is not None and not isinstance(term, Constant) else None
            for term in (*self.condition.terms, self.condition.residue, search.filter)
        ]
        request: Request = {}
        placeholders.write_into(request)
        table = self.scope.prefix + search.schema.table
        return fingerprint(
            self.scope.tenant,
            search.schema.model,
            table,
            search.verb,
            search.descending,
            search.segments,
            texts,
            request,
        )


def _far_end(term: Condition, sort: AttributePath, *, descending: bool) -> AttributeValue | None:
    """The last value that a term on the sort key lets in, None where it sets no such bound."""
    end: Operand | None = None
    if isinstance(term, Between) and term.operand == sort:
        end = term.low if descending else term.high
    elif isinstance(term, Comparison) and term.left == sort and term.comparator == (">=" if descending else "<="):
        end = term.right
    return end.value if isinstance(end, Literal) else None


def compile_search(search: Search, scope: Scope) -> CompiledSearch:
    """Checks and compiles a search; every error names the model and the verb."""
    try:
        enter_table(search.schema, scope)
        search = _under(search, scope)
        condition = search.conditions()
        return CompiledSearch(search, scope, condition, _base_request(search, scope, condition))
    except DynamormError as error:
        raise error.about(search.schema.model, search.verb) from error.__cause__


def _under(search: Search, scope: Scope) -> Search:
    """The search with the scope's tenant in its key."""
    if search.values is None:
        if scope.tenant is not None:
            raise TenantViolation("a scan reads the items of all tenants: use query() in a tenant's scope")
        return search
    values = with_tenant(search.schema, scope, search.values)
    return search if values is search.values else replace(search, values=values)


def _base_request(search: Search, scope: Scope, condition: KeyCondition) -> Request | None:
    _check(search, condition)
    placeholders = Placeholders()
    request: Request = {"TableName": scope.prefix + search.schema.table, "ReturnConsumedCapacity": "TOTAL"}
    if search.index:
        request["IndexName"] = search.index.name
    if condition.terms:
        request["KeyConditionExpression"] = " AND ".join(term.compile(placeholders) for term in condition.terms)
    remaining = filter_of(search, scope, condition)
    if isinstance(remaining, Constant):
        if not remaining.holds:
            return None
        remaining = None
    if remaining is not None:
        request["FilterExpression"] = compile_condition(remaining, placeholders)
    if search.counting and _counts_on_arrival(search):
        names = dict.fromkeys((*search.cursor_names, *search.telling))
        request["ProjectionExpression"] = ", ".join(placeholders.name(name) for name in names)
    elif search.counting:
        request["Select"] = "COUNT"
    elif search.projection:
        request["ProjectionExpression"] = compile_projection(search.read_paths() or (), placeholders)
    if search.descending:
        request["ScanIndexForward"] = False
    if search.consistent:
        request["ConsistentRead"] = True
    placeholders.write_into(request)
    return request


def filter_of(search: Search, scope: Scope, condition: KeyCondition) -> Condition | None:
    """What DynamoDB leaves out after having read it."""
    return all_of(condition.residue, search.filter, _own(search), _unexpired(search, scope))


def _own(search: Search) -> Condition | None:
    # Queries meet few items that are not the model's, and leave them out on arrival; a scan meets them all.
    if search.values is not None and not search.counting:
        return None
    conditions: list[Condition] = []
    if OWNER in search.telling:
        conditions.append(Function("attribute_not_exists", AttributePath((OWNER,))))
    if search.schema.entity and search.schema.entity[0] in search.telling:
        path = AttributePath((search.schema.entity[0],))
        mine = Comparison(path, "=", Literal({"S": search.schema.entity[1]}))
        conditions.append(Function("attribute_not_exists", path) | mine)
    return all_of(*conditions)


def _unexpired(search: Search, scope: Scope) -> Condition | None:
    # Only a count needs DynamoDB to leave out what has expired; items are looked at when they arrive.
    if not search.counting or search.include_expired or _counts_on_arrival(search):
        return None
    now = Literal({"N": str(int(scope.now().timestamp()))})
    conditions: list[Condition] = []
    for schema in (search.schema, *search.schema.members.values()):
        if schema.time_to_live is None or schema.time_to_live not in search.telling:
            continue
        path = AttributePath((schema.time_to_live,))
        fresh = Function("attribute_not_exists", path) | Comparison(path, ">", now)
        if schema is not search.schema and schema.entity:
            entity = AttributePath((schema.entity[0],))
            fresh = Comparison(entity, "<>", Literal({"S": schema.entity[1]})) | fresh
        conditions.append(fresh)
    return all_of(*conditions)


def _counts_on_arrival(search: Search) -> bool:
    # A query takes no filter on its own key: where that is the time to live, it has to be looked at to be counted.
    if search.values is None or search.include_expired:
        return False
    schemas = (search.schema, *search.schema.members.values())
    return any(schema.time_to_live in search.key.names for schema in schemas)


def _check(search: Search, condition: KeyCondition) -> None:
    if search.consistent and search.index is not None and search.index.kind == "global":
        raise InvalidOperation(f"{search.index.name} is a global index, which has no consistent reads")
    for name, number, least in (
        ("limit", search.limit, 0),
        ("page_size", search.page_size, 1),
        ("max_requests", search.max_requests, 1),
    ):
        if number is not None and (type(number) is not int or number < least):
            raise InvalidOperation(f"{name} cannot be {number!r}")
    if search.filter is not None:
        search.schema.check_paths(search.filter.paths())
    search.schema.check_paths(search.projection)
    if search.filter is not None and search.values is not None:
        names = set(search.key.names)
        for path in search.filter.paths():
            if path.attribute in names:
                raise InvalidOperation(
                    f"{path} is part of the key of this query, which DynamoDB does not filter on: use where() for it"
                )
    _check_copied(search, condition)


def _check_copied(search: Search, condition: KeyCondition) -> None:
    """Refuses what DynamoDB refuses of an index that copies only some attributes: to filter on others, which it has
    not read, and, of a global index, to return them (for a local one it reads the item itself)."""
    index, copied = search.index, search.copied
    if index is None or copied is None:
        return
    for path in (*_paths(search.filter), *_paths(condition.residue)):
        if path.attribute not in copied:
            how = "<= or between()" if search.filter is None else "another index, or look at the items when they arrive"
            raise InvalidOperation(f"index {index.name} does not copy {path}, so it cannot filter on it: use {how}")
    if index.kind == "global":
        for path in search.projection:
            if path.attribute not in copied:
                raise InvalidOperation(
                    f"index {index.name} does not copy {path}: load() the items, or add it to the index's projection"
                )


def _paths(condition: Condition | None) -> Iterable[AttributePath]:
    return condition.paths() if condition is not None else ()


def compile_key(
    key: Key, values: Mapping[str, AttributeValue], where: Condition | None, schema: Schema
) -> KeyCondition:
    """The key condition for the partition's field values and the caller's condition on the sort key."""
    terms = [_compare(attribute, "=", attribute.value(values)) for attribute in key.partition]
    given = _terms_by_field(where, key.sort, schema)
    if len(key.sort) == 1 and key.sort[0].template is not None:
        sort, residue = _compile_template(key.sort[0], given)
        for value in (value for term in sort for value in _literals(term)):
            check_key_value(value, key.sort[0].name, "S", key.sort[0].limit)
        return KeyCondition((*terms, *sort), residue)
    return KeyCondition((*terms, *_compile_attributes(key.sort, given)))


def _compare(attribute: KeyAttribute, comparator: Any, value: AttributeValue) -> Comparison:
    return Comparison(AttributePath((attribute.name,)), comparator, Literal(value))


def _terms_by_field(where: Condition | None, sort: tuple[KeyAttribute, ...], schema: Schema) -> dict[str, Range]:
    """The caller's conditions, one for each field of the sort key."""
    if where is not None:
        schema.check_paths(where.paths())
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


def _compile_template(attribute: KeyAttribute, given: Mapping[str, Range]) -> tuple[list[Range], Condition | None]:
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
        return _range(attribute, prefix, names[len(equal)], ranged)
    if len(equal) == len(names):
        return [_compare(attribute, "=", {"S": prefix})], None
    if not prefix:
        return [], None
    return [Function("begins_with", AttributePath((attribute.name,)), Literal({"S": prefix}))], None


def _range(attribute: KeyAttribute, prefix: str, name: str, term: Range) -> tuple[list[Range], Condition | None]:
    """A range over one field of a composed key, below a prefix. In an encoded key `#` ends a field and only `$hh` can
    follow as its next character below everything else, so text + `$` lies behind all keys of that value, and before
    all of any greater one."""
    template = cast(Template, attribute.template)
    if template.raw:
        return _raw_range(attribute, prefix, term)
    fields = template.fields
    parts = [encode_part(value) for value in _literals(term)]
    path = AttributePath((attribute.name,))
    if isinstance(term, Function):
        return [Function("begins_with", path, Literal({"S": prefix + parts[0]}))], None
    bottom, top = prefix, _behind(prefix)
    residue: Condition | None = None
    if isinstance(term, Between):
        bottom, top = prefix + parts[0], prefix + parts[1] + "$"
    elif term.comparator in ("<", "<="):
        top = prefix + parts[0] + ("$" if term.comparator == "<=" else "")
        if not prefix:
            return [_compare(attribute, "<", {"S": top})], None
        # BETWEEN includes its upper end, which is a key where nothing follows the field.
        residue = term if term.comparator == "<" and fields[-1] == name else None
    else:
        bottom = prefix + parts[0] + ("$" if term.comparator == ">" else "")
        if not prefix:
            return [_compare(attribute, ">=", {"S": bottom})], None
        residue = None if prefix.endswith("#") else term
    return [Between(path, Literal({"S": bottom}), Literal({"S": top}))], residue


def _behind(prefix: str) -> str:
    """A text behind everything that begins with the prefix. After `#` it is no key at all; after other text it is one
    that some other model may have, so the caller filters."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else ""


def _raw_range(attribute: KeyAttribute, prefix: str, term: Range) -> tuple[list[Range], Condition | None]:
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
