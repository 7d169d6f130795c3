"""`Deadline`: the invocation ends by itself, early enough to log and to answer, before the runtime ends the process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from dynamorm_py.aws_lambda.invocation import CallNext, Invocation
from dynamorm_py.core.errors import DeadlineExceeded, DynamormError, InvalidOperation, WriteOutcomeUnknown
from dynamorm_py.middleware.deadlines import until

# The part of the reserve in which what was cancelled can end; the rest is for those who log and answer.
_GRACE = 0.25


class Deadline:
    """Middleware that ends what is inside of it `reserve` seconds before the runtime would.

    The handler is cancelled, and with it requests on their way and waits; retries for which no time is left are not
    waited for; nothing is sent afterwards. Then `DeadlineExceeded` is raised, which `errors()` answers with 504; or
    `WriteOutcomeUnknown`, where a unit of work was being committed. Without a context (in tests) there is no limit.

    What blocks the event loop cannot be cancelled: `time.sleep`, long computations.
    """

    def __init__(self, reserve: float = 0.5) -> None:
        if reserve <= 0:
            raise InvalidOperation("reserve= is a positive number of seconds: without it there is no time to answer")
        self._reserve = reserve

    async def __call__(self, ctx: Invocation[Any, Any], call_next: CallNext[Any, Any], /) -> Any:  # as `Middleware`
        remaining = ctx.remaining()
        if remaining is None:
            return await call_next(ctx)
        seconds = remaining - self._reserve
        if seconds <= 0:
            raise DeadlineExceeded(f"{remaining:.3f} s are left, which is not more than the reserve")

        async def work() -> Any:  # as `Middleware`
            return await call_next(ctx)

        with until(seconds):
            return await _within(seconds, work(), self._reserve * _GRACE)


async def _within(seconds: float, work: Coroutine[Any, Any, Any], grace: float) -> Any:  # as `Middleware`
    """As `asyncio.timeout`, except that work which does not let itself be cancelled holds up nobody."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=grace)
    raise _exceeded(seconds, task)


def _exceeded(seconds: float, task: asyncio.Task[Any]) -> DynamormError:
    error = task.exception() if task.done() and not task.cancelled() else None
    if isinstance(error, WriteOutcomeUnknown):
        return error
    exceeded = DeadlineExceeded(f"the handler had {seconds:.3f} s, and did not answer in them")
    exceeded.__cause__ = error
    return exceeded
