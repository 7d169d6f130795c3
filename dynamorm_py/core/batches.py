"""Batches: many reads or many unconditional writes in few requests. A batch is no transaction: each item is on its own.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
DynamoDB may leave part of a batch undone, and says which: `UnprocessedKeys` for reads, `UnprocessedItems` for writes.
What is left is sent again after a pause, until it is done or the attempts are used up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from dynamorm_py.core.errors import (
    DynamormError,
    InvalidOperation,
    ServiceError,
    TenantViolation,
    Throttled,
    UnprocessedItems,
)
from dynamorm_py.core.operations import GetItem, Prepared
from dynamorm_py.core.records import Record
from dynamorm_py.core.transactions import Member, identity_of
from dynamorm_py.core.values import item_size
from dynamorm_py.core.wire import Call, Conversation, Item, Pause, Request, Response, Scope, Together

T = TypeVar("T")

MAX_KEYS = 100
MAX_WRITES = 25
# DynamoDB takes 16 MB a request. Smaller ones are answered sooner, share the work among more requests at once, and keep
# aiohttp from warning of a body (a third larger than its binary values) that would hold up the event loop.
MAX_BYTES = 700_000

# Called with how many items are done and how many there are in all, after every request.
Progress: TypeAlias = Callable[[int, int], None]


class Pace(Record):
    """How a batch is worked off: so many requests at once, and so many attempts in a row that achieve nothing."""

    concurrency: int = 4
    attempts: int = 8
    progress: Progress | None = None


class _Count:
    """How far a batch has come, over all its requests."""

    __slots__ = ("_done", "_progress", "_total")

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def add(self, number: int) -> None:
        self._done += number
        if self._progress is not None and number:
            self._progress(self._done, self._total)


class _Left(Record, Generic[T]):
    """What one part of a batch could not do, and the error that ended it, if one did."""

    entries: tuple[T, ...]
    error: DynamormError | None = None


class _Write(Record):
    member: Member
    prepared: Prepared[Any]

    @property
    def identity(self) -> tuple[str, str]:
        return identity_of(self.prepared.call)

    @property
    def table(self) -> str:
        return str(self.prepared.call.request["TableName"])

    @property
    def entry(self) -> Request:
        request = self.prepared.call.request
        if "Item" in request:
            return {"PutRequest": {"Item": request["Item"]}}
        return {"DeleteRequest": {"Key": request["Key"]}}


class BatchWrite(Record):
    """Puts and deletes without conditions, 25 a request."""

    members: tuple[Member, ...]
    pace: Pace = Pace()
    verb: str = "batch_write"

    def first_call(self, scope: Scope) -> Call:
        writes = self._writes(scope)
        if not writes:
            raise InvalidOperation("an empty batch sends nothing", operation=self.verb)
        return _write_call(_portions(writes)[0])

    def converse(self, scope: Scope) -> Conversation[None]:
        writes = self._writes(scope)
        count = _Count(len(writes), self.pace.progress)
        parts = _portions(writes)
        works = [_work_off(part, self.pace, count, _write_call, _unwritten) for part in parts]
        left = yield from _all_parts(works, self.pace)
        remaining = [write.member.origin for part in left for write in part.entries]
        failure = next((part.error for part in left if part.error is not None), None)
        for part in left:
            if isinstance(part.error, TenantViolation):
                raise part.error.about(operation=self.verb)  # no work that was left over, and none to try again
        if len(remaining) == len(writes) and isinstance(failure, ServiceError) and not isinstance(failure, Throttled):
            raise failure.about(operation=self.verb)  # nothing was written, nor would it be if it were sent again
        if remaining:
            raise _unprocessed(remaining, len(writes), failure, self.verb)

    def _writes(self, scope: Scope) -> list[_Write]:
        writes = [_Write(member, member.plan.prepare(scope)) for member in self.members]
        seen = set()
        for write in writes:
            call = write.prepared.call
            whole = call.operation in ("PutItem", "DeleteItem")
            if not whole or "ConditionExpression" in call.request or write.prepared.companions:
                raise _not_for_batches(write)
            if write.identity in seen:
                raise InvalidOperation("two operations concern the same item: a batch takes one", operation=self.verb)
            seen.add(write.identity)
        return writes


class BatchGet(Record, Generic[T]):
    """Reads by key, 100 a request; the answers stand in the order of the reads. `keys` are what the caller gave."""

    members: tuple[GetItem[T], ...]
    keys: tuple[object, ...]
    pace: Pace = Pace()
    verb: str = "batch_get"

    def first_call(self, scope: Scope) -> Call:
        calls = {identity_of(call): call for call in (member.prepare(scope).call for member in self.members)}
        if not calls:
            raise InvalidOperation("an empty batch sends nothing", operation=self.verb)
        return _get_call(list(calls.values())[:MAX_KEYS])

    def converse(self, scope: Scope) -> Conversation[list[T]]:
        prepared = [member.prepare(scope) for member in self.members]
        calls = list({identity_of(each.call): each.call for each in prepared}.values())
        count = _Count(len(calls), self.pace.progress)
        found: dict[tuple[str, str], Item] = {}
        parts = [tuple(calls[start : start + MAX_KEYS]) for start in range(0, len(calls), MAX_KEYS)]

        def left_of(asked: tuple[Call, ...], response: Response) -> tuple[Call, ...]:
            _collect(asked, response, found)
            return _unread(asked, response)

        left = yield from _all_parts(
            [_work_off(part, self.pace, count, _get_call, left_of) for part in parts], self.pace
        )
        for part in left:
            if part.error is not None:
                raise part.error.about(operation=self.verb)
        missing = {identity_of(call) for part in left for call in part.entries}
        if missing:
            remaining = [
                key for key, each in zip(self.keys, prepared, strict=True) if identity_of(each.call) in missing
            ]
            raise _unprocessed(remaining, len(self.keys), None, self.verb)
        return [each.result(_answer(found.get(identity_of(each.call)))) for each in prepared]


def _portions(writes: Sequence[_Write]) -> list[tuple[_Write, ...]]:
    """The writes in their order, as many to a request as it takes; an item that is larger than that goes alone."""
    portions: list[list[_Write]] = []
    room = 0
    for write in writes:
        size = item_size(write.prepared.call.request.get("Item", {}))
        if not portions or size > room or len(portions[-1]) == MAX_WRITES:
            portions.append([])
            room = MAX_BYTES
        portions[-1].append(write)
        room -= size
    return [tuple(portion) for portion in portions]


def _answer(item: Item | None) -> Response:
    return {} if item is None else {"Item": item}


def _all_parts(parts: Sequence[Conversation[_Left[T]]], pace: Pace) -> Conversation[list[_Left[T]]]:
    if len(parts) == 1:
        return [(yield from parts[0])]
    left: list[_Left[T]] = yield Together(tuple(parts), pace.concurrency)
    return left


def _work_off(
    entries: tuple[T, ...],
    pace: Pace,
    count: _Count,
    call_of: Callable[[tuple[T, ...]], Call],
    left_of: Callable[[tuple[T, ...], Response], tuple[T, ...]],
) -> Conversation[_Left[T]]:
    """Sends one part of a batch, and again what the answers leave undone."""
    idle = 0
    while entries:
        try:
            response: Response = yield call_of(entries)
        except DynamormError as error:
            return _Left(entries, error)
        left = left_of(entries, response)
        count.add(len(entries) - len(left))
        idle = idle + 1 if len(left) == len(entries) else 0
        entries = left
        if entries and idle >= pace.attempts:
            break
        if entries:
            yield Pause(idle + 1)
    return _Left(entries)


def _unwritten(writes: tuple[_Write, ...], response: Response) -> tuple[_Write, ...]:
    refused = _refused_writes(writes, response)
    left = []
    for write in writes:
        if write.identity in refused:
            left.append(write)
        else:
            write.prepared.applied()
    return tuple(left)


def _refused_writes(writes: Sequence[_Write], response: Response) -> set[tuple[str, str]]:
    """What DynamoDB left undone, told by its keys: it may write numbers and sets in another form than it got them."""
    names = {write.table: tuple(write.prepared.call.key or write.prepared.call.request["Key"]) for write in writes}
    refused = set()
    for table, entries in (response.get("UnprocessedItems") or {}).items():
        for entry in entries:
            item = entry["PutRequest"]["Item"] if "PutRequest" in entry else entry["DeleteRequest"]["Key"]
            refused.add((table, repr(sorted((name, item[name]) for name in names[table]))))
    return refused


def _unread(calls: tuple[Call, ...], response: Response) -> tuple[Call, ...]:
    refused = {
        (table, repr(sorted(key.items())))
        for table, entry in (response.get("UnprocessedKeys") or {}).items()
        for key in entry["Keys"]
    }
    return tuple(call for call in calls if identity_of(call) in refused)


def _collect(calls: Sequence[Call], response: Response, found: dict[tuple[str, str], Item]) -> None:
    """Answers come in no order and without those that are missing, so each is told by its key."""
    names = {call.request["TableName"]: tuple(call.request["Key"]) for call in calls}
    for table, items in (response.get("Responses") or {}).items():
        for item in items:
            key = {name: item[name] for name in names[table]}
            found[table, repr(sorted(key.items()))] = item


def _write_call(writes: Sequence[_Write]) -> Call:
    tables: dict[str, list[Request]] = {}
    for write in writes:
        tables.setdefault(write.table, []).append(write.entry)
    targets = tuple(target for write in writes for target in write.prepared.call.targets)
    return Call("BatchWriteItem", {"RequestItems": tables}, targets)


def _get_call(calls: Sequence[Call]) -> Call:
    tables: dict[str, Request] = {}
    for call in calls:
        entry = tables.setdefault(call.request["TableName"], {"Keys": []})
        entry["Keys"].append(call.request["Key"])
        if call.request.get("ConsistentRead"):
            entry["ConsistentRead"] = True
    return Call("BatchGetItem", {"RequestItems": tables}, tuple(target for call in calls for target in call.targets))


def _unprocessed(remaining: list[Any], total: int, error: DynamormError | None, verb: str) -> UnprocessedItems:
    failed = UnprocessedItems(
        f"{len(remaining)} of {total} could not be carried out{f': {error.message}' if error else ''}; "
        "they are listed in `remaining`, the others are done",
        remaining=remaining,
        operation=verb,
    )
    failed.__cause__ = error
    return failed


def _not_for_batches(write: _Write) -> InvalidOperation:
    plan = write.member.plan
    return InvalidOperation(
        f"{plan.verb}() carries a condition or is no whole write, and a batch takes plain put() and delete() only: "
        "use transact_write()",
        model=plan.schema.model,
        operation="batch_write",
    )
