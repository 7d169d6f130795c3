"""What a call was and how it went, for metrics and logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from dynamorm_py.core.records import Record, replace
from dynamorm_py.core.wire import Call, Response, Target
from dynamorm_py.middleware import Send

_logger = logging.getLogger(__name__)


class CallRecord(Record):
    """One finished call: with its repetitions it is one record.

    `attempts` is how often it was sent, None where it was cancelled. `milliseconds` include the waits in between.
    `consumed` are capacity units, None where the request did not ask for them. `error` is what the caller got.
    `throttles` is how many of the attempts were refused for their rate.
    """

    operation: str
    targets: tuple[Target, ...]
    attempts: int | None
    milliseconds: float
    consumed: float | None = None
    error: BaseException | None = None
    throttles: int = 0


OnCall: TypeAlias = Callable[[CallRecord], None]


class _Observers(Record):
    """Who is told of the calls of a context, and whether one of them asks what the calls consumed."""

    callbacks: tuple[OnCall, ...] = ()
    capacity: bool = False


_NOBODY = _Observers()
_observers: ContextVar[_Observers] = ContextVar("dynamorm_py.observers", default=_NOBODY)


@contextmanager
def observing(on_call: OnCall, *, capacity: bool = False) -> Iterator[None]:
    """Tells `on_call` of every call that is made in the block, on whichever client, and in tasks that it starts.

    With `capacity`, reads and writes of items ask DynamoDB for what they consume, so that `consumed` is known.
    """
    outer = _observers.get()
    token = _observers.set(_Observers((*outer.callbacks, on_call), capacity or outer.capacity))
    try:
        yield
    finally:
        _observers.reset(token)


class Telemetry:
    """The middleware that tells `on_call`, and the context's observers, of every call; `clock` counts seconds and never
    goes back."""

    def __init__(self, on_call: OnCall | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._own = () if on_call is None else (on_call,)
        self._clock = clock

    def __call__(self, call: Call, send: Send, /) -> Awaitable[Response]:
        observers = _observers.get()
        callbacks = self._own + observers.callbacks
        if not callbacks:
            return send(call)
        return self._told(asking_for_capacity(call) if observers.capacity else call, send, callbacks)

    async def _told(self, call: Call, send: Send, callbacks: tuple[OnCall, ...]) -> Response:
        started = self._clock()
        try:
            response = await send(call)
        except BaseException as error:
            attempts, throttles = getattr(error, "attempts", None), getattr(error, "throttles", 0)
            record = CallRecord(
                call.operation, call.targets, attempts, self._since(started), error=error, throttles=throttles
            )
            _tell(callbacks, record)
            raise
        metadata = response.get("ResponseMetadata", {})
        attempts, throttles = metadata.get("RetryAttempts", 0) + 1, metadata.get("ThrottledAttempts", 0)
        consumed = units_of(response)
        record = CallRecord(call.operation, call.targets, attempts, self._since(started), consumed, None, throttles)
        _tell(callbacks, record)
        return response

    def _since(self, started: float) -> float:
        return (self._clock() - started) * 1000


def _tell(callbacks: tuple[OnCall, ...], record: CallRecord) -> None:
    for on_call in callbacks:
        try:
            on_call(record)
        except Exception:  # a metric must not make an acknowledged write look failed
            _logger.exception("on_call failed for %s", record.operation)


# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ConsumedCapacity.html
_CONSUMING = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    }
)


def asking_for_capacity(call: Call) -> Call:
    """The call, told to tell what it consumes where it is one that consumes anything."""
    if call.operation not in _CONSUMING or "ReturnConsumedCapacity" in call.request:
        return call
    return replace(call, request={**call.request, "ReturnConsumedCapacity": "TOTAL"})


def units_of(response: Response) -> float | None:
    """The capacity units that an answer says were consumed, None where it does not say."""
    # One table's, or a list of them from batches and transactions.
    consumed = response.get("ConsumedCapacity")
    if not consumed:
        return None
    tables = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(table.get("CapacityUnits", 0.0)) for table in tables)
