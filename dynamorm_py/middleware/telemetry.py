"""What a call was and how it went, for metrics and logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from dynamorm_py.core.wire import Call, Response, Target
from dynamorm_py.middleware import Send

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One finished call: with its repetitions it is one record.

    `attempts` is how often it was sent, None where it was cancelled. `milliseconds` include the waits in between.
    `consumed` are capacity units, None where the request did not ask for them. `error` is what the caller got.
    """

    operation: str
    targets: tuple[Target, ...]
    attempts: int | None
    milliseconds: float
    consumed: float | None = None
    error: BaseException | None = None


class Telemetry:
    """The middleware that tells `on_call` of every call; `clock` counts seconds and never goes back."""

    def __init__(self, on_call: Callable[[CallRecord], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._on_call = on_call
        self._clock = clock

    async def __call__(self, call: Call, send: Send, /) -> Response:
        started = self._clock()
        try:
            response = await send(call)
        except BaseException as error:
            self._tell(call, started, getattr(error, "attempts", None), error=error)
            raise
        repeated = response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        self._tell(call, started, repeated + 1, consumed=_units(response))
        return response

    def _tell(
        self,
        call: Call,
        started: float,
        attempts: int | None,
        consumed: float | None = None,
        error: BaseException | None = None,
    ) -> None:
        milliseconds = (self._clock() - started) * 1000
        try:
            self._on_call(CallRecord(call.operation, call.targets, attempts, milliseconds, consumed, error))
        except Exception:  # a metric must not make an acknowledged write look failed
            _logger.exception("on_call failed for %s", call.operation)


def _units(response: Response) -> float | None:
    # One table's, or a list of them from batches and transactions.
    consumed = response.get("ConsumedCapacity")
    if not consumed:
        return None
    tables = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(table.get("CapacityUnits", 0.0)) for table in tables)
