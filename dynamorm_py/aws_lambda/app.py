"""`LambdaApp`: what a function's process keeps between invocations, and the decorator that makes its entry point."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, TypeAlias, cast, overload

from pydantic_core import to_jsonable_python
from typing_extensions import TypeVar

from dynamorm_py.aws_lambda.event_loop import OwnedLoop
from dynamorm_py.aws_lambda.invocation import Invocation, LambdaContext
from dynamorm_py.client import Client
from dynamorm_py.context import use

if TYPE_CHECKING:
    from dynamorm_py.model import Model

_logger = logging.getLogger(__name__)

E = TypeVar("E")

OfEvent: TypeAlias = Callable[[E], Awaitable[object]]
OfInvocation: TypeAlias = Callable[[E, Invocation[E]], Awaitable[object]]
# What comes out is JSON of a shape that the function decides; the context is whatever the runtime hands over.
EntryPoint: TypeAlias = Callable[[E, object], Any]

# Lambda sets it for every runtime, and INIT is the import of the handler's module there. Elsewhere, in tests and
# scripts, an import is not the beginning of anything.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
_RUNTIME = "AWS_LAMBDA_RUNTIME_API"


class LambdaApp:
    """A Lambda function's client, models and event loop::

        app = LambdaApp(client=Client(), models=[Order])

        @app.handler
        async def handler(event: dict[str, str], ctx: Invocation) -> Order | None:
            return await Order.get(event["customer_id"], event["order_id"])

    The client, by default `Client()`, is opened once for the whole life of the process, and is ambient in every
    handler. The validators of `models` are built with it, instead of by the first invocation that uses them.

    On Lambda both happen during INIT, when the decorator is applied; elsewhere, by the first call. What fails during
    INIT is logged, and tried again by each invocation until it succeeds: an environment that began without credentials
    or network does not stay without.
    """

    def __init__(self, *, client: Client | None = None, models: Iterable[type[Model]] = ()) -> None:
        self._client = Client() if client is None else client
        self._models = tuple(models)
        self._loop: OwnedLoop | None = None
        self._open = False
        self._cold = True

    @overload
    def handler(self, function: OfEvent[E], /) -> EntryPoint[E]: ...
    @overload
    def handler(self, function: OfInvocation[E], /) -> EntryPoint[E]: ...
    def handler(self, function: Callable[..., Awaitable[object]], /) -> EntryPoint[Any]:
        """Makes the entry point `(event, context)` of an async function that takes the event, or the event and an
        `Invocation`. The function stays reachable as `__wrapped__`.

        Each invocation has a context of its own, so that a context variable set in one is not seen in the next. The
        result is given to the runtime as JSON data, in pydantic's form: models by their fields, datetimes in ISO 8601,
        Decimals as text, which keeps every digit. `bytes` go as they are. What the function raises is its error.
        """
        takes_invocation = _takes_invocation(function)

        @wraps(function)
        def entry_point(event: Any, context: object) -> Any:  # as `EntryPoint`
            loop = self._opened()
            invocation = self._invocation(event, context)

            async def work() -> object:
                with use(self._client):
                    return await (function(event, invocation) if takes_invocation else function(event))

            return _jsonable(loop.run(work))

        if _RUNTIME in os.environ:
            self._initialise()
        return entry_point

    def close(self) -> None:
        """Closes the client and the loop; the next call opens them anew. The interpreter's end does it by itself."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        atexit.unregister(self.close)
        if self._open:
            self._open = False
            loop.run(lambda: self._client.__aexit__(None, None, None))
        loop.close()

    def _initialise(self) -> None:
        try:
            self._opened()
        except Exception:
            _logger.exception("INIT failed; the next invocation tries again")

    def _opened(self) -> OwnedLoop:
        if self._loop is None:
            for model in self._models:
                model.model_rebuild()
            self._loop = OwnedLoop()
            atexit.register(self.close)
        if not self._open:
            self._loop.run(self._client.__aenter__)
            self._open = True
        return self._loop

    def _invocation(self, event: E, context: object) -> Invocation[E]:
        cold, self._cold = self._cold, False
        # Tests call entry points with None for a context.
        request_id: str = getattr(context, "aws_request_id", "")
        return Invocation(event, cast(LambdaContext, context), self._client, cold, request_id)


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
