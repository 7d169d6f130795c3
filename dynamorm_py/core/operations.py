"""The operations on one item: what each sends, and what its answer means.

An operation is a frozen value. `prepare(scope)` compiles it to a `Prepared`: one `Call`, what becomes of the response,
and what a failed condition means to this operation. `converse(scope)` is that as a conversation; batches and
transactions embed the same `Prepared`.

API reference: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, cast

from dynamorm_py.core.errors import (
    CancellationReason,
    ConditionFailed,
    DynamormError,
    ItemNotFound,
    NotUnique,
    TransactionCanceled,
    WriteOutcomeUnknown,
)
from dynamorm_py.core.records import Record, replace
from dynamorm_py.core.schema import Schema, Unique
from dynamorm_py.core.tenancy import enter_table, with_tenant
from dynamorm_py.core.values import decode_item
from dynamorm_py.core.wire import (
    AttributeValue,
    Call,
    Conversation,
    Item,
    Repetition,
    Request,
    Response,
    Scope,
    Target,
)

if TYPE_CHECKING:
    from dynamorm_py.core.expressions import AttributePath

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Prepared(Record, Generic[T]):
    """One request, and what its answer means. `refused` turns a failed condition into this operation's own error;
    `settled` says whether the item that failed the condition is what this very request had written.

    `companions` are written in the same transaction: the sentinels of unique constraints. `once` asks for a transaction
    without any, for its token. A transaction returns no items: where the result is one, `reread` is sent after it, and
    as a member of somebody's transaction the operation has no result, which `unseen` is told.
    """

    call: Call
    result: Callable[[Response], T]
    refused: Callable[[ConditionFailed], DynamormError]
    settled: Callable[[Item | None], bool]
    companions: tuple[tuple[Unique, Call], ...] = ()
    once: bool = False
    reread: Call | None = None
    unseen: Callable[[], None] | None = None

    def applied(self) -> None:
        """Tells the caller's objects that the write, sent along with others, was acknowledged."""
        if self.reread is None:
            self.result({})
        elif self.unseen is not None:
            self.unseen()

    @property
    def calls(self) -> tuple[Call, ...]:
        return (self.call, *(call for _, call in self.companions))

    def failure(self, reasons: Sequence[CancellationReason]) -> DynamormError | None:
        """What the operation alone would have raised, from the reasons of its own calls in a cancelled transaction.
        None where that cannot be told."""
        if len(reasons) != len(self.calls):
            return None
        own, *others = reasons
        if own.code == CONDITION_FAILED:
            error = ConditionFailed(own.message or "", code=own.code)
            error.item = own.item
            return self.refused(error)
        for (unique, _), reason in zip(self.companions, others, strict=True):
            if reason.code == CONDITION_FAILED:
                fields = ", ".join(unique.fields)
                failed = NotUnique(f"another item has this value of {fields}, which has to be unique", code=reason.code)
                failed.fields = unique.fields
                return failed
        return None


class Operation(Protocol[T_co]):
    """Whatever can be run: a conversation, of one request or of many."""

    def converse(self, scope: Scope) -> Conversation[T_co]: ...

    def first_call(self, scope: Scope) -> Call: ...


if TYPE_CHECKING:
    # A Protocol takes longer to make than a record, and nothing but type checkers asks for this one.
    class HasPlan(Protocol[T_co]):
        """An operation, as every verb of a model returns one."""

        def plan_in(self, scope: Scope) -> Operation[T_co]:
            """What is to be run, if it may be run in that scope."""
            ...


class SingleItem(Generic[T]):
    """What the operations on one item share."""

    __slots__ = ()

    schema: Schema
    verb: str

    def prepare(self, scope: Scope) -> Prepared[T]:
        """Compiles the operation; every error names the model and the verb."""
        try:
            return self.under(scope)._prepare(scope)
        except DynamormError as error:
            raise error.about(self.schema.model, self.verb) from error.__cause__

    def under(self, scope: Scope) -> Self:
        """The operation as it is in the scope."""
        return self

    def _prepare(self, scope: Scope) -> Prepared[T]:
        raise NotImplementedError

    def first_call(self, scope: Scope) -> Call:
        return self.prepare(scope).call

    def converse(self, scope: Scope) -> Conversation[T]:
        prepared = self.prepare(scope)
        alone = not prepared.companions and not prepared.once
        call = prepared.call if alone else transaction(prepared.calls, scope.token())
        try:
            response = yield call
        except ConditionFailed as error:
            if not error.after_ambiguity:
                raise prepared.refused(error) from error.__cause__
            if not prepared.settled(error.item):
                raise self._unknown(prepared, error) from error.__cause__
            response = {"Attributes": error.item or {}}
        except TransactionCanceled as error:
            failure = prepared.failure(error.reasons) or error
            raise self._about(failure, prepared) from error.__cause__
        except DynamormError as error:
            raise self._about(self._explained(error), prepared) from error.__cause__
        if prepared.reread is not None and not alone:
            response = {"Attributes": (yield from self._read_back(prepared, prepared.reread))}
        try:
            return prepared.result(response)
        except DynamormError as error:
            raise self._about(error, prepared) from error.__cause__

    def _read_back(self, prepared: Prepared[T], call: Call) -> Conversation[Item]:
        """The item after a transaction that was applied; an error must not pass for a failure of the write."""
        try:
            item: Item | None = (yield call).get("Item")
        except DynamormError as error:
            error.message = f"the write was applied, but the item could not be read back: {error.message}"
            raise self._about(error, prepared) from error.__cause__
        if item is None:
            gone = ItemNotFound("the write was applied, and the item was deleted before it could be read back")
            raise self._about(gone, prepared)
        return item

    def _explained(self, error: DynamormError) -> DynamormError:
        """The error, in the terms of the operation where DynamoDB's own do not tell enough."""
        return error

    def _about(self, error: DynamormError, prepared: Prepared[T]) -> DynamormError:
        return error.about(self.schema.model, self.verb, key_of_call(self.schema, prepared.call))

    def _unknown(self, prepared: Prepared[T], error: ConditionFailed) -> WriteOutcomeUnknown:
        return WriteOutcomeUnknown(
            "the answer to a first attempt was lost, and the item that is there now does not tell whether that "
            "attempt was applied",
            model=self.schema.model,
            operation=self.verb,
            key=key_of_call(self.schema, prepared.call),
        )


class ByKey(SingleItem[T]):
    """An operation whose item is named by its key."""

    __slots__ = ()

    key: Mapping[str, AttributeValue]

    def under(self, scope: Scope) -> Self:
        """The operation with the scope's tenant in its key."""
        key = with_tenant(self.schema, scope, self.key)
        # dataclasses.replace() is typed for dataclasses, which the subclasses are.
        return self if key is self.key else cast(Self, replace(cast(Any, self), key=key))


CONDITION_FAILED = "ConditionalCheckFailed"
_MEMBERS = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete", "ConditionCheck": "ConditionCheck"}


def transaction(calls: Sequence[Call], token: str | None) -> Call:
    """The calls as one TransactWriteItems request. With a token it can be sent again: DynamoDB applies it once.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    members = []
    for call in calls:
        entry = dict(call.request)
        entry.pop("ReturnValues", None)
        members.append({_MEMBERS[call.operation]: entry})
    request: Request = {"TransactItems": members}
    if token is not None:
        request["ClientRequestToken"] = token
    targets = tuple(target for call in calls for target in call.targets)
    return Call("TransactWriteItems", request, targets, Repetition.HARMFUL if token is None else Repetition.HARMLESS)


def key_of_call(schema: Schema, call: Call) -> Mapping[str, object]:
    """The key that a request names, in plain data, for error messages."""
    item = call.request.get("Key") or call.request.get("Item") or {}
    return decode_item({name: item[name] for name in schema.key.names if name in item})


def target_of(schema: Schema, table: str, key: Item) -> tuple[Target, ...]:
    return (Target(table, None, key[schema.key.partition[0].name]),)


def never_refused(error: ConditionFailed) -> DynamormError:
    return error


def never_settled(item: Item | None) -> bool:
    return False


class GetItem(Record, SingleItem[T]):
    """Reads one item. `decode` makes the result from the stored item; `missing` the one for an absent item."""

    schema: Schema
    key: Mapping[str, AttributeValue]
    decode: Callable[[Item], T]
    missing: Callable[[Item], T]
    verb: str = "get"
    consistent: bool = False
    projection: tuple[AttributePath, ...] = ()
    include_expired: bool = False

    def locate(self, scope: Scope) -> tuple[str, Item]:
        """Where the item is: its table, and its key there. Every error names the model and the verb."""
        table, keys = self.locate_all((self.key,), scope)
        return table, keys[0]

    def locate_all(self, keys: Iterable[Mapping[str, AttributeValue]], scope: Scope) -> tuple[str, list[Item]]:
        """As `locate`, for many keys."""
        schema = self.schema
        try:
            table = enter_table(schema, scope)
            # No more of a read depends on the tenant, so there is no need to be a ByKey and make another one under it.
            return table, [schema.key_from(with_tenant(schema, scope, key)) for key in keys]
        except DynamormError as error:
            raise error.about(schema.model, self.verb) from error.__cause__

    def answer(self, item: Item | None, key: Item, scope: Scope) -> T:
        """What the read gives back for what was found at the key."""
        return self.missing(key) if item is None or not self.shows(item, scope) else self.decode(item)

    def shows(self, item: Item, scope: Scope) -> bool:
        """Whether what was found is one of the model's items, and not past its time."""
        return self.schema.reads(item, scope.now, expired=self.include_expired)

    def _prepare(self, scope: Scope) -> Prepared[T]:
        table, key = self.locate(scope)
        request: Request = {"TableName": table, "Key": key}
        if self.consistent:
            request["ConsistentRead"] = True
        if self.projection:
            self.schema.check_paths(self.projection)
            _project(self.projection, request)

        def result(response: Response) -> T:
            return self.answer(response.get("Item"), key, scope)

        call = Call("GetItem", request, target_of(self.schema, table, key))
        return Prepared(call, result, never_refused, never_settled)


def _project(paths: tuple[AttributePath, ...], request: Request) -> None:
    # The language of expressions is loaded by what is written in it; a first read of a whole item is not.
    from dynamorm_py.core.expressions import compile_projection  # noqa: PLC0415
    from dynamorm_py.core.placeholders import Placeholders  # noqa: PLC0415

    placeholders = Placeholders()
    request["ProjectionExpression"] = compile_projection(paths, placeholders)
    placeholders.write_into(request)


def not_found(schema: Schema, verb: str) -> Callable[[Item], Any]:
    """The `missing` of an operation that needs the item to be there."""

    def missing(key: Item) -> Any:  # never returns, so it fits every result type
        raise ItemNotFound("no item has this key", model=schema.model, operation=verb, key=decode_item(key))

    return missing
