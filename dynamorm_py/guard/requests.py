"""What a tenant's request may be, operation by operation.

The tables of members are DynamoDB's present ones without the legacy parameters: what is not written here is refused, so
that a member which is added to the service, or misspelt, cannot carry anything past the guard.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from dynamorm_py.core.errors import TenantViolation
from dynamorm_py.guard import grammar
from dynamorm_py.guard.tables import OWNER, GuardedTable, Holdings, Mark, Marks

# Requests as they go to botocore, or as they are parsed from what is sent: what a member holds is seen by its check.
Request: TypeAlias = Mapping[str, Any]
Members: TypeAlias = Mapping[str, type]
Check: TypeAlias = Callable[[Holdings, Request], None]

_CAPACITY: Members = {"ReturnConsumedCapacity": str}
_METRICS: Members = {**_CAPACITY, "ReturnItemCollectionMetrics": str}
_PROJECTION: Members = {"ProjectionExpression": str, "ExpressionAttributeNames": dict}
_CONDITION: Members = {
    "ConditionExpression": str,
    "ExpressionAttributeNames": dict,
    "ExpressionAttributeValues": dict,
    "ReturnValuesOnConditionCheckFailure": str,
}
_PUT: Members = {"TableName": str, "Item": dict, **_CONDITION}
_DELETE: Members = {"TableName": str, "Key": dict, **_CONDITION}
_UPDATE: Members = {**_DELETE, "UpdateExpression": str}
_GET: Members = {"TableName": str, "Key": dict, **_PROJECTION}

_PUT_ITEM: Members = {**_PUT, **_METRICS, "ReturnValues": str}
_DELETE_ITEM: Members = {**_DELETE, **_METRICS, "ReturnValues": str}
_UPDATE_ITEM: Members = {**_UPDATE, **_METRICS, "ReturnValues": str}
_GET_ITEM: Members = {**_GET, **_CAPACITY, "ConsistentRead": bool}
_QUERY: Members = {
    "TableName": str,
    "IndexName": str,
    "Select": str,
    "Limit": int,
    "ConsistentRead": bool,
    "ScanIndexForward": bool,
    "ExclusiveStartKey": dict,
    "FilterExpression": str,
    "KeyConditionExpression": str,
    "ExpressionAttributeValues": dict,
    **_PROJECTION,
    **_CAPACITY,
}
_BATCH_GET: Members = {"RequestItems": dict, **_CAPACITY}
_BATCH_WRITE: Members = {"RequestItems": dict, **_METRICS}
_TRANSACT_GET: Members = {"TransactItems": list, **_CAPACITY}
_TRANSACT_WRITE: Members = {"TransactItems": list, "ClientRequestToken": str, **_METRICS}
_KEYS_AND_ATTRIBUTES: Members = {"Keys": list, "ConsistentRead": bool, **_PROJECTION}

# The whole item comes back, or none. Of `UPDATED_*` come attributes without the key, which nobody could check.
_RETURNED = frozenset({"NONE", "ALL_OLD", "ALL_NEW"})
_KEY_PREDICATES = frozenset({"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"})

# A client request token is the same for DynamoDB whoever sends it: one tenant's would be answered with what became of
# another's transaction, or refused because of it. So a part of it is made of the tenant.
TOKEN_CHARACTERS = 36
TOKEN_DIGITS = 12


def token_beginning(tenant: str) -> str:
    """What the client request tokens of a tenant begin with."""
    return hashlib.sha256(b"dynamorm_py tenant\0" + tenant.encode()).hexdigest()[:TOKEN_DIGITS]


def _get_item(holdings: Holdings, request: Request) -> None:
    _only(request, _GET_ITEM)
    _read(holdings, request.get("TableName"), (request.get("Key"),), request)


def _batch_get_item(holdings: Holdings, request: Request) -> None:
    _only(request, _BATCH_GET)
    for table, entry in _by_table(request):
        _only(entry, _KEYS_AND_ATTRIBUTES)
        _read(holdings, table, _list(entry.get("Keys"), "Keys"), entry)


def _transact_get_items(holdings: Holdings, request: Request) -> None:
    _only(request, _TRANSACT_GET)
    for entry in _list(request.get("TransactItems"), "TransactItems"):
        kind, member = _single(entry)
        if kind != "Get":
            raise TenantViolation("an entry of a reading transaction is a Get")
        _only(member, _GET)
        _read(holdings, member.get("TableName"), (member.get("Key"),), member)


def _query(holdings: Holdings, request: Request) -> None:
    _only(request, _QUERY)
    table = holdings.table(request.get("TableName"))
    _check_expression(request, "FilterExpression", grammar.read_condition)
    condition = _check_expression(request, "KeyConditionExpression", grammar.read_condition)
    if condition is None:
        raise TenantViolation(f"{table.name}: a query has no KeyConditionExpression")
    marks = holdings.marks(table)
    if marks is None:
        _check_projection(request, table, ())
        return
    index: str | None = request.get("IndexName")
    if index is not None and index not in table.indexes:
        raise TenantViolation(f"{table.name}: a query names an index that no model declares")
    mark = marks.partition if index is None else marks.of_index(index)
    names = table.key if index is None else (*table.indexes[index][1], *table.key)
    _check_projection(request, table, names)
    _check_key_condition(request, table, condition, mark)
    if "ExclusiveStartKey" in request:
        start = request["ExclusiveStartKey"]
        _check_key(marks, start, names, "ExclusiveStartKey")
        if not mark.owns(start[mark.name]):
            raise _foreign(table, mark.name, "ExclusiveStartKey")


def _put_item(holdings: Holdings, request: Request) -> None:
    _only(request, _PUT_ITEM)
    _check_returned(request)
    _put(holdings, request.get("TableName"), request)


def _update_item(holdings: Holdings, request: Request) -> None:
    _only(request, _UPDATE_ITEM)
    _check_returned(request)
    _update(holdings, request.get("TableName"), request)


def _delete_item(holdings: Holdings, request: Request) -> None:
    _only(request, _DELETE_ITEM)
    _check_returned(request)
    _delete(holdings, request.get("TableName"), request)


def _batch_write_item(holdings: Holdings, request: Request) -> None:
    _only(request, _BATCH_WRITE)
    for table, entries in _by_table(request):
        for entry in _list(entries, "RequestItems"):
            kind, member = _single(entry)
            if kind == "PutRequest":
                _only(member, {"Item": dict})
                _put(holdings, table, member)
            elif kind == "DeleteRequest":
                _only(member, {"Key": dict})
                _delete(holdings, table, member)
            else:
                raise TenantViolation("an entry of a writing batch is a PutRequest or a DeleteRequest")


def _transact_write_items(holdings: Holdings, request: Request) -> None:
    _only(request, _TRANSACT_WRITE)
    token = request.get("ClientRequestToken")
    beginning = token_beginning(holdings.tenant)
    if not isinstance(token, str) or len(token) != TOKEN_CHARACTERS or not token.startswith(beginning):
        raise TenantViolation("the client request token of a transaction is not made for the tenant")
    for entry in _list(request.get("TransactItems"), "TransactItems"):
        kind, member = _single(entry)
        if kind not in _TRANSACTED:
            raise TenantViolation("an entry of a writing transaction is a Put, Update, Delete or ConditionCheck")
        members, check = _TRANSACTED[kind]
        _only(member, members)
        check(holdings, member.get("TableName"), member)


CHECKS: Mapping[str, Check] = {
    "GetItem": _get_item,
    "BatchGetItem": _batch_get_item,
    "TransactGetItems": _transact_get_items,
    "Query": _query,
    "PutItem": _put_item,
    "UpdateItem": _update_item,
    "DeleteItem": _delete_item,
    "BatchWriteItem": _batch_write_item,
    "TransactWriteItems": _transact_write_items,
}


def _read(holdings: Holdings, name: object, keys: Iterable[object], entry: Request) -> None:
    table = holdings.table(name)
    marks = holdings.marks(table)
    _check_projection(entry, table, () if marks is None else table.key)
    if marks is not None:
        for key in keys:
            _check_key(marks, key, table.key, "Key")


def _put(holdings: Holdings, name: object, entry: Request) -> None:
    marks = holdings.own(name)
    item = entry.get("Item")
    if not isinstance(item, dict) or not marks.partition.owns(item.get(marks.partition.name)):
        raise _foreign(marks.table, marks.partition.name, "Item")
    if OWNER in item and not marks.is_sentinel(item):
        raise TenantViolation(f"{marks.table.name}: an item with {OWNER}, which is for sentinels of unique constraints")
    if marks.tenant is not None and marks.tenant.name not in item:
        raise TenantViolation(f"{marks.table.name}: an item without {marks.tenant.name}, which names the tenant")
    for mark in marks.optional:
        if mark.name in item and not mark.owns(item[mark.name]):
            raise _foreign(marks.table, mark.name, "Item")
    _check_expression(entry, "ConditionExpression", grammar.read_condition)


def _update(holdings: Holdings, name: object, entry: Request) -> None:
    marks = holdings.own(name)
    _check_key(marks, entry.get("Key"), marks.table.key, "Key")
    _check_expression(entry, "ConditionExpression", grammar.read_condition)
    update = _check_expression(entry, "UpdateExpression", grammar.read_update)
    for action in update.actions if update is not None else ():
        _check_action(marks, entry, action)


def _delete(holdings: Holdings, name: object, entry: Request) -> None:
    marks = holdings.own(name)
    _check_key(marks, entry.get("Key"), marks.table.key, "Key")
    _check_expression(entry, "ConditionExpression", grammar.read_condition)


def _condition_check(holdings: Holdings, name: object, entry: Request) -> None:
    # It changes nothing, so it may stand on what is shared by all, as a read of it may.
    _read(holdings, name, (entry.get("Key"),), entry)
    _check_expression(entry, "ConditionExpression", grammar.read_condition)


_TRANSACTED: Mapping[str, tuple[Members, Callable[[Holdings, object, Request], None]]] = {
    "Put": (_PUT, _put),
    "Update": (_UPDATE, _update),
    "Delete": (_DELETE, _delete),
    "ConditionCheck": (_DELETE, _condition_check),
}


def _check_key(marks: Marks, key: object, names: tuple[str, ...], member: str) -> None:
    """Refuses a key with other attributes than these, or of another tenant."""
    table = marks.table
    if not isinstance(key, dict) or key.keys() != set(names):
        raise TenantViolation(f"{table.name}: {member} has not exactly the key's attributes, which are {_and(names)}")
    if not marks.partition.owns(key[marks.partition.name]):
        raise _foreign(table, marks.partition.name, member)


def _check_key_condition(request: Request, table: GuardedTable, condition: grammar.Condition, mark: Mark) -> None:
    """Refuses what selects more than the partitions of the tenant: a term has to fix the attribute that carries it, and
    no other may speak of it."""
    found = False
    if not condition.words <= {"AND"}:
        raise TenantViolation(f"{table.name}: a key condition is joined by AND alone")
    for predicate in condition.predicates:
        path, *operands = predicate.operands
        if predicate.kind not in _KEY_PREDICATES or not isinstance(path, tuple) or len(path) != 1:
            raise TenantViolation(f"{table.name}: a term of a key condition is none on a key attribute")
        if not all(isinstance(operand, str) for operand in operands):
            raise TenantViolation(f"{table.name}: a term of a key condition compares with something else than values")
        if _name(request, path[0]) != mark.name:
            continue
        if found or predicate.kind != "=" or not mark.owns(request["ExpressionAttributeValues"][operands[0]]):
            raise _foreign(table, mark.name, "KeyConditionExpression")
        found = True
    if not found:
        raise _foreign(table, mark.name, "KeyConditionExpression")


def _check_action(marks: Marks, entry: Request, action: grammar.Action) -> None:
    """Refuses an action that could make the item another tenant's, on the table or in an index."""
    table, name = marks.table, _name(entry, action.path[0])
    if name in table.key:
        raise TenantViolation(f"{table.name}: an update acts on {name}, which is part of the table's key")
    if name == OWNER:
        raise TenantViolation(f"{table.name}: an update acts on {OWNER}, which is for sentinels of unique constraints")
    carried = [mark for mark in marks.optional if mark.name == name]
    if not carried:
        return
    if len(action.path) > 1:
        raise TenantViolation(f"{table.name}: an update acts on a part of {name}, which carries the tenant")
    if action.clause == "REMOVE":
        if marks.tenant is not None and name == marks.tenant.name:
            raise TenantViolation(f"{table.name}: an update removes {name}, which names the tenant")
        return
    if action.clause != "SET" or action.value is None:
        raise TenantViolation(f"{table.name}: an update sets {name}, which carries the tenant, to no plain value")
    value = entry["ExpressionAttributeValues"][action.value]
    if not all(mark.owns(value) for mark in carried):
        raise _foreign(table, name, "UpdateExpression")


def _check_projection(entry: Request, table: GuardedTable, names: tuple[str, ...]) -> None:
    """Refuses a projection without the key: what comes back could not be told from another tenant's."""
    projection = _check_expression(entry, "ProjectionExpression", grammar.read_projection)
    if projection is None:
        return
    whole = {_name(entry, path[0]) for path in projection.paths if len(path) == 1}
    if not whole.issuperset(names):
        raise TenantViolation(f"{table.name}: a projection leaves out attributes of the key, which are {_and(names)}")


def _check_expression(entry: Request, member: str, read: Callable[[str], Any]) -> Any:  # what `read` returns, or None
    """Reads an expression, and refuses one that is not understood or uses an alias that is not defined."""
    if member not in entry:
        return None
    try:
        expression = read(entry[member])
    except grammar.NotUnderstood:
        raise TenantViolation(f"the guard does not understand the {member}, so it does not pass") from None
    if expression.names:
        names = entry.get("ExpressionAttributeNames", {})
        if not all(isinstance(names.get(alias), str) for alias in expression.names):
            raise TenantViolation(f"the {member} uses a name that ExpressionAttributeNames does not define")
    if expression.values:
        values = entry.get("ExpressionAttributeValues", {})
        if not all(alias in values for alias in expression.values):
            raise TenantViolation(f"the {member} uses a value that ExpressionAttributeValues does not define")
    return expression


def _check_returned(request: Request) -> None:
    if request.get("ReturnValues", "NONE") not in _RETURNED:
        raise TenantViolation("ReturnValues asks for attributes without their key: only whole items can be checked")


def _name(entry: Request, segment: str) -> str:
    name: str = entry["ExpressionAttributeNames"][segment] if segment[0] == "#" else segment
    return name


def _only(entry: object, members: Members) -> None:
    """Refuses what has another member than these, or one of another type."""
    if not isinstance(entry, (dict, Mapping)):  # nearly always a dict, which is known at once
        raise TenantViolation("a request, or an entry of one, is no mapping")
    for name, value in entry.items():
        kind = members.get(name)
        if kind is None:
            raise TenantViolation(f"a request has the member {name!r}, which the guard does not pass")
        if not isinstance(value, kind):
            raise TenantViolation(f"{name} is no {kind.__name__}")


def _by_table(request: Request) -> Iterator[tuple[object, Any]]:  # whatever the entries are, their check sees
    entries = request.get("RequestItems")
    if not entries:
        raise TenantViolation("a batch without entries")
    yield from entries.items()


def _list(entries: object, member: str) -> list[object]:
    if not isinstance(entries, list) or not entries:
        raise TenantViolation(f"{member} is no list of one entry or more")
    return entries


def _single(entry: object) -> tuple[str, Any]:  # as `_by_table`
    if not isinstance(entry, (dict, Mapping)) or len(entry) != 1:
        raise TenantViolation("an entry of a batch or transaction has exactly one member")
    ((kind, member),) = entry.items()
    return kind, member


def _foreign(table: GuardedTable, attribute: str, member: str) -> TenantViolation:
    return TenantViolation(f"{table.name}: {attribute} in {member} is not of the tenant")


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(dict.fromkeys(names))
