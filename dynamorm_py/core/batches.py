"""Batches: many reads or many unconditional writes in few requests. A batch is no transaction: each item is on its own.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
DynamoDB may leave part of a batch undone, and says which: `UnprocessedKeys` for reads, `UnprocessedItems` for writes.
What is left is sent again after a pause, until it is done or the attempts are used up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

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
from dynamorm_py.core.wire import AttributeValue, Call, Conversation, Item, Pause, Request, Response, Scope, Together

T = TypeVar("T")

MAX_KEYS = 100
MAX_WRITES = 25
# DynamoDB takes 16 MB a request. Smaller ones are answered sooner, share the work among more requests at once, and keep
# aiohttp from warning of a body that would hold up the event loop. They are measured by the bounds of their items'
# sizes, which are nearer to what travels: of lists and numbers, JSON makes several times the bytes that DynamoDB has.
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


class _Asked(NamedTuple):
    """A key that is read."""

    identity: Identity
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
    """Reads by key, 100 a request; the answers stand in the order of the keys, of which each is given by its fields'
    `values`, and as the caller gave it. `read` is what every read is but for its key, and `decode` makes the results of
    items."""

    read: GetItem[T]
    values: tuple[Mapping[str, AttributeValue], ...]
    given: tuple[object, ...]
    decode: Callable[[Sequence[Item]], list[T]]
    pace: Pace = Pace()
    verb: str = "batch_get"

    def first_call(self, scope: Scope) -> Call:
        table, wanted = self._wanted(scope)
        asked = _each_once(wanted)
        if not asked:
            raise InvalidOperation("an empty batch sends nothing", operation=self.verb)
        return self._call(table, asked[:MAX_KEYS])

    def converse(self, scope: Scope) -> Conversation[list[T]]:
        table, wanted = self._wanted(scope)
        asked = _each_once(wanted)
        count = _Count(len(asked), self.pace.progress)
        found: dict[Identity, Item] = {}
        names = self.read.schema.key.names

        def call_of(part: tuple[_Asked, ...]) -> Call:
            return self._call(table, part)

        def left_of(part: tuple[_Asked, ...], response: Response) -> tuple[_Asked, ...]:
            # Answers come in no order and without those that are missing, so each is told by its key.
            for item in (response.get("Responses") or {}).get(table, ()):
                found[_identity_in(table, names, item)] = item
            return _unread(part, response, names)

        parts = [tuple(asked[start : start + MAX_KEYS]) for start in range(0, len(asked), MAX_KEYS)]
        left = yield from _all_parts([_work_off(part, self.pace, count, call_of, left_of) for part in parts], self.pace)
        for each in left:
            if each.error is not None:
                raise each.error.about(operation=self.verb)
        missing = {entry.identity for each in left for entry in each.entries}
        if missing:
            remaining = [given for given, entry in zip(self.given, wanted, strict=True) if entry.identity in missing]
            raise _unprocessed(remaining, len(self.given), None, self.verb)
        return self._results([(found.get(entry.identity), entry.key) for entry in wanted], scope)

    def _wanted(self, scope: Scope) -> tuple[str, list[_Asked]]:
        """The table, and what is asked of it, in its order."""
        if not self.values:
            return "", []
        table, keys = self.read.locate_all(self.values, scope)
        return table, [_Asked(identity(table, key), key) for key in keys]

    def _call(self, table: str, part: Sequence[_Asked]) -> Call:
        entry: Request = {"Keys": [each.key for each in part]}
        if self.read.consistent:
            entry["ConsistentRead"] = True
        targets = tuple([target for each in part for target in target_of(self.read.schema, table, each.key)])
        return Call("BatchGetItem", {"RequestItems": {table: entry}}, targets)

    def _results(self, answers: Sequence[tuple[Item | None, Item]], scope: Scope) -> list[T]:
        read = self.read
        shown = [item if item is not None and read.shows(item, scope) else None for item, _ in answers]
        decoded = iter(self.decode([item for item in shown if item is not None]))
        return [
            read.missing(key) if item is None else next(decoded) for item, (_, key) in zip(shown, answers, strict=True)
        ]


def _each_once(wanted: Sequence[_Asked]) -> list[_Asked]:
    return list({entry.identity: entry for entry in wanted}.values())


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


def _unread(asked: tuple[_Asked, ...], response: Response, names: tuple[str, ...]) -> tuple[_Asked, ...]:
    unprocessed = response.get("UnprocessedKeys")
    if not unprocessed:
        return ()
    refused = {_identity_in(table, names, key) for table, entry in unprocessed.items() for key in entry["Keys"]}
    return tuple(entry for entry in asked if entry.identity in refused)


def _identity_in(table: str, names: tuple[str, ...], item: Item) -> Identity:
    return identity(table, {name: item[name] for name in names})


def _write_call(writes: Sequence[_Write]) -> Call:
    tables: dict[str, list[Request]] = {}
    for write in writes:
        tables.setdefault(write.table, []).append(write.entry)
    targets = tuple([target for write in writes for target in write.prepared.call.targets])
    return Call("BatchWriteItem", {"RequestItems": tables}, targets)


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
