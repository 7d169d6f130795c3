"""A TCP server of a test's own loop, whose every connection has a task from the moment it is accepted."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self, TypeAlias

from dynamorm_py.testing.loopback import LOOPBACK

# What a server does on one connection, which is closed afterwards.
Conversation: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# How many connections may wait to be accepted.
BACKLOG = 100


class Listener:
    """Listens on a loopback port. Once `close` is through, every connection that was ever made to it is closed.

    `asyncio.start_server` cannot promise that: it attaches a connection some turns of the loop after it has accepted
    it, and where the server is closed in between, the connection's transport is dropped unclosed, to be warned of in
    whatever test runs when it is collected. https://github.com/python/cpython/issues/109564
    """

    def __init__(
        self,
        conversation: Conversation,
        tls: ssl.SSLContext | None = None,
        *,
        on_end: Callable[[], None] = lambda: None,  # of a connection
    ) -> None:
        self._conversation = conversation
        self._tls = tls
        self._on_end = on_end
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def tasks(self) -> frozenset[asyncio.Task[None]]:
        """Those of the connections that have not ended."""
        return frozenset(self._tasks)

    def listen(self, port: int = 0) -> None:
        self._socket = socket.create_server((LOOPBACK, port), backlog=BACKLOG)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket, self.accept)

    def accept(self) -> None:
        """Takes whoever has connected: the loop does it later, if nobody else does."""
        assert self._socket is not None
        with suppress(BlockingIOError):
            for _ in range(BACKLOG):
                accepted, _ = self._socket.accept()
                task = asyncio.get_running_loop().create_task(self._serve(accepted))
                self._tasks.add(task)
                task.add_done_callback(self._ended)

    def stop_listening(self) -> None:
        """Takes no further connections, and does not wait for those there are."""
        if self._socket is not None:
            # Whoever has connected by now may count on being served, noticed by the loop or not.
            self.accept()
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def hung_up(self) -> None:
        """Waits until every connection that it accepted has ended."""
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stops listening and waits until every connection has ended: the client is to end those it keeps."""
        self.stop_listening()
        await self.hung_up()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._on_end()

    async def _serve(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        made: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = loop.create_future()
        # With a callback the streams know that theirs is the server's side, which start_tls() asks.
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), lambda *streams: made.set_result(streams))
        try:
            await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=self._tls)
        except OSError:
            return  # the client has broken the handshake off
        reader, writer = await made
        try:
            await self._conversation(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client has hung up
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
