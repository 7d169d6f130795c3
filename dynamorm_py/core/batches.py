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
from dynamorm_py.core.operations import GetItem, Prepared, target_of
from dynamorm_py.core.records import Record
from dynamorm_py.core.transactions import Identity, Member, identity, identity_of
from dynamorm_py.core.wire import Call, Conversation, Item, Pause, Request, Response, Scope, Target, Together

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
    identity: Identity

    @property
    def table(self) -> str:
        return str(self.prepared.call.request["TableName"])

    @property
    def entry(self) -> Request:
        request = self.prepared.call.request
        if "Item" in request:
            return {"PutRequest": {"Item": request["Item"]}}
        return {"DeleteRequest": {"Key": request["Key"]}}


class _Read(Record):
    """A read, and where it reads: of what a request alone would need, nothing is made for the hundreds of a batch."""

    identity: Identity
    member: GetItem[Any]
    table: str
    key: Item


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
        writes: dict[Identity, _Write] = {}
        for member in self.members:
            prepared = member.plan.prepare(scope)
            call = prepared.call
            whole = call.operation in ("PutItem", "DeleteItem")
            if not whole or "ConditionExpression" in call.request or prepared.companions:
                raise _not_for_batches(member)
            item = identity_of(call)
            if item in writes:
                raise InvalidOperation("two operations concern the same item: a batch takes one", operation=self.verb)
            writes[item] = _Write(member, prepared, item)
        return list(writes.values())


class BatchGet(Record, Generic[T]):
    """Reads by key, 100 a request; the answers stand in the order of the reads. `keys` are what the caller gave."""

    members: tuple[GetItem[T], ...]
    keys: tuple[object, ...]
    pace: Pace = Pace()
    verb: str = "batch_get"

    def first_call(self, scope: Scope) -> Call:
        reads = _each_once(self._reads(scope))
        if not reads:
            raise InvalidOperation("an empty batch sends nothing", operation=self.verb)
        return _get_call(reads[:MAX_KEYS])

    def converse(self, scope: Scope) -> Conversation[list[T]]:
        wanted = self._reads(scope)
        reads = _each_once(wanted)
        count = _Count(len(reads), self.pace.progress)
        found: dict[Identity, Item] = {}
        parts = [tuple(reads[start : start + MAX_KEYS]) for start in range(0, len(reads), MAX_KEYS)]

        def left_of(asked: tuple[_Read, ...], response: Response) -> tuple[_Read, ...]:
            _collect(asked, response, found)
            return _unread(asked, response)

        left = yield from _all_parts(
            [_work_off(part, self.pace, count, _get_call, left_of) for part in parts], self.pace
        )
        for part in left:
            if part.error is not None:
                raise part.error.about(operation=self.verb)
        missing = {read.identity for part in left for read in part.entries}
        if missing:
            remaining = [key for key, read in zip(self.keys, wanted, strict=True) if read.identity in missing]
            raise _unprocessed(remaining, len(self.keys), None, self.verb)
        return [read.member.answer(found.get(read.identity), read.key, scope) for read in wanted]

    def _reads(self, scope: Scope) -> list[_Read]:
        """What is asked for, in its order."""
        return [_read(member, scope) for member in self.members]


def _read(member: GetItem[Any], scope: Scope) -> _Read:
    table, key = member.locate(scope)
    return _Read(identity(table, key), member, table, key)


def _each_once(reads: Sequence[_Read]) -> list[_Read]:
    return list({read.identity: read for read in reads}.values())


def _portions(writes: Sequence[_Write]) -> list[tuple[_Write, ...]]:
    """The writes in their order, as many to a request as it takes; an item that is larger than that goes alone."""
    portions: list[list[_Write]] = []
    room = 0
    for write in writes:
        size = write.prepared.call.size
        if not portions or size > room or len(portions[-1]) == MAX_WRITES:
            portions.append([])
            room = MAX_BYTES
        portions[-1].append(write)
        room -= size
    return [tuple(portion) for portion in portions]


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


def _refused_writes(writes: Sequence[_Write], response: Response) -> set[Identity]:
    """What DynamoDB left undone, told by its keys: it may write numbers and sets in another form than it got them."""
    unprocessed = response.get("UnprocessedItems")
    if not unprocessed:
        return set()
    names = {write.table: tuple(write.prepared.call.key or write.prepared.call.request["Key"]) for write in writes}
    refused = set()
    for table, entries in unprocessed.items():
        for entry in entries:
            item = entry["PutRequest"]["Item"] if "PutRequest" in entry else entry["DeleteRequest"]["Key"]
            refused.add(_identity_in(table, names[table], item))
    return refused


def _unread(reads: tuple[_Read, ...], response: Response) -> tuple[_Read, ...]:
    unprocessed = response.get("UnprocessedKeys")
    if not unprocessed:
        return ()
    names = _key_names(reads)
    refused = {_identity_in(table, names[table], key) for table, entry in unprocessed.items() for key in entry["Keys"]}
    return tuple(read for read in reads if read.identity in refused)


def _collect(reads: Sequence[_Read], response: Response, found: dict[Identity, Item]) -> None:
    """Answers come in no order and without those that are missing, so each is told by its key."""
    names = _key_names(reads)
    for table, items in (response.get("Responses") or {}).items():
        for item in items:
            found[_identity_in(table, names[table], item)] = item


def _key_names(reads: Sequence[_Read]) -> dict[str, tuple[str, ...]]:
    """The key attributes of each table, in the order in which its requests have them."""
    return {read.table: read.member.schema.key.names for read in reads}


def _identity_in(table: str, names: tuple[str, ...], item: Item) -> Identity:
    return identity(table, {name: item[name] for name in names})


def _write_call(writes: Sequence[_Write]) -> Call:
    tables: dict[str, list[Request]] = {}
    for write in writes:
        tables.setdefault(write.table, []).append(write.entry)
    targets = tuple([target for write in writes for target in write.prepared.call.targets])
    return Call("BatchWriteItem", {"RequestItems": tables}, targets)


def _get_call(reads: Sequence[_Read]) -> Call:
    tables: dict[str, Request] = {}
    targets: list[Target] = []
    for read in reads:
        entry = tables.get(read.table)
        if entry is None:
            entry = tables[read.table] = {"Keys": []}
        entry["Keys"].append(read.key)
        if read.member.consistent:
            entry["ConsistentRead"] = True
        targets += target_of(read.member.schema, read.table, read.key)
    return Call("BatchGetItem", {"RequestItems": tables}, tuple(targets))


def _unprocessed(remaining: list[Any], total: int, error: DynamormError | None, verb: str) -> UnprocessedItems:
    failed = UnprocessedItems(
        f"{len(remaining)} of {total} could not be carried out{f': {error.message}' if error else ''}; "
        "they are listed in `remaining`, the others are done",
        remaining=remaining,
        operation=verb,
    )
    failed.__cause__ = error
    return failed


def _not_for_batches(member: Member) -> InvalidOperation:
    plan = member.plan
    return InvalidOperation(
        f"{plan.verb}() carries a condition or is no whole write, and a batch takes plain put() and delete() only: "
        "use transact_write()",
        model=plan.schema.model,
        operation="batch_write",
    )
