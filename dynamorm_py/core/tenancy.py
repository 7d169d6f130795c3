"""What the compiler sees to in a tenant's scope: whose table it is, whose key, whose item.

This is the first of three nets. The second, `dynamorm_py.guard`, reads the finished request and knows nothing of this
one; the third looks at what comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from dynamorm_py.core.errors import InvalidModel, InvalidOperation, InvalidValue, TenantRequired, TenantViolation
from dynamorm_py.core.schema import OWNER, KeyAttribute, Schema, each_once
from dynamorm_py.core.tenants import check_tenant
from dynamorm_py.core.wire import AttributeValue, Item, Scope

V = TypeVar("V", bound=Mapping[str, AttributeValue])


def enter_table(schema: Schema, scope: Scope, *, writes: bool = False) -> str:
    """The physical name of a model's table, where the scope may use it.

    Raises `TenantRequired` for a tenant's data outside of all scopes, `TenantViolation` for what is neither a tenant's
    nor shared inside of one, and for writing what is shared, and `InvalidModel` where the client takes no other models.
    """
    check_kind(schema, scope)
    if schema.tenant is not None:
        if scope.tenant is None and not scope.bypass:
            raise TenantRequired(
                "its items belong to tenants, and no tenant is known: use db.for_tenant(id), or across_tenants()"
            )
    elif scope.tenant is not None:
        if not schema.shared:
            raise TenantViolation("the model is neither a tenant's nor shared, so no tenant reaches it")
        if writes:
            raise TenantViolation("the model is shared by all tenants, which may read it: write it outside of scopes")
    elif not scope.bypass:
        _check_not_of_tenants(schema, scope)
    if scope.tables is not None:
        for each in schema.members.values() or (schema,):
            scope.tables.admit(each, scope.prefix)
    return scope.prefix + schema.table


def _check_not_of_tenants(schema: Schema, scope: Scope) -> None:
    """Refuses a model of no tenant on what its client knows as a table of tenants: it would read all their items."""
    if scope.tables is not None and scope.tables.holds_tenants(scope.prefix + schema.table):
        raise TenantRequired(
            f"{schema.table} holds items that belong to tenants: give this model a tenant_key() too, or name the "
            "bypass, across_tenants()"
        )


def check_kind(schema: Schema, scope: Scope) -> None:
    """Refuses, on a client with `tenancy="required"`, a model that does not say whose its items are."""
    if scope.strict and schema.tenant is None and not schema.shared:
        raise InvalidModel(
            'the client has tenancy="required": mark a field with tenant_key(), or declare the model shared=True',
            model=schema.model,
        )


def with_tenant(schema: Schema, scope: Scope, values: V) -> V | Mapping[str, AttributeValue]:
    """Field values with the scope's tenant, which is filled in where it is absent and never replaced."""
    if schema.tenant is None:
        return values
    field = schema.tenant.field
    given = values.get(field)
    if scope.tenant is None:
        if given is not None:
            _check_id(field, given)
        return values
    if given is None:
        return {field: {"S": scope.tenant}, **values}
    if given != {"S": scope.tenant}:
        raise TenantViolation(f"{field} names another tenant than the scope")
    return values


def check_item(schema: Schema, scope: Scope, item: Item) -> None:
    """Refuses to store an item of another tenant, or one whose attributes would put it into another tenant's index,
    also by attributes that the model does not know; and, of any model, one that would pass for a sentinel."""
    if OWNER in item:
        raise InvalidOperation(f"{OWNER} marks the sentinels of unique constraints: no item can have this attribute")
    if schema.tenant is None:
        return
    held = item.get(schema.tenant.attribute)
    if scope.tenant is None and held is not None:
        _check_id(schema.tenant.field, held)
    elif held != {"S": scope.tenant}:
        raise TenantViolation(f"{schema.tenant.field} of the item names another tenant than the scope, or none")
    if held is not None:
        _check_leading(schema, held["S"], item)


def check_leading(schema: Schema, scope: Scope, item: Item) -> None:
    """Refuses a key of which a partition key of table or index leads to another tenant."""
    if schema.tenant is not None and scope.tenant is not None:
        _check_leading(schema, scope.tenant, item)


def _check_leading(schema: Schema, tenant: str, item: Item) -> None:
    for part in leading(schema):
        if part.name in item and not _leads(item[part.name], schema, part, tenant):
            raise TenantViolation(f"{part.name} leads to another tenant")


def leading(schema: Schema) -> Iterable[KeyAttribute]:
    """The partition key attributes of table and indexes, of all models on the table that are known: each begins with
    the tenant."""
    others = [each for each in relatives_of(schema) if each is not schema]
    if not others:
        return schema.partitions
    return each_once(part for each in (schema, *others) for part in each.partitions)


def relatives_of(schema: Schema) -> tuple[Schema, ...]:
    """The schemas of tenants' models that share the model's table. One that calls the table's partition key otherwise
    means another table of that name, in another account perhaps."""
    if schema.relatives is None:
        return ()
    partition = schema.key.partition[0].name
    return tuple([each for each in schema.relatives.of_table(schema.table) if each.key.partition[0].name == partition])


def keys_of_relatives(schema: Schema) -> frozenset[str]:
    """The key attributes that other tenants' models on the table have, as far as they are no fields of this one."""
    others = [each for each in relatives_of(schema) if each is not schema] if schema.tenant else []
    names = {part.name for each in others for _, part in each.index_attributes}
    return frozenset(names - set(schema.fields.values())) if names else frozenset()


def _leads(value: AttributeValue, schema: Schema, part: KeyAttribute, tenant: str) -> bool:
    if part.template is None:
        return value == {"S": tenant}
    own = (schema.tenant.prefix if schema.tenant else "") + tenant
    text = value.get("S")
    return isinstance(text, str) and (text == own or text.startswith(own + "#"))


def _check_id(field: str, value: AttributeValue) -> None:
    try:
        check_tenant(value.get("S"))
    except InvalidValue as error:
        raise InvalidValue(f"{field}: {error.message}") from None
