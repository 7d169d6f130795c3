"""The client in web applications: opened with the server, ambient in every request. Pure ASGI, of no framework::

    db = Client()
    app = FastAPI(lifespan=lifespan(db))
    app.add_middleware(DynamormMiddleware, client=db)

    @app.get("/users/{user_id}")
    async def read(user_id: str) -> User:
        return await User.get_or_raise(user_id)

https://asgi.readthedocs.io/en/latest/specs/main.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import copy_context
from typing import Any, TypeAlias

from dynamorm_py.client import Client
from dynamorm_py.context import use

__all__ = ["DynamormMiddleware", "lifespan"]

# As the specification has them: dicts of strings, bytes and numbers, whose members depend on their `type`.
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class DynamormMiddleware:
    """Makes a client ambient for each request and each websocket, in a context of its own: what a request sets in a
    context variable is seen by no other, whatever server or test client it comes from.

    It opens nothing: see `lifespan`. A request that comes before raises `ClientClosed` where it uses the client.
    """

    def __init__(self, app: Application, *, client: Client) -> None:
        self._app = app
        self._client = client

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        await asyncio.create_task(self._serve(scope, receive, send), context=copy_context())

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        with use(self._client):
            await self._app(scope, receive, send)


def lifespan(client: Client) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """What Starlette and FastAPI take as `lifespan=`: the client is open, and has a connection, before the first
    request, and is closed after the last. An application with more to open enters it in its own::

        @asynccontextmanager
        async def all_of_it(app: FastAPI) -> AsyncIterator[None]:
            async with lifespan(db)(app), httpx.AsyncClient() as http:
                yield
    """

    @asynccontextmanager
    async def opened(app: Any) -> AsyncIterator[None]:  # the application, of whatever framework
        async with client:
            await client.warm()
            yield

    return opened
