"""Transactions: several operations, of one or more models and tables, that succeed or fail together.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from dynamorm_py.core.errors import (
    CancellationReason,
    DynamormError,
    InvalidOperation,
    TransactionCanceled,
)
from dynamorm_py.core.operations import GetItem, Prepared, SingleItem, transaction
from dynamorm_py.core.records import Record
from dynamorm_py.core.values import item_size
from dynamorm_py.core.wire import Call, Conversation, Item, Request, Response, Scope

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-transactions
MAX_ACTIONS = 100
MAX_BYTES = 4 * 1024 * 1024
MAX_TOKEN_CHARACTERS = 36

# A table's name, and the type and value of each attribute of a key in it; an AttributeValue cannot be hashed.
Identity: TypeAlias = tuple[object, ...]


class Member(Record):
    """One operation of a transaction: its plan, and the value that the caller handed in, for errors to point at."""

    plan: SingleItem[Any]
    origin: object


class TransactWrite(Record):
    """Writes and checks that are applied together or not at all. With `token`, repeating the same transaction within
    ten minutes applies it once."""

    members: tuple[Member, ...]
    token: str | None = None
    verb: str = "transact_write"

    def first_call(self, scope: Scope) -> Call:
        prepared = [member.plan.prepare(scope) for member in self.members]
        return self._call(prepared, None if self.token is None else scope.token(self._checked()))

    def converse(self, scope: Scope) -> Conversation[None]:
        if not self.members:
            return
        prepared = [member.plan.prepare(scope) for member in self.members]
        call = self._call(prepared, scope.token(self._checked()))
        try:
            yield call
        except TransactionCanceled as error:
            # Of reasons that are not as many as the calls, nobody knows which operation they are about.
            if len(error.reasons) == sum(len(each.calls) for each in prepared):
                error.reasons = tuple(self._reasons(prepared, error.reasons))
                error.message = _summary(error.reasons)
            raise error.about(operation=self.verb) from error.__cause__
        except DynamormError as error:
            raise error.about(operation=self.verb) from error.__cause__
        for each in prepared:
            each.applied()

    def _checked(self) -> str | None:
        token = self.token
        if token is not None and not 1 <= len(token) <= MAX_TOKEN_CHARACTERS:
            raise InvalidOperation(
                f"token= has 1 to {MAX_TOKEN_CHARACTERS} characters, not {len(token)}", operation=self.verb
            )
        return token

    def _call(self, prepared: Sequence[Prepared[Any]], token: str | None) -> Call:
        calls = [call for each in prepared for call in each.calls]
        check_members(calls, self.verb)
        return transaction(calls, token)

    def _reasons(
        self, prepared: Sequence[Prepared[Any]], reasons: Sequence[CancellationReason]
    ) -> list[CancellationReason]:
        """One reason for each operation, where an operation with unique constraints made several actions."""
        result = []
        position = 0
        for member, each in zip(self.members, prepared, strict=True):
            own = reasons[position : position + len(each.calls)]
            position += len(each.calls)
            first = next((reason for reason in own if reason.code != "None"), own[0])
            failure = each.failure(own)
            item = getattr(failure, "item", first.item)
            result.append(CancellationReason(first.code, first.message, item, member.origin, failure))
        return result


class TransactGet(Record):
    """Reads of several items as they were at one moment; the answers stand in the order of the reads."""

    members: tuple[GetItem[Any], ...]
    verb: str = "transact_get"

    def first_call(self, scope: Scope) -> Call:
        return self._call([member.prepare(scope) for member in self.members])[0]

    def converse(self, scope: Scope) -> Conversation[tuple[Any, ...]]:
        if not self.members:
            return ()
        prepared = [member.prepare(scope) for member in self.members]
        call, positions = self._call(prepared)
        try:
            response: Response = yield call
        except DynamormError as error:
            raise error.about(operation=self.verb) from error.__cause__
        answers = response["Responses"]
        return tuple(each.result(answers[position]) for each, position in zip(prepared, positions, strict=True))

    def _call(self, prepared: Sequence[Prepared[Any]]) -> tuple[Call, list[int]]:
        """The request, and where in it each read stands: DynamoDB takes an item once, however often it is asked for."""
        requests: list[Request] = []
        positions: list[int] = []
        for each in prepared:
            request = {name: value for name, value in each.call.request.items() if name != "ConsistentRead"}
            if request not in requests:
                requests.append(request)
            positions.append(requests.index(request))
        if len(requests) > MAX_ACTIONS:
            raise _too_many(len(requests), self.verb)
        targets = tuple(target for each in prepared for target in each.call.targets)
        return Call(
            "TransactGetItems", {"TransactItems": [{"Get": request} for request in requests]}, targets
        ), positions


def check_members(calls: Sequence[Call], verb: str) -> None:
    """Refuses what DynamoDB would: too many actions, too many bytes, two actions on one item."""
    if len(calls) > MAX_ACTIONS:
        raise _too_many(len(calls), verb)
    size = sum(call.size for call in calls)
    if size > MAX_BYTES and (size := sum(item_size(call.request.get("Item", {})) for call in calls)) > MAX_BYTES:
        raise InvalidOperation(
            f"the items have {size} bytes, and a transaction takes {MAX_BYTES} (4 MB)", operation=verb
        )
    seen = set()
    for call in calls:
        identity = identity_of(call)
        if identity in seen:
            raise InvalidOperation("two operations concern the same item: put them into one", operation=verb)
        seen.add(identity)


def identity_of(call: Call) -> Identity:
    """Which item a call is about: its table and its key."""
    return identity(call.request["TableName"], call.key or call.request["Key"])


def identity(table: str, key: Item) -> Identity:
    """Which item of a table has this key. All keys of a table are given in one order, which is the schema's."""
    return table, *[tagged for value in key.values() for tagged in value.items()]


def _too_many(count: int, verb: str) -> InvalidOperation:
    return InvalidOperation(
        f"a transaction takes at most {MAX_ACTIONS} actions, and this one has {count}; unique constraints count too",
        operation=verb,
    )


def _summary(reasons: Sequence[CancellationReason]) -> str:
    failed = [
        f"operation {position}: {reason.error or reason.message or reason.code}"
        for position, reason in enumerate(reasons)
        if reason.code != "None"
    ]
    return "the transaction was cancelled, and nothing was written; " + "; ".join(failed)
