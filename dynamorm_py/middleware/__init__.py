"""What stands between an operation and the transport, as one onion: each layer gets the call and the next layer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from dynamorm_py.core.wire import Call, Response

Send: TypeAlias = Callable[[Call], Awaitable[Response]]


class Middleware(Protocol):
    """One layer. It may send the call once, several times, changed, or not at all.

    An `async def` is one. A layer that has nothing to do may hand out what the next one answers, unawaited: every
    coroutine that stands in between is paid for by every call.
    """

    def __call__(self, call: Call, send: Send, /) -> Awaitable[Response]: ...


def compose(layers: Sequence[Middleware], innermost: Send) -> Send:
    """The layers around `innermost`, the first one outermost."""
    send = innermost
    for layer in reversed(layers):
        send = _around(layer, send)
    return send


def _around(layer: Middleware, send: Send) -> Send:
    return lambda call: layer(call, send)
