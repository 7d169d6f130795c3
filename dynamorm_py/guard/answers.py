"""What may come back to a tenant: the answers, and the items that errors bring along.

The request had been checked, so anything foreign in its answer was written past this library, or comes of a fault in
it. It is not handed on, and neither is the rest of the answer. A member that is not known here is left out, since it
may hold items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from dynamorm_py.core.errors import ConditionFailed, TenantViolation, TransactionCanceled
from dynamorm_py.core.records import replace
from dynamorm_py.core.wire import Response
from dynamorm_py.guard.requests import Request
from dynamorm_py.guard.tables import Holdings

# What is judged is whatever the service answered, so nothing is known of its form.
Judge: TypeAlias = Callable[[Holdings, Request, Any], bool]

# What holds no items: numbers, and the names of tables and indexes with capacity consumed on them.
_PLAIN = frozenset({"ConsumedCapacity", "Count", "ScannedCount", "ResponseMetadata"})


def _item(holdings: Holdings, request: Request, item: Any) -> bool:
    return not item or _owned(holdings, request["TableName"], (item,))


def _items(holdings: Holdings, request: Request, items: Any) -> bool:
    return _owned(holdings, request["TableName"], items)


def _read_batch(holdings: Holdings, request: Request, tables: Any) -> bool:
    return all(name in request["RequestItems"] and _owned(holdings, name, items) for name, items in tables.items())


def _read_transaction(holdings: Holdings, request: Request, answers: Any) -> bool:
    # Answers that are more or fewer than the entries raise, which nothing passes.
    return all(
        answer.keys() <= {"Item"} and _item(holdings, entry["Get"], answer.get("Item"))
        for entry, answer in zip(request["TransactItems"], answers, strict=True)
    )


def _unread(holdings: Holdings, request: Request, tables: Any) -> bool:
    # What is left is asked for again as it is, and checked as a request then; here its keys are.
    return all(
        name in request["RequestItems"] and _owned(holdings, name, left["Keys"]) for name, left in tables.items()
    )


def _unwritten(holdings: Holdings, request: Request, tables: Any) -> bool:
    return all(
        name in request["RequestItems"] and _owned(holdings, name, (_written(entry) for entry in entries))
        for name, entries in tables.items()
    )


def _written(entry: Any) -> object:
    """The item or the key of an entry; None, which is nobody's, where it is neither a put nor a delete."""
    ((kind, member),) = entry.items()
    return member.get({"PutRequest": "Item", "DeleteRequest": "Key"}.get(kind))


def _collection(holdings: Holdings, request: Request, metrics: Any) -> bool:
    return _owned(holdings, request["TableName"], (metrics["ItemCollectionKey"],))


def _collections(holdings: Holdings, request: Request, tables: Any) -> bool:
    return all(
        _owned(holdings, name, (metrics["ItemCollectionKey"] for metrics in each)) for name, each in tables.items()
    )


_JUDGES: Mapping[str, Mapping[str, Judge]] = {
    "GetItem": {"Item": _item},
    "BatchGetItem": {"Responses": _read_batch, "UnprocessedKeys": _unread},
    "TransactGetItems": {"Responses": _read_transaction},
    "Query": {"Items": _items, "LastEvaluatedKey": _item},
    "PutItem": {"Attributes": _item, "ItemCollectionMetrics": _collection},
    "UpdateItem": {"Attributes": _item, "ItemCollectionMetrics": _collection},
    "DeleteItem": {"Attributes": _item, "ItemCollectionMetrics": _collection},
    "BatchWriteItem": {"UnprocessedItems": _unwritten, "ItemCollectionMetrics": _collections},
    "TransactWriteItems": {"ItemCollectionMetrics": _collections},
}
_KNOWN = {operation: _PLAIN | judges.keys() for operation, judges in _JUDGES.items()}


def admit(holdings: Holdings, operation: str, request: Request, response: Response) -> Response:
    """The answer, without what is not known of it. Raises `TenantViolation` if anything in it is another tenant's."""
    judges, known = _JUDGES.get(operation), _KNOWN.get(operation)
    if judges is None or known is None:
        raise TenantViolation(f"the guard passes no answers of {operation}")
    for member, judge in judges.items():
        answered = response.get(member)
        if answered is not None and not _passes(judge, holdings, request, answered):
            raise TenantViolation(f"{member} of the answer holds what is not the tenant's; nothing of it is handed on")
    if response.keys() <= known:
        return response
    return {member: value for member, value in response.items() if member in known}


def strip(holdings: Holdings, operation: str, request: Request, error: BaseException) -> bool:
    """Whether an error, with what caused it, brings no foreign items along; those that it did bring are taken out."""
    clean = True
    for each in _chain(error):
        if isinstance(each, ConditionFailed) and not _own_item(holdings, request, each.item):
            each.item, clean = None, False
        if isinstance(each, TransactionCanceled):
            entries = _entries(request, len(each.reasons))
            own = [_own_item(holdings, entry, reason.item) for entry, reason in zip(entries, each.reasons, strict=True)]
            if not all(own):
                clean = False
                each.reasons = tuple(
                    reason if passes else replace(reason, item=None)
                    for reason, passes in zip(each.reasons, own, strict=True)
                )
        # botocore's ClientError keeps the whole answer.
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            clean = _strip_answer(holdings, request, response) and clean
    return clean


def _strip_answer(holdings: Holdings, request: Request, response: dict[str, Any]) -> bool:
    clean = True
    if not _own_item(holdings, request, response.get("Item")):
        del response["Item"]
        clean = False
    reasons = response.get("CancellationReasons") or []
    for entry, reason in zip(_entries(request, len(reasons)), reasons, strict=True):
        if not _own_item(holdings, entry, reason.get("Item")):
            del reason["Item"]
            clean = False
    return clean


def _entries(request: Request, count: int) -> list[Request]:
    """What each of a transaction's reasons is about. Of reasons that are not as many as the entries nobody knows, and
    an entry without a table owns nothing."""
    entries = [member for entry in request.get("TransactItems") or () for member in entry.values()]
    return entries if len(entries) == count else [{}] * count


def _own_item(holdings: Holdings, entry: Request, item: object) -> bool:
    return not item or ("TableName" in entry and _passes(_item, holdings, entry, item))


def _chain(error: BaseException) -> Iterable[BaseException]:
    """An error and those behind it, which a traceback would show."""
    waiting, seen = [error], []
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.append(each)
            waiting += [behind for behind in (each.__cause__, each.__context__) if behind is not None]
    return seen


def _passes(judge: Judge, holdings: Holdings, request: Request, answered: object) -> bool:
    try:
        return judge(holdings, request, answered)
    except (AttributeError, KeyError, TypeError, ValueError, TenantViolation):
        return False  # an answer of another form than DynamoDB's, or of another table, is not known to be the tenant's


def _owned(holdings: Holdings, name: object, items: Iterable[object]) -> bool:
    marks = holdings.marks(holdings.table(name))
    return marks is None or marks.admit(items)
