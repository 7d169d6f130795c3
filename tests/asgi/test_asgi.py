"""The client in a FastAPI application, behind a real server on a loopback port."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from threading import Event, Thread
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, HTTPException

from dynamorm_py import Attr, Client, ClientClosed, ItemNotFound, Model, field, partition_key
from dynamorm_py.asgi import DynamormMiddleware, Message, lifespan
from dynamorm_py.context import ambient_or_none
from dynamorm_py.testing import EmbeddedDynamoDB

seen = ContextVar("seen", default="nobody")


class User(Model, table="asgi_users"):
    user_id: Attr[str] = partition_key()
    visits: Attr[int] = field(default=0)


class Server(uvicorn.Server):
    """Says when it has begun, and has ended."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, host="127.0.0.1", port=0, log_level=logging.CRITICAL, lifespan="on"))
        self.settled = Event()

    async def startup(self, sockets: Any = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()

    @property
    def port(self) -> int:
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    server = Server(app)
    thread = Thread(target=server.run)
    thread.start()
    try:
        assert server.settled.wait(30)
        yield server.port
    finally:
        server.should_exit = True
        thread.join()


def get(port: int, path: str, method: str = "GET") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def application(db: Client) -> FastAPI:
    @asynccontextmanager
    async def with_its_table(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(db)(app):
            await db.create_tables(User)
            yield
            await db.delete_tables(User)

    app = FastAPI(lifespan=with_its_table)
    app.add_middleware(DynamormMiddleware, client=db)

    @app.post("/users/{user_id}")
    async def visit(user_id: str) -> User:
        return await User.update(user_id, User.visits.add(1), upsert=True)

    @app.get("/users/{user_id}")
    async def read(user_id: str) -> User:
        try:
            return await User.get_or_raise(user_id)
        except ItemNotFound:
            raise HTTPException(404) from None

    @app.get("/seen/{name}")
    async def see(name: str) -> list[str]:
        before = seen.get()
        seen.set(name)
        await asyncio.sleep(0)
        return [before, seen.get()]

    return app


def test_requests_find_the_client_that_was_opened_with_the_server(embedded: EmbeddedDynamoDB) -> None:
    db = embedded.client()
    with served(application(db)) as port:
        assert get(port, "/users/ann") == (404, {"detail": "Not Found"})
        assert [get(port, "/users/ann", "POST") for _ in range(2)] == [
            (200, {"user_id": "ann", "visits": visits}) for visits in (1, 2)
        ]
        assert get(port, "/users/ann") == (200, {"user_id": "ann", "visits": 2})
    assert ambient_or_none() is None


def test_requests_side_by_side_share_the_client_and_no_context(embedded: EmbeddedDynamoDB) -> None:
    names = [f"name-{number}" for number in range(40)]
    with served(application(embedded.client())) as port, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: get(port, f"/seen/{name}"), names))
        visits = list(pool.map(lambda name: get(port, f"/users/{name}", "POST"), names))
    assert answers == [(200, ["nobody", name]) for name in names]
    assert visits == [(200, {"user_id": name, "visits": 1}) for name in names]


async def nothing() -> Message:
    return {"type": "http.request"}


async def nowhere(message: Message) -> None: ...


async def test_a_request_has_its_own_context_and_the_caller_sees_nothing_of_it() -> None:
    db = Client()
    runners: list[object] = []

    async def app(scope: Message, *_: object) -> None:
        seen.set(scope["type"])
        runners.append(ambient_or_none())

    wrapped = DynamormMiddleware(app, client=db)
    for kind in ("http", "websocket"):
        await wrapped({"type": kind}, nothing, nowhere)
    assert (runners, seen.get(), ambient_or_none()) == ([db, db], "nobody", None)


async def test_what_the_application_raises_is_raised() -> None:
    async def app(*_: object) -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await DynamormMiddleware(app, client=Client())({"type": "http"}, nothing, nowhere)


async def test_a_request_that_is_given_up_is_cancelled() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def app(*_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(DynamormMiddleware(app, client=Client())({"type": "http"}, nothing, nowhere))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_client_that_nobody_opened_says_so() -> None:
    async def app(*_: object) -> None:
        await User.get("ann")

    with pytest.raises(ClientClosed):
        await DynamormMiddleware(app, client=Client())({"type": "http"}, nothing, nowhere)


async def test_the_lifespan_of_the_server_is_the_applications_own() -> None:
    scopes: list[str] = []

    async def app(scope: Message, *_: object) -> None:
        scopes.append(scope["type"])
        assert ambient_or_none() is None

    await DynamormMiddleware(app, client=Client())({"type": "lifespan"}, nothing, nowhere)
    assert scopes == ["lifespan"]
