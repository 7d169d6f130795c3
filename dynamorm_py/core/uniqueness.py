"""Unique constraints: one sentinel item for each value that is taken, written in the same transaction as its owner.

DynamoDB knows no unique attribute but the key. So a value that has to be unique gets an item of its own, whose key is
made of the value: a second one cannot be put. The sentinel names its owner, and only the owner's writes replace or
remove it.
https://aws.amazon.com/blogs/database/simulating-amazon-dynamodb-unique-constraints-using-transactions/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dynamorm_py.core.errors import InvalidKey, TenantViolation
from dynamorm_py.core.expressions import AttributePath, Comparison, Condition, Function, Literal, compile_condition
from dynamorm_py.core.keys import check_key_value, encode_part
from dynamorm_py.core.placeholders import Placeholders
from dynamorm_py.core.schema import OWNER, KeyAttribute, Schema, Unique
from dynamorm_py.core.tenancy import relatives_of
from dynamorm_py.core.values import same, size_bound
from dynamorm_py.core.wire import AttributeValue, Call, Item, Request, Scope

# What the keys of sentinels begin with, behind the tenant where there is one.
_BEGINNING = "$unique#"

_SORT: Mapping[str, AttributeValue] = {"S": {"S": "$unique"}, "B": {"B": b"$unique"}, "N": {"N": "0"}}


def claims(
    schema: Schema,
    scope: Scope,
    table: str,
    owner: Item,
    before: Mapping[str, AttributeValue],
    after: Mapping[str, AttributeValue],
    *,
    renew: bool = False,
) -> Iterator[tuple[Unique, Call]]:
    """The writes that make the sentinels right when the item with the key `owner` goes from `before` to `after` (field
    values; empty where there was, or will be, no item). `renew` claims what stays the same too: items that are older
    than their constraint have no sentinels yet."""
    for unique in schema.uniques:
        _check_scope(unique, scope)
        old, new = _values(unique, before), _values(unique, after)
        kept = same(_whole(old), _whole(new))
        if new is not None and (renew or not kept):
            tenant = _tenant_of(schema, unique, after)
            yield unique, _put(schema, table, _key(schema, unique, new, tenant), tenant, owner)
        if old is not None and not kept:
            tenant = _tenant_of(schema, unique, before)
            yield unique, _delete(schema, table, _key(schema, unique, old, tenant), owner)


def _check_scope(unique: Unique, scope: Scope) -> None:
    if unique.across_tenants and scope.tenant is not None:
        raise TenantViolation(
            f"{', '.join(unique.fields)} is unique over all tenants, and a conflict would tell this one what another "
            "has: write the item through db.across_tenants(reason=…)"
        )


def unchanged(schema: Schema, before: Mapping[str, AttributeValue]) -> Iterator[Condition]:
    """That the unique fields still are what they were read as: the sentinels of other values are not known."""
    for name in dict.fromkeys(name for unique in schema.uniques for name in unique.fields):
        path = AttributePath((schema.fields[name],))
        if name in before:
            yield Comparison(path, "=", Literal(before[name]))
        else:
            yield Function("attribute_not_exists", path)


def _values(unique: Unique, values: Mapping[str, AttributeValue]) -> list[AttributeValue] | None:
    """The constraint's values, None where one is absent: what is not there need not be unique."""
    found = [values[name] for name in unique.fields if name in values]
    return found if len(found) == len(unique.fields) else None


def _whole(values: list[AttributeValue] | None) -> AttributeValue | None:
    return None if values is None else {"L": values}


def _key(schema: Schema, unique: Unique, values: list[AttributeValue], tenant: str | None) -> Item:
    """The sentinel's key: a partition of its own, and where a tenant's partition key is the tenant itself, a sort key
    in it. No id of a tenant and no part of a composed key begins with `$unique`, and a field that is the key as it is
    may not (`check_key`): so it is nobody else's."""
    partition, sort = schema.key.partition[0], schema.key.sort
    try:
        text = _BEGINNING + "#".join([schema.model, unique.name, *(encode_part(value) for value in values)])
        if tenant is not None and partition.template is None:
            return {partition.name: {"S": tenant}, sort[0].name: _value(text, unique, sort[0])}
        if tenant is not None and schema.tenant is not None:
            text = f"{schema.tenant.prefix}{tenant}#{text}"
        return {partition.name: _value(text, unique, partition), **{each.name: _SORT[each.type] for each in sort}}
    except InvalidKey as error:
        raise InvalidKey(f"{', '.join(unique.fields)} cannot be kept unique: {error.message}") from error


def check_key(schema: Schema, key: Item) -> None:
    """Refuses to write an item under the key of a sentinel, where that is a field as it is: the partition key, or,
    where this is the tenant, the sort key, of which the constraint may be another model's on the table."""
    if schema.key.partition[0].template is not None:
        return
    for part in schema.key.partition if schema.tenant is None else schema.key.sort:
        value = key[part.name]
        text = value.get("S", "").startswith(_BEGINNING) or value.get("B", b"").startswith(_BEGINNING.encode())
        if text and any(each.uniques for each in (schema, *relatives_of(schema))):
            raise InvalidKey(
                f"{part.name}: {_BEGINNING} is what the keys of unique constraints' sentinels begin with: no other "
                "item of their table can have such a key"
            )


def _value(text: str, unique: Unique, attribute: KeyAttribute) -> AttributeValue:
    value: AttributeValue = {"B": text.encode()} if attribute.type == "B" else {"S": text}
    check_key_value(value, unique.name, attribute.type, attribute.limit)
    return value


def _tenant_of(schema: Schema, unique: Unique, values: Mapping[str, AttributeValue]) -> str | None:
    if schema.tenant is None or unique.across_tenants:
        return None
    tenant: str = values[schema.tenant.field]["S"]
    return tenant


def _put(schema: Schema, table: str, key: Item, tenant: str | None, owner: Item) -> Call:
    request: Request = {"TableName": table, "Item": {**key, OWNER: {"M": owner}}}
    if tenant is not None and schema.tenant is not None:
        request["Item"][schema.tenant.attribute] = {"S": tenant}
    size = size_bound(request["Item"])
    return Call("PutItem", _conditioned(request, schema, owner), key=key, size=size)


def _delete(schema: Schema, table: str, key: Item, owner: Item) -> Call:
    return Call("DeleteItem", _conditioned({"TableName": table, "Key": key}, schema, owner))


def _conditioned(request: Request, schema: Schema, owner: Item) -> Request:
    free = Function("attribute_not_exists", AttributePath((schema.key.partition[0].name,)))
    mine = Comparison(AttributePath((OWNER,)), "=", Literal({"M": owner}))
    placeholders = Placeholders()
    request["ConditionExpression"] = compile_condition(free | mine, placeholders)
    placeholders.write_into(request)
    return request
