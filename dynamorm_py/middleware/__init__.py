"""What stands between an operation and the transport, as one onion: each layer gets the call and the next layer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeAlias

from dynamorm_py.core.wire import Call, Response

Send: TypeAlias = Callable[[Call], Awaitable[Response]]


class Middleware(Protocol):
    """One layer. It may send the call once, several times, changed, or not at all."""

    async def __call__(self, call: Call, send: Send, /) -> Response: ...


def compose(layers: Sequence[Middleware], innermost: Send) -> Send:
    """The layers around `innermost`, the first one outermost."""
    send = innermost
    for layer in reversed(layers):
        send = partial(_through, layer, send)
    return send


async def _through(layer: Middleware, send: Send, call: Call) -> Response:
    return await layer(call, send)
