"""Middleware around a handler, as one onion: the first of the list is the outermost, and sees the answer last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

from dynamorm_py.aws_lambda.invocation import CallNext, Invocation


class Middleware(Protocol):
    """One layer of the onion::

        async def timed(ctx: Invocation, call_next: CallNext) -> Response:
            started = perf_counter()
            try:
                return await call_next(ctx)
            finally:
                logger.info("took %.3f s", perf_counter() - started)

    It may answer without `call_next`, call it with another invocation (`ctx.with_event(...)`), change the answer,
    and map what is raised or let it pass.
    """

    # Events and answers are those of the app's handlers; one layer usually fits many.
    async def __call__(self, ctx: Invocation[Any, Any], call_next: CallNext[Any, Any], /) -> Any: ...


Innermost = Callable[[Invocation[Any, Any]], Awaitable[Any]]


def around(middleware: Sequence[Middleware], innermost: Innermost) -> Innermost:
    """The handler with its middleware around it."""
    onion = innermost
    for layer in reversed(middleware):
        onion = partial(_through, layer, onion)
    return onion


async def _through(layer: Middleware, call_next: Innermost, ctx: Invocation[Any, Any]) -> Any:  # as `Middleware`
    return await layer(ctx, call_next)
