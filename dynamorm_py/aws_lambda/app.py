"""`LambdaApp`: what a function's process keeps between invocations, and the decorator that makes its entry point."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import Awaitable, Callable, Iterable
from functools import partial, wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, TypeAlias, cast, overload

from pydantic_core import to_jsonable_python
from typing_extensions import TypeVar

from dynamorm_py.aws_lambda.environment import ExecutionEnvironment
from dynamorm_py.aws_lambda.invocation import Invocation, LambdaContext, deadline_of, enter_invocation
from dynamorm_py.aws_lambda.onion import Innermost, Middleware, around
from dynamorm_py.aws_lambda.snap_start import register_hooks
from dynamorm_py.aws_lambda.start import start
from dynamorm_py.client import Client
from dynamorm_py.context import use
from dynamorm_py.middleware.deadlines import until

if TYPE_CHECKING:
    from dynamorm_py.model import Model

E = TypeVar("E")
R = TypeVar("R")

OfEvent: TypeAlias = Callable[[E], Awaitable[R]]
OfInvocation: TypeAlias = Callable[[E, Invocation[E, R]], Awaitable[R]]
# What comes out is JSON of a shape that the function decides, or in a running loop an awaitable of it; what goes in
# need not be what the handler takes, which middleware may have parsed it into.
EntryPoint: TypeAlias = Callable[[Any, object], Any]

# Lambda sets it for every runtime, and INIT is the import of the handler's module there. Elsewhere, in tests and
# scripts, an import is not the beginning of anything.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
_RUNTIME = "AWS_LAMBDA_RUNTIME_API"

# How long tasks that an invocation left running may take to end, if there is as much time.
_PATIENCE_SECONDS = 1.0


class LambdaApp:
    """A Lambda function's client, models, middleware and event loop::

        app = LambdaApp(client=Client(), models=[Order], middleware=[errors(), Deadline(), UnitOfWork()])

        @app.handler
        async def handler(event: dict[str, str], ctx: Invocation) -> Order | None:
            return await Order.get(event["customer_id"], event["order_id"])

    The client, by default `Client()`, is opened once for the whole life of the process, and is ambient in every
    handler and its middleware. What `models` build when they are first used is built with it.

    On Lambda both happen during INIT, when the decorator is applied, and a connection is opened too; elsewhere, the
    first call opens the client. What fails during INIT is logged, and tried again by each invocation until it succeeds:
    an environment that began without credentials or network does not stay without.

    `middleware` is one onion, its first layer the outermost. A client that was idle for more than `idle_limit` seconds,
    by the wall clock, is opened anew before it is used: connections do not survive a long freeze.
    """

    def __init__(
        self,
        *,
        client: Client | None = None,
        models: Iterable[type[Model]] = (),
        middleware: Iterable[Middleware] = (),
        idle_limit: float = 10.0,
    ) -> None:
        self._environment = ExecutionEnvironment(Client() if client is None else client, tuple(models), idle_limit)
        self._middleware = tuple(middleware)
        self._registered = False
        self._cold = True

    @overload
    def handler(self, function: OfEvent[E, R], /) -> EntryPoint: ...
    @overload
    def handler(self, function: OfInvocation[E, R], /) -> EntryPoint: ...
    def handler(self, function: Callable[..., Awaitable[object]], /) -> EntryPoint:
        """Makes the entry point `(event, context)` of an async function that takes the event, or the event and an
        `Invocation`. The function stays reachable as `__wrapped__`, without its middleware.

        Called from synchronous code, as the runtime does, the entry point returns the answer; inside a running event
        loop it returns an awaitable of it, and the client is opened in that loop.

        Each invocation has a context of its own, so that a context variable set in one is not seen in the next; tasks
        that it left running are cancelled and logged, and no request is sent for it any more. (In somebody else's loop
        the tasks are that loop's, and are not touched.)

        The result is given to the runtime as JSON data, in pydantic's form: models by their fields, datetimes in ISO
        8601, Decimals as text, which keeps every digit. `bytes` go as they are. What the function raises is its error.
        """
        onion = around(self._middleware, _innermost(function))

        @wraps(function)
        def entry_point(event: Any, context: object) -> Any:  # as `EntryPoint`
            work = partial(self._serve, onion, event, context)
            if _in_a_running_loop():
                return self._environment.run_here(work)
            self._close_at_the_end()
            try:
                return self._environment.run(work, partial(_patience, context))
            except asyncio.CancelledError as cancelled:
                # It is no `Exception`, and would end the runtime's process with everything that INIT has made.
                raise RuntimeError("the handler was cancelled by something that it awaited") from cancelled

        if _RUNTIME in os.environ:
            self._close_at_the_end()
            register_hooks(self._environment)
            self._environment.begin()
        return entry_point

    def close(self) -> None:
        """Closes the client and the loop; the next call opens them anew. The interpreter's end does it by itself."""
        atexit.unregister(self.close)
        self._registered = False
        self._environment.close()

    async def aclose(self) -> None:
        """Closes the client, where a call inside of this running loop opened it."""
        await self._environment.close_here()

    async def _serve(self, onion: Innermost, event: Any, context: object) -> Any:  # as `EntryPoint`
        invocation = self._invocation(event, context)
        enter_invocation(invocation)
        with use(invocation.db), until(invocation.remaining()), start.awaiting_a_request():
            return _jsonable(await onion(invocation))

    def _invocation(self, event: Any, context: object) -> Invocation[Any, Any]:
        cold, self._cold = self._cold, False
        environment = self._environment
        return Invocation(
            event,
            cast(LambdaContext, context),
            environment.client,
            cold,
            # Tests call entry points with None for a context.
            getattr(context, "aws_request_id", ""),
            raw=event,
            deadline=deadline_of(context),
            init_milliseconds=environment.init_milliseconds if cold else None,
        )

    def _close_at_the_end(self) -> None:
        # A forked child inherits what is registered, and closes by it what it has opened itself.
        if not self._registered:
            self._registered = True
            atexit.register(self.close)


def _innermost(function: Callable[..., Awaitable[object]]) -> Innermost:
    if _takes_invocation(function):
        return lambda ctx: function(ctx.event, ctx)
    return lambda ctx: function(ctx.event)


def _in_a_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _patience(context: object) -> float:
    milliseconds = getattr(context, "get_remaining_time_in_millis", None)
    return _PATIENCE_SECONDS if milliseconds is None else min(_PATIENCE_SECONDS, milliseconds() / 2000)


def _takes_invocation(function: Callable[..., object]) -> bool:
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [parameter for parameter in signature(function).parameters.values() if parameter.kind in kinds]
    if not 1 <= len(parameters) <= 2:
        raise TypeError(
            f"{getattr(function, '__qualname__', function)} takes {len(parameters)} parameters, and a handler takes "
            "the event, or the event and an Invocation"
        )
    return len(parameters) == 2


def _jsonable(result: object) -> Any:  # as `EntryPoint`
    return result if isinstance(result, bytes) else to_jsonable_python(result)
