"""The one retry policy: what is sent again, when, and what is said when nobody knows whether a write was applied.

A failure is *certain* when the request was not applied: DynamoDB refused it, or it never left. It is *ambiguous* when
the request had been sent: the answer was lost or damaged, or the service reported an internal error. After a certain
failure everything may be sent again that another attempt can help. After an ambiguous one, `Call.repetition` decides.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.RetryAndBackoff
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from dynamorm_py.core.errors import (
    ConditionFailed,
    DynamormError,
    InvalidOperation,
    ServiceError,
    Throttled,
    TransactionCanceled,
    TransactionConflict,
    TransportError,
    WriteOutcomeUnknown,
)
from dynamorm_py.core.records import Record
from dynamorm_py.core.wire import Call, Repetition, Response
from dynamorm_py.middleware import Send
from dynamorm_py.middleware.deadlines import remaining

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
_PASSING_REASONS = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})

# The service is still at work on an earlier attempt that carried the same token.
_PASSING_CODES = frozenset({"TransactionInProgressException"})


class Retry(Record):
    """How often a request is sent, and how long is waited in between.

    `attempts` counts the first one too. The wait before attempt n + 1 is drawn evenly from 0 to `base * 2 ** (n - 1)`
    seconds, at most `cap` seconds ("full jitter": clients that failed together do not come back together).
    """

    attempts: int = 4
    base: float = 0.05
    cap: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InvalidOperation("a request is sent at least once: Retry(attempts=1) means no repetition")
        if self.base < 0 or self.cap < 0:
            raise InvalidOperation("waits are numbers of seconds, 0 or more")

    def wait(self, attempt: int, share: float) -> float:
        """The seconds to wait after the given attempt, 1 being the first; `share` is the draw, from 0 to 1."""
        # The exponent ends where every cap is reached: 2 ** 1024 is no float.
        return share * min(self.cap, self.base * 2.0 ** min(attempt - 1, 64))


async def sleep(seconds: float) -> None:
    """Waits on the running event loop, whichever it is, and not beyond the deadline: what is sent then is refused."""
    left = remaining()
    if left is not None:
        seconds = max(0.0, min(seconds, left))
    # anyio takes as long to import as everything else of ours, and most processes send their first requests without
    # ever having to wait: so it is imported by the first wait.
    import anyio  # noqa: PLC0415

    await anyio.sleep(seconds)


class Retries:
    """The middleware that carries a `Retry` out. `draw` and `sleep` are its randomness and its clock."""

    def __init__(
        self,
        policy: Retry,
        *,
        draw: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = sleep,
    ) -> None:
        self._policy = policy
        self._draw = draw
        self._sleep = sleep

    async def __call__(self, call: Call, send: Send, /) -> Response:
        in_doubt = False
        attempt, throttles = 1, 0
        while True:
            try:
                response = await send(call)
                return response if attempt == 1 else _counted(response, attempt, throttles)
            except DynamormError as error:
                throttles += isinstance(error, Throttled)
                error.attempts, error.throttles = attempt, throttles
                in_doubt = in_doubt or error.ambiguous
                wait = self._wait_for_another(error, call)
                if wait is None:
                    outcome = _outcome(error, call, in_doubt)
                    raise outcome from (error.__cause__ if outcome is error else error)
            await self._sleep(wait)
            attempt += 1

    def _wait_for_another(self, error: DynamormError, call: Call) -> float | None:
        """The seconds to wait before the call is sent again; None where it is not, also for want of time."""
        if error.attempts >= self._policy.attempts or not _may_repeat(error, call):
            return None
        wait = self._policy.wait(error.attempts, self._draw())
        left = remaining()
        return wait if left is None or wait < left else None

    async def back_off(self, attempt: int) -> None:
        """Waits as long as the policy asks for after the given attempt, 1 being the first."""
        await self._sleep(self._policy.wait(attempt, self._draw()))


def _may_repeat(error: DynamormError, call: Call) -> bool:
    if error.ambiguous:
        return call.repetition is not Repetition.HARMFUL or call.reads
    if isinstance(error, TransactionCanceled):
        return bool(error.reasons) and all(reason.code in _PASSING_REASONS for reason in error.reasons)
    if isinstance(error, ServiceError) and error.code in _PASSING_CODES:
        return True
    return isinstance(error, Throttled | TransactionConflict | TransportError)


def _outcome(error: DynamormError, call: Call, in_doubt: bool) -> DynamormError:
    """What is raised in the end. A write that may have been applied is never reported as failed."""
    if not in_doubt or call.reads:
        return error
    # An internal error is nobody's judgement, whatever its code.
    judged = not error.ambiguous
    if judged and isinstance(error, ConditionFailed):
        # The operation knows what it would have written, and settles it by the item that came back.
        error.after_ambiguity = True
        return error
    if judged and isinstance(error, TransactionCanceled):
        # It was sent again under the same token, so an earlier attempt that succeeded would have been acknowledged.
        return error
    unknown = WriteOutcomeUnknown(
        f"the write may or may not have been applied, read the item to learn it: {error.message}"
    )
    unknown.attempts, unknown.throttles = error.attempts, error.throttles
    return unknown


def _counted(response: Response, attempt: int, throttles: int) -> Response:
    # The first one where botocore itself would put it.
    counts = {"RetryAttempts": attempt - 1, "ThrottledAttempts": throttles}
    return {**response, "ResponseMetadata": {**response.get("ResponseMetadata", {}), **counts}}
