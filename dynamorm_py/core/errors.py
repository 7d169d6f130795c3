"""Every error that this library raises, in one tree::

    DynamormError
    ├── InvalidModel            (TypeError)    a model class that cannot be mapped
    ├── InvalidOperation        (ValueError)   a request that DynamoDB would refuse, or that makes no sense
    │   ├── InvalidValue                       a value that cannot be stored or compared
    │   ├── InvalidKey                         a key that is missing a part, empty, too long or of another type
    │   ├── IncompleteIndexKey                 an update that would leave an index key stale
    │   └── InvalidCursor                      a cursor of another query, or a forged one
    ├── InvalidItem             (ValueError)   a stored item that does not fit its model
    ├── FieldNotRead            (AttributeError) a partial view was asked for what it does not hold
    ├── TenantRequired          (RuntimeError) a tenant's data was asked for where no tenant is known
    ├── TenantViolation         (PermissionError) something would have crossed from one tenant to another
    │   └── ForeignCursor                      a cursor of another tenant; it is an InvalidCursor too
    ├── NoClient                (RuntimeError) an operation was awaited where no client is open
    ├── ClientClosed            (RuntimeError) a client was used before it was opened, or where it cannot work
    ├── ItemNotFound            (LookupError)  no item has that key
    ├── NoResultFound           (LookupError)  `one()` met no item
    ├── MultipleResultsFound    (LookupError)  `one()` met more than one
    ├── RequestLimitReached                    `max_requests` ended a read before it was complete
    ├── UnprocessedItems                       a batch could not be carried out to its end
    ├── DeadlineExceeded        (TimeoutError) the time given to the work ran out
    ├── TransportError                         no answer, and nothing was applied
    │   └── RequestTimeout      (TimeoutError) no answer in time
    ├── WriteOutcomeUnknown                    the answer to a write was lost: it may or may not have been applied
    └── ServiceError                           DynamoDB answered with an error
        ├── ConditionFailed                    a condition was not met; `.item` made it fail
        │   ├── ItemAlreadyExists
        │   ├── NotUnique                      another item has that value of a unique field
        │   └── VersionConflict
        ├── TransactionCanceled                `.reasons` stand in the order of the operations
        ├── TransactionConflict                another transaction holds the item
        ├── Throttled                          `.reasons` say why
        ├── AccessDenied
        ├── TableNotFound
        └── TableInUse

An error carries the model's name, the operation and the key it is about; the error of the layer below is its
`__cause__`. Messages name fields and rules, never the content of other attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from dynamorm_py.core.records import Record


class DynamormError(Exception):
    """The root. `model`, `operation` and `key` say what it is about, as far as that is known."""

    # Whether the request had been sent when it failed, so that it may have been applied: a lost or damaged answer, an
    # internal error of the service. The retries read it; what they let through is certain, or `WriteOutcomeUnknown`.
    ambiguous: bool = False
    # How often the request was sent, and how often of these it was refused for its rate.
    attempts: int = 1
    throttles: int = 0

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        operation: str | None = None,
        key: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.model = model
        self.operation = operation
        self.key = key

    def about(
        self, model: str | None = None, operation: str | None = None, key: Mapping[str, object] | None = None
    ) -> Self:
        """Fills in what the place that raised did not know; what is set already stays."""
        self.model = self.model or model
        self.operation = self.operation or operation
        self.key = self.key if self.key is not None else key
        return self

    def __str__(self) -> str:
        subject = ".".join(part for part in (self.model, self.operation) if part)
        if self.key:
            subject += "(" + ", ".join(f"{name}={value!r}" for name, value in self.key.items()) + ")"
        return f"{subject}: {self.message}" if subject else self.message


class InvalidModel(DynamormError, TypeError):
    """A model class breaks a rule; raised where the class is defined."""


class InvalidOperation(DynamormError, ValueError):
    """A request that DynamoDB would refuse, or that makes no sense; raised before anything is sent."""


class InvalidValue(InvalidOperation):
    """A value that cannot be stored or compared: NaN, 39 digits, a naive datetime, a set of mixed types."""


class InvalidKey(InvalidOperation):
    """A key that lacks a part, has one too many, or whose value is empty, too long or of another type."""


class IncompleteIndexKey(InvalidOperation):
    """An update changes a field of a composite index key while another field of that key is not known."""


class InvalidCursor(InvalidOperation):
    """A cursor that belongs to another query, or that was tampered with."""


class InvalidItem(DynamormError, ValueError):
    """A stored item that its model does not accept; pydantic's error is the `__cause__`."""


class FieldNotRead(DynamormError, AttributeError):
    """A partial view was asked for a field that was not read, or that the item does not have."""


class TenantRequired(DynamormError, RuntimeError):
    """A model of tenants was used where no tenant is known: use `db.for_tenant(id)`, or name the bypass."""


class TenantViolation(DynamormError, PermissionError):
    """A request, an answer, or an operation made elsewhere would have crossed from one tenant to another. The message
    names no foreign data."""


class ForeignCursor(TenantViolation, InvalidCursor):
    """A cursor that was made in another tenant's scope."""


class NoClient(DynamormError, RuntimeError):
    """An operation was awaited where no client is open: use `async with Client()`, or `db.run(operation)`."""


class ClientClosed(DynamormError, RuntimeError):
    """A client was used before it was opened, after it was closed, or in another loop, thread or process."""


class ItemNotFound(DynamormError, LookupError):
    """No item has that key."""


class NoResultFound(DynamormError, LookupError):
    """`one()` met no item."""


class MultipleResultsFound(DynamormError, LookupError):
    """`one()` met more than one item."""


class RequestLimitReached(DynamormError):
    """`max_requests` ended a read that has to be complete."""


class UnprocessedItems(DynamormError):
    """A batch could not be carried out to its end; `remaining` lists the operations (or keys) that were not."""

    def __init__(self, message: str, *, remaining: Sequence[Any] = (), **about: Any) -> None:
        super().__init__(message, **about)
        # Operations of any model, or keys, as they were handed in.
        self.remaining: list[Any] = list(remaining)


class DeadlineExceeded(DynamormError, TimeoutError):
    """The time given to the work ran out."""


class TransportError(DynamormError):
    """The request got no answer, and nothing was applied: it never left, or it was a read."""


class RequestTimeout(TransportError, TimeoutError):
    """The request got no answer in time."""


class WriteOutcomeUnknown(DynamormError):
    """The answer to a write was lost: read the item to learn whether it was applied."""


class ServiceError(DynamormError):
    """DynamoDB answered with an error: `code` as it names it, the HTTP `status`, and its `request_id`."""

    def __init__(
        self, message: str, *, code: str = "", status: int | None = None, request_id: str | None = None, **about: Any
    ) -> None:
        super().__init__(message, **about)
        self.code = code
        self.status = status
        self.request_id = request_id


class ConditionFailed(ServiceError):
    """A condition was not met. `item` is the item that made it fail, None where there was none."""

    # The model's instance once a model's operation has seen the error, DynamoDB's own form below that.
    item: Any = None
    # Set where an earlier attempt of the same write had lost its answer: the item may be what that attempt wrote.
    after_ambiguity: bool = False


class ItemAlreadyExists(ConditionFailed):
    """`create` met an item with the same key."""


class NotUnique(ConditionFailed):
    """Another item of the model has the value of a field that is unique; `fields` names the fields."""

    fields: tuple[str, ...] = ()


class VersionConflict(ConditionFailed):
    """The item was written by someone else since it was read."""


class CancellationReason(Record):
    """Why one operation of a cancelled transaction failed; `code` is `"None"` for one that did not."""

    code: str
    message: str | None = None
    item: Any = None  # as `ConditionFailed.item`
    operation: Any = None  # the operation that was handed in, of any model
    error: DynamormError | None = None  # what the operation alone would have raised


class TransactionCanceled(ServiceError):
    """A transaction was cancelled; `reasons` has one entry for each of its operations, in their order."""

    reasons: tuple[CancellationReason, ...] = ()


class TransactionConflict(ServiceError):
    """Another transaction is writing the item."""


class Throttled(ServiceError):
    """DynamoDB refused the request for its rate; `reasons` are the ones it gave, each with its resource."""

    reasons: tuple[Mapping[str, str], ...] = ()


class AccessDenied(ServiceError):
    """The credentials are missing, wrong, expired, or not allowed to do this."""


class TableNotFound(ServiceError):
    """The table or index does not exist."""


class TableInUse(ServiceError):
    """The table exists already, or is being created, changed or deleted."""
