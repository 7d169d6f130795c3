"""HTTP/1.1 connections that are kept alive, and the pool that hands them out.

A connection carries one exchange at a time, and is handed out again only after a complete answer that allows it. Where
anything else happened (an error, a timeout, a cancelled request, a byte too many) it is closed: what it would bring
next could be the answer to somebody else's request.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from dynamorm_py.core.errors import ClientClosed

# What one read takes from the socket at most. A page of 1 MB takes a few of them, an item one.
_BUFFER_BYTES = 64 * 1024

# A request of 16 MB, the largest there is, is given 16 seconds more than one of a few bytes.
_SLOWEST_BYTES_A_SECOND = 1024 * 1024

# The service hangs up after some 20 seconds without a request (aiobotocore gives its connections up after 12). A
# process that is frozen, as Lambda freezes it between two events, may never hear of that: so none is trusted that long.
# Measured by the wall clock, because the monotonic one can stand still in a frozen machine.
IDLE_SECONDS = 15.0

# How often the event loop may turn before what a socket holds has become known to its protocol: once for TCP; once more
# where TLS stands in between, and once for the callback that ends a connection.
_TURNS = 3


class Answer:
    """An HTTP answer, complete to its last byte. Names of headers are in lower case."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class ConnectionLost(Exception):
    """The connection ended before the answer did. `unsent`: before the request could have been complete."""

    def __init__(self, reason: str, *, unsent: bool = False) -> None:
        super().__init__(reason)
        self.unsent = unsent


class AnswerTimeout(Exception):
    """No byte of the answer came for as long as the timeout for reading."""


class BadAnswer(Exception):
    """What came is no HTTP answer."""


class Connection(asyncio.BufferedProtocol):
    """One connection: a protocol of asyncio, and httptools' callbacks."""

    def __init__(self, loop: asyncio.AbstractEventLoop, read_timeout: float, on_lost: Callable[[Connection], None]):
        self._loop = loop
        self._read_timeout = read_timeout
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._parser = HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._keep_alive = True
        self._used_at = time.time()
        self.exchanges = 0
        self.is_lost = False

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # every one that reads and writes; uvloop's is no subclass
        socket = transport.get_extra_info("socket")
        if socket is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(socket.fileno(), select.POLLIN)

    def get_buffer(self, sizehint: int) -> memoryview:
        # A view, because asyncio's TLS slices what it gets, and fills the slice: of a bytearray that would be a copy.
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._waiter is None:
            self.abort()  # nobody asked
            return
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(BadAnswer(f"what came is no HTTP answer: {error}"), error)
        if self._waiter is not None:
            self._deadline = self._loop.time() + self._read_timeout  # for the rest of it

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._timer is not None:
            self._timer.cancel()
        self._fail(ConnectionLost("the connection ended before the answer did"), exc)
        self._on_lost(self)

    # What httptools calls

    def on_message_begin(self) -> None:
        if self._waiter is None:
            self._keep_alive = False  # one answer too many

    def on_header(self, name: bytes, value: bytes | None) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1") if value else ""

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        headers, self._headers = self._headers, {}
        chunks, self._chunks = self._chunks, []
        status = self._parser.get_status_code()
        waiter = self._waiter
        if status < 200 or waiter is None:
            return  # a provisional answer: https://www.rfc-editor.org/rfc/rfc9110#section-15.2
        self._waiter = None
        self._keep_alive = self._keep_alive and self._parser.should_keep_alive()
        if not waiter.done():
            waiter.set_result(Answer(status, headers, chunks[0] if len(chunks) == 1 else b"".join(chunks)))

    # What the pool and the transport call

    @property
    def is_usable(self) -> bool:
        """Whether another exchange can begin on it, as far as is known."""
        transport = self._transport
        return self._keep_alive and self._waiter is None and transport is not None and not transport.is_closing()

    @property
    def is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def exchange(self, message: bytes) -> asyncio.Future[Answer]:
        """Writes a request, at once and whole, and returns its answer's future, which is to be awaited.

        Raises `ConnectionLost`, with `unsent`, where the connection turned out closed while writing. The future raises
        `ConnectionLost`, `AnswerTimeout` or `BadAnswer`, each with its cause, if there is one.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionLost("the connection was closed before the request was sent", unsent=True)
        transport.write(message)
        if transport.is_closing():
            # The kernel took less than the whole. A request whose body is incomplete is not carried out.
            raise ConnectionLost("the connection was closed while the request was sent", unsent=True)
        self.exchanges += 1
        self._used_at = time.time()
        self._waiter = waiter = self._loop.create_future()
        # The answer is waited for from now on, and a large request takes its time to arrive.
        self._deadline = self._loop.time() + self._read_timeout + len(message) // _SLOWEST_BYTES_A_SECOND
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()
        return waiter

    @property
    def is_ready(self) -> bool:
        """Whether another exchange can begin on it at once: nothing waits in its socket, not even the end.

        So a close that has reached this machine, be it while the process was frozen, is seen before a request is
        written, and does not leave the outcome of a write unknown.
        """
        poll, transport = self._poll, self._transport
        return (
            self._keep_alive
            and self._waiter is None
            and poll is not None
            and transport is not None
            and not transport.is_closing()
            and self._is_fresh
            and not poll.poll(0)
        )

    async def settle(self) -> bool:
        """Takes note of what the socket of a kept connection holds; whether it can be used still."""
        if not self.is_usable or not self._is_fresh:
            return False
        # Something waits to be read: the end, or what TLS sends on its own account.
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if self.is_closing:
                return False
        return not self._has_bytes()

    def abort(self) -> None:
        """Closes it at once, without a farewell: HTTP's framing needs none."""
        self._keep_alive = False
        if self._transport is not None:
            self._transport.abort()

    @property
    def _is_fresh(self) -> bool:
        """Whether it was used so lately that it can be trusted; not where the wall clock was put back since."""
        return -1.0 <= time.time() - self._used_at <= IDLE_SECONDS

    def _has_bytes(self) -> bool:
        """Whether the socket is known to hold something that was not read yet, its end included."""
        return self._poll is not None and not self.is_closing and bool(self._poll.poll(0))

    def _fail(self, failure: Exception, cause: BaseException | None) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            failure.__cause__ = cause
            waiter.set_exception(failure)
        self.abort()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._tick)

    def _tick(self) -> None:
        # One timer for many exchanges: it is set anew when it fires too early, not with every exchange. After a sleep
        # of this process both asyncio and uvloop read what waits in the sockets before they look at timers.
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._fail(AnswerTimeout(f"no answer within {self._read_timeout:g} s"), None)


class Pool:
    """Keeps connections, opens them when they are needed, up to a limit; beyond it, requests wait in line.

    What is free goes to whoever has waited longest, so that nobody who comes later overtakes.
    """

    def __init__(self, opening: Callable[[Callable[[Connection], None]], Awaitable[Connection]], limit: int) -> None:
        self._opening = opening
        self._limit = limit
        self._taken = 0  # places: connections being opened, in use, or idle
        self._idle: list[Connection] = []
        self._alive: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False
        self._empty: asyncio.Future[None] | None = None

    def ready(self) -> Connection | None:
        """What `acquire` would give without having to wait for anything, else None."""
        idle = self._idle
        return idle.pop() if idle and idle[-1].is_ready else None

    async def acquire(self) -> Connection:
        """A connection that can be used: the most recently used idle one, or a new one. Raises what opening raises."""
        while self._idle:
            if (ready := self.ready()) is not None:
                return ready
            connection = self._idle.pop()
            try:
                usable = await connection.settle()
            except BaseException:
                self.discard(connection)
                raise
            if usable:
                return connection
            self.discard(connection)
        return await self._another()

    def release(self, connection: Connection) -> None:
        """Takes back what `acquire` or `ready` gave out."""
        if self._closed or not connection.is_usable:
            self.discard(connection)
            return
        waiter = self._next_waiter() if self._waiting else None
        if waiter is not None:
            waiter.set_result(connection)
        else:
            self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """Closes what `acquire` gave out; its place is free."""
        connection.abort()
        self._vacate()

    def discard_idle(self) -> None:
        """Closes what lies idle: when one kept connection turned out dead, its neighbours are as old."""
        while self._idle:
            self.discard(self._idle.pop())

    async def close(self) -> None:
        """Closes everything and waits until the sockets are. Requests under way fail, those in line too."""
        self._closed = True
        while (waiter := self._next_waiter()) is not None:
            waiter.set_result(None)
        self._idle.clear()
        if not self._alive:
            return
        self._empty = asyncio.get_running_loop().create_future()
        for connection in tuple(self._alive):
            connection.abort()
        await self._empty

    async def _another(self) -> Connection:
        if self._taken < self._limit:
            self._taken += 1
        else:
            connection = await self._in_line()
            if connection is not None and connection.is_usable:
                return connection
            if connection is not None:
                connection.abort()  # its place stays ours
        return await self._opened()

    async def _in_line(self) -> Connection | None:
        """A connection that was given back, or None for the place of one that is gone."""
        self._check_open()
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # It came at the same moment, and belongs to the next.
                connection = waiter.result()
                if connection is None:
                    self._vacate()
                else:
                    self.release(connection)
            raise

    async def _opened(self) -> Connection:
        self._check_open()
        try:
            connection = await self._opening(self._lost)
        except BaseException:
            self._vacate()
            raise
        if not connection.is_lost:
            self._alive.add(connection)
        if self._closed:
            connection.abort()
        self._check_open()
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("the client was closed while a request was waiting for a connection")

    def _vacate(self) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)
        else:
            self._taken -= 1

    def _next_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    def _lost(self, connection: Connection) -> None:
        self._alive.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
            self._vacate()
        if self._empty is not None and not self._alive and not self._empty.done():
            self._empty.set_result(None)
