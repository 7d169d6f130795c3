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
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

from dynamorm_py.client import Client
from dynamorm_py.context import use
from dynamorm_py.core.errors import TenantRequired

if TYPE_CHECKING:
    from dynamorm_py.client.tenants import TenantClient

__all__ = ["DynamormMiddleware", "lifespan"]

# As the specification has them: dicts of strings, bytes and numbers, whose members depend on their `type`.
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
TenantSource: TypeAlias = Callable[[Message], str | Awaitable[str | None] | None]


class DynamormMiddleware:
    """Makes a client ambient for each request and each websocket, in a context of its own: what a request sets in a
    context variable is seen by no other, whatever server or test client it comes from.

    It opens nothing: see `lifespan`. A request that comes before raises `ClientClosed` where it uses the client.

    With `tenant_from`, a function of the connection's scope that may be async, each request works in the scope of the
    tenant that it names, which ends with the request; `TenantRequired` where it names none. The id has to come from
    what somebody has verified, such as the claims that an authentication middleware outside of this one has left in
    `scope["user"]` or `scope["state"]`; a header is chosen by the caller::

        app.add_middleware(DynamormMiddleware, client=db, tenant_from=lambda scope: scope["user"].tenant_id)
        app.add_middleware(AuthenticationMiddleware, backend=...)
    """

    def __init__(self, app: Application, *, client: Client, tenant_from: TenantSource | None = None) -> None:
        self._app = app
        self._client = client
        self._tenant_from = tenant_from

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        await asyncio.create_task(self._serve(scope, receive, send), context=copy_context())

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        with use(await self._bound(scope)):
            await self._app(scope, receive, send)

    async def _bound(self, scope: Message) -> Client | TenantClient:
        if self._tenant_from is None:
            return self._client
        found = self._tenant_from(scope)
        tenant = await found if isawaitable(found) else found
        if tenant is None:
            raise TenantRequired("the request names no tenant: tenant_from found none")
        return self._client.for_tenant(tenant)


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
