"""Everything that one tenant has in some tables, read and deleted page by page, whichever model wrote it.

It is the items of the physical tables that count: those of all models, sentinels of unique constraints, what has
expired and is still there. A tenant's own scope reaches what is in partitions that can be named, which is all of it
where the partition key is the tenant's id alone. Elsewhere a Scan finds the tenant's items among all others', and that
is for the bypass: the scope's guard has no exception for it. What DynamoDB's filter lets through is looked at here once
more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from dynamorm_py.core.batches import BatchWrite
from dynamorm_py.core.cursors import decode_cursor, encode_cursor, fingerprint
from dynamorm_py.core.errors import (
    ConditionFailed,
    DynamormError,
    InvalidCursor,
    InvalidOperation,
    TenantRequired,
    TenantViolation,
    UnprocessedItems,
)
from dynamorm_py.core.operations import Prepared, SingleItem, never_refused, never_settled, target_of
from dynamorm_py.core.records import Record
from dynamorm_py.core.schema import OWNER, Schema
from dynamorm_py.core.table_verification import together
from dynamorm_py.core.tenancy import enter_table
from dynamorm_py.core.tenant_tables import TenantTables
from dynamorm_py.core.tenants import check_tenant
from dynamorm_py.core.transactions import Member
from dynamorm_py.core.values import decode_item
from dynamorm_py.core.wire import AttributeValue, Call, Conversation, Item, Request, Response, Scope, Target
from dynamorm_py.guard.tables import SENTINEL, Holdings, Marks


class Part(Record):
    """One read of a tenant's items: a partition of a table, or, without one, all of the table by a Scan."""

    table: str
    schemas: tuple[Schema, ...]
    marks: Marks
    partition: str | None = None

    @property
    def schema(self) -> Schema:
        return self.schemas[0]

    def call(self, start: Item, page_size: int | None) -> Call:
        """The request for the page after `start`; consistent, since what was just written is the tenant's too."""
        request: Request = {"TableName": self.table, "ConsistentRead": True, **self._selection()}
        if start:
            request["ExclusiveStartKey"] = start
        if page_size is not None:
            request["Limit"] = page_size
        key = None if self.partition is None else {"S": self.partition}
        return Call("Scan" if key is None else "Query", request, (Target(self.table, None, key),))

    def _selection(self) -> Request:
        key = self.marks.partition
        if self.partition is not None:
            return {
                "KeyConditionExpression": "#key = :own",
                "ExpressionAttributeNames": {"#key": key.name},
                "ExpressionAttributeValues": {":own": {"S": self.partition}},
            }
        names, values = {"#key": key.name, "#owner": OWNER}, {":own": {"S": key.exact}}
        terms = ["#key = :own", "#owner.#key = :own"]
        for number, beginning in enumerate(key.beginnings):
            values[f":b{number}"] = {"S": beginning}
            terms += [f"begins_with(#key, :b{number})", f"begins_with(#owner.#key, :b{number})"]
        if self.marks.tenant is not None:
            names["#tenant"], values[":id"] = self.marks.tenant.name, {"S": self.marks.tenant.exact}
            terms.append("#tenant = :id")
        return {
            "FilterExpression": " OR ".join(terms),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }

    def own(self, items: Iterable[Item]) -> list[Item]:
        """Those that are the tenant's: by their keys, or, of a constraint over all tenants, by their owners' keys.
        Raises `TenantViolation` for one whose key and attributes name different tenants: whose it is, nobody here can
        tell."""
        return [item for item in items if self._owns(item)]

    def is_apart(self, item: Item) -> bool:
        """Whether it is the sentinel of a constraint over all tenants, whose key does not hold the tenant, and whose
        owner may be another one by now."""
        return not self.marks.partition.owns(item[self.marks.partition.name])

    def _owns(self, item: Item) -> bool:
        key, optional = self.marks.partition, self.marks.optional
        foreign = [mark.name for mark in optional if mark.name in item and not mark.owns(item[mark.name])]
        if key.owns(item.get(key.name)):
            if foreign:
                raise self._torn(item, foreign)
            return True
        if OWNER in item and _is_over_all(item[key.name]):
            return key.owns(item[OWNER].get("M", {}).get(key.name))
        if self.marks.tenant is not None and self.marks.tenant.name not in foreign and self.marks.tenant.name in item:
            raise self._torn(item, [key.name])
        return False

    def _torn(self, item: Item, names: Sequence[str]) -> TenantViolation:
        return TenantViolation(
            f"{self.table}: the attributes of an item name different tenants ({', '.join(names)} disagrees with the "
            "rest), so nobody knows whose it is; dynamorm_py.tenancy.repair() finds such items",
            key=decode_item({name: item[name] for name in self.schema.key.names if name in item}),
        )


class Estate(Record):
    """Which tenant's items in which models' tables; `tenant` is None where the scope names it."""

    schemas: tuple[Schema, ...]
    verb: str
    tenant: str | None = None

    def whose(self, scope: Scope) -> str:
        tenant = check_tenant(self.tenant) if self.tenant is not None else scope.tenant
        if tenant is None:
            raise TenantRequired("whose items are meant? give tenant=", operation=self.verb)
        return tenant

    def parts(self, scope: Scope) -> tuple[Part, ...]:
        """The reads that reach all of it, in an order that stays the same."""
        try:
            if not self.schemas:
                raise InvalidOperation("name the models whose tables are meant")
            tenant = self.whose(scope)
            tables = {
                scope.prefix + each.table: together(each)
                for schema in self.schemas
                for each in schema.members.values() or (schema,)
            }
            return tuple(part for table in tables.items() for part in self._of_table(*table, tenant, scope))
        except DynamormError as error:
            raise error.about(operation=self.verb) from error.__cause__

    def _of_table(self, table: str, schemas: tuple[Schema, ...], tenant: str, scope: Scope) -> Iterator[Part]:
        for schema in schemas:
            if schema.tenant is None:
                whose = "shared by all tenants" if schema.shared else "no tenant's"
                raise InvalidOperation(f"its items are {whose}, so none of them belongs to one", model=schema.model)
            enter_table(schema, scope)
        marks = _marks(table, schemas, tenant, scope)
        if not marks.partition.beginnings and not any(map(_has_sentinels_apart, schemas)):
            yield Part(table, schemas, marks, marks.partition.exact)
        elif scope.bypass:
            yield Part(table, schemas, marks)
        else:
            for partition in sorted({self._partition(schema, tenant) for schema in schemas}):
                yield Part(table, schemas, marks, partition)

    def _partition(self, schema: Schema, tenant: str) -> str:
        """The one partition in which all items of a model are that are the tenant's."""
        (key, *_) = schema.key.partition
        further = [name for name in key.fields if schema.tenant is not None and name != schema.tenant.field]
        why = ""
        behind = key.template.literals[-1] if key.template is not None else ""
        if further:
            why = f"the partition key has further fields ({', '.join(further)}), whose values nobody knows"
        elif behind:
            why = f"the partition key has {behind} behind the tenant, and others with another text may be there"
        elif _has_sentinels_apart(schema):
            why = "the sentinels of its unique constraints have partitions of their own"
        if why:
            raise InvalidOperation(
                f"{why}: only a Scan finds all items, which no tenant's scope sends: use "
                f"db.across_tenants(reason=…).{self.verb}(models, tenant=id)",
                model=schema.model,
            )
        value: str = key.value({key.fields[0]: {"S": tenant}})["S"]
        return value

    def binding(self, parts: Sequence[Part], scope: Scope) -> bytes:
        """What a cursor of this work is bound to."""
        return fingerprint(self.whose(scope), self.verb, [(part.table, part.partition) for part in parts])


class Progress(Record):
    """How far the work is: `items` so far, the `table` (its physical name) that it is in, and the `cursor` to go on
    from, with `after=`, if it ends here; None when everything was gone through."""

    items: int
    table: str
    cursor: str | None


class ReadPage(Record):
    """Reads the page behind a place; the result is the page's own items, their part, and the cursor behind them."""

    estate: Estate
    after: str | None
    page_size: int | None = None

    def first_call(self, scope: Scope) -> Call:
        parts = self.estate.parts(scope)
        return parts[0].call({}, self.page_size)

    def converse(self, scope: Scope) -> Conversation[tuple[list[Item], Part, str | None]]:
        parts = self.estate.parts(scope)
        binding = self.estate.binding(parts, scope)
        places = _places(self.after, len(parts), binding, scope)
        number = next((number for number, place in enumerate(places) if place is not None), None)
        if number is None:
            return [], parts[-1], None
        part = parts[number]
        response: Response = yield part.call(places[number] or {}, self.page_size)
        places[number] = response.get("LastEvaluatedKey") or None
        left = any(place is not None for place in places)
        cursor = encode_cursor(places, binding, scope.cursor_secrets) if left else None
        return part.own(response.get("Items", ())), part, cursor


class DeletePage(Record):
    """Deletes what is on one page; the result is how many items that were, their part, and the cursor behind them."""

    page: ReadPage

    def first_call(self, scope: Scope) -> Call:
        return self.page.first_call(scope)

    def converse(self, scope: Scope) -> Conversation[tuple[int, Part, str | None]]:
        items, part, cursor = yield from self.page.converse(scope)
        apart = [item for item in items if part.is_apart(item)]
        batched = [item for item in items if not part.is_apart(item)]
        members = tuple(_member(part, item, self.page.estate.verb) for item in batched)
        yield from BatchWrite(members, verb=self.page.estate.verb).converse(scope)
        for item in apart:
            yield from _release(part, item)
        return len(items), part, cursor


class CheckNothingLeft(Record):
    """Reads everything again; raises `UnprocessedItems` for the first page on which something is."""

    estate: Estate

    def first_call(self, scope: Scope) -> Call:
        return ReadPage(self.estate, None).first_call(scope)

    def converse(self, scope: Scope) -> Conversation[None]:
        cursor: str | None = None
        while True:
            items, part, cursor = yield from ReadPage(self.estate, cursor).converse(scope)
            if items:
                keys = [decode_item(part.schema.key.of(item)) for item in items]
                raise UnprocessedItems(
                    f"{part.table}: items of the tenant were written while they were being deleted, {len(keys)} of "
                    "which are listed in `remaining`; stop who writes them, and delete again",
                    remaining=keys,
                    operation=self.estate.verb,
                )
            if cursor is None:
                return


def line_of(item: Item, part: Part) -> str:
    """An item as one line of JSON: `{"Table": …, "Model": …, "Item": {…}}`, the item in DynamoDB's own form, which
    loses nothing: numbers are text with all their digits, and binary values base64.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
    """
    plain = {name: _plain(value) for name, value in item.items()}
    document = {"Table": part.schema.table, "Model": _model(item, part.schemas), "Item": plain}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def check_confirmed(tenant: str, confirm: str) -> None:
    """Refuses to delete unless the tenant was named once more."""
    if confirm != tenant:
        raise InvalidOperation(
            "confirm= has to be the id of the tenant whose items are to be deleted, and names another one",
            operation="delete_all",
        )


class _Deletion(Record, SingleItem[None]):
    """The deletion of one item by its own key, whichever model's it is."""

    schema: Schema
    table: str
    key: Item
    verb: str

    def _prepare(self, scope: Scope) -> Prepared[None]:
        request = {"TableName": self.table, "Key": self.key}
        call = Call("DeleteItem", request, target_of(self.schema, self.table, self.key))
        return Prepared(call, lambda response: None, never_refused, never_settled)


def _member(part: Part, item: Item, verb: str) -> Member:
    key = part.schema.key.of(item)
    return Member(_Deletion(part.schema, part.table, key, verb), decode_item(key))


def _release(part: Part, sentinel: Item) -> Conversation[None]:
    """Deletes a sentinel that another tenant's item may have taken over since it was read: only as it was read."""
    key = part.schema.key.of(sentinel)
    request: Request = {
        "TableName": part.table,
        "Key": key,
        "ConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": OWNER},
        "ExpressionAttributeValues": {":owner": sentinel[OWNER]},
    }
    try:
        yield Call("DeleteItem", request, target_of(part.schema, part.table, key))
    except ConditionFailed:
        return


def _has_sentinels_apart(schema: Schema) -> bool:
    """Whether sentinels are elsewhere than in the partition that is the tenant's id alone."""
    templated = schema.key.partition[0].template is not None
    return any(templated or unique.across_tenants for unique in schema.uniques)


def _is_over_all(partition: AttributeValue) -> bool:
    """Whether a partition key is that of the sentinel of a constraint over all tenants. Anything else that is marked as
    a sentinel is not believed: the key alone says whose it is."""
    return str(partition.get("S", "")).startswith(SENTINEL)


def _marks(table: str, schemas: Iterable[Schema], tenant: str, scope: Scope) -> Marks:
    known = TenantTables()
    for schema in schemas:
        known.admit(schema, scope.prefix)
    return Holdings(tenant, known.get).own(table)


def _places(after: str | None, number: int, binding: bytes, scope: Scope) -> list[Item | None]:
    """Where each part is to be gone on with: empty before its beginning, None behind its end."""
    if after is None:
        return [{}] * number
    # The fingerprint holds the parts, so there are as many places, unless somebody made it up.
    places = decode_cursor(after, binding, scope.cursor_secrets)
    if not isinstance(places, list) or len(places) != number:
        raise InvalidCursor("the cursor does not hold a place for each part of this work")
    return places


def _model(item: Item, schemas: Sequence[Schema]) -> str | None:
    """The model of an item, None for sentinels, and where nothing tells the models of a table apart."""
    if OWNER in item:
        return None
    told = [each.model for each in schemas if each.entity and item.get(each.entity[0]) == {"S": each.entity[1]}]
    if not told and len(schemas) == 1:
        told = [schemas[0].model]
    return told[0] if told else None


def _plain(value: AttributeValue) -> dict[str, Any]:  # as an attribute value, of each type
    ((tag, payload),) = value.items()
    return {tag: _PLAIN[tag](payload) if tag in _PLAIN else payload}


def _base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


_PLAIN: dict[str, Callable[[Any], object]] = {
    "B": _base64,
    "SS": list,
    "NS": list,
    "BS": lambda payloads: [_base64(each) for each in payloads],
    "L": lambda values: [_plain(each) for each in values],
    "M": lambda values: {name: _plain(each) for name, each in values.items()},
}
