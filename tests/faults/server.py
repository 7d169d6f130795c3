"""A DynamoDB that fails on purpose: a raw HTTP server whose answers are scripted, one for each request.

It shows what no engine can be asked to do: to lose an answer after it has read the request, to damage one, to hang.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Protocol, Self

from tests.faults.listener import Listener

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Received:
    """A request as it arrived, read to its last byte."""

    operation: str
    body: dict[str, Any]
    headers: dict[str, str] = field(compare=False)


class Behaviour(Protocol):
    """What the server does about one request; True keeps the connection."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool: ...


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, with DynamoDB's checksum."""

    body: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        payload = json.dumps(self.body).encode()
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "content-length": str(len(payload)),
            "x-amzn-requestid": "REQUEST-1",
            "x-amz-crc32": str(zlib.crc32(payload)),
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} scripted", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
        await writer.drain()
        return True


def fault(code: str, message: str = "", status: int = 400, **members: Any) -> Answer:
    """An error as DynamoDB puts it."""
    return Answer({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message, **members}, status)


@dataclass(frozen=True)
class LoseTheAnswer:
    """Closes the connection where the answer should be; before that it may send the first bytes of one."""

    beginning: bytes = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(self.beginning)
        await writer.drain()
        return False


@dataclass(frozen=True)
class ResetTheConnection:
    """Ends the connection with RST."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        connection: socket.socket = writer.get_extra_info("socket")
        # With a linger time of zero, close() discards and resets (see socket(7), SO_LINGER).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # At once: TLS would say farewell first.
        writer.transport.abort()
        return False


@dataclass(frozen=True)
class Bytes:
    """Sends bytes as they are given, each piece in a turn of its own; `keep` says whether the connection stays."""

    pieces: tuple[bytes, ...]
    keep: bool = True

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        for piece in self.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return self.keep


def one_by_one(payload: bytes, *, keep: bool = True) -> Bytes:
    return Bytes(tuple(payload[place : place + 1] for place in range(len(payload))), keep)


@dataclass(frozen=True)
class Then:
    """Answers as another behaviour does, and hangs up; ends when the client has seen that, and hangs up too."""

    answer: Behaviour

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await self.answer(reader, writer)
        if writer.can_write_eof():  # TLS waits by itself
            writer.write_eof()
            await reader.read()
        return False


@dataclass(frozen=True)
class Hang:
    """Never answers, though it may begin to; ends when the client hangs up."""

    beginning: bytes = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(self.beginning)
        await reader.read()
        return False


class Drip:
    """Answers byte by byte and never comes to an end, so that no wait for a byte is long; ends as `Hang` does."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n")
        while not writer.transport.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0)
        return False


class BrokenOff:
    """Takes the first byte that the client sends, and resets the connection."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.read(1)
        return await ResetTheConnection()(reader, writer)


class BreakTheTls:
    """Sends what is no TLS on a connection that is under TLS."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        connection: socket.socket = writer.get_extra_info("socket")
        os.write(connection.fileno(), b"no record of TLS")
        return False


@dataclass(frozen=True)
class BeginTls:
    """Shows this certificate; False where the client refuses it."""

    context: ssl.SSLContext

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        protocol = writer.transport.get_protocol()
        with suppress(ssl.SSLError, ConnectionError):
            await writer.start_tls(self.context)
            if not writer.transport.is_closing():
                return True
        # Of an end within the handshake, Python 3.11 does not tell the stream.
        protocol.connection_lost(None)
        return False


class FaultServer:
    """Plays one behaviour for each request, and repeats the last; keeps what it received and counts connections."""

    def __init__(self, *script: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self._script: list[Behaviour] = list(script)
        self._tls = tls
        self._listener = Listener(self._serve, tls, on_end=self._tell)
        self._waiting: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self.received: list[Received] = []
        self.connections = 0

    @property
    def endpoint_url(self) -> str:
        return f"https://localhost:{self.port}" if self._tls is not None else f"http://{HOST}:{self.port}"

    @property
    def port(self) -> int:
        return self._listener.port

    async def arrived(self, count: int) -> None:
        """Waits until it has received that many requests."""
        while len(self.received) < count:
            self._news.clear()
            await self._news.wait()

    async def hung_up(self) -> None:
        """Waits until every connection that it accepted has ended."""
        await self._listener.hung_up()

    async def settled(self, connections: int) -> None:
        """Waits until there are no more connections than that, and all of them idle."""
        self._listener.accept()
        while self._listener.tasks - self._waiting or len(self._listener.tasks) > connections:
            self._news.clear()
            await self._news.wait()

    def script(self, *behaviours: Behaviour) -> None:
        """What it plays from now on."""
        self._script = list(behaviours)

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.received]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        self._listener.listen(port)

    async def stop(self) -> None:
        """Stops listening and waits until every connection has ended: the client is to end those it keeps."""
        await self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if await self._welcome(reader, writer):
            while await self._exchange(reader, writer):
                pass

    @contextmanager
    def _idle(self) -> Iterator[None]:
        """For the time in which a connection waits for its next request."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        self._tell()
        try:
            yield
        finally:
            self._waiting.discard(task)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """What it does about a new connection; True lets requests come."""
        return True

    def _tell(self) -> None:
        self._news.set()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        with self._idle():
            headers = await receive_headers(reader)
        self.received.append(await receive_body(reader, headers))
        self._news.set()
        behaviour = self._script[0] if len(self._script) == 1 else self._script.pop(0)
        return await behaviour(reader, writer)


@contextmanager
def in_a_thread(server: FaultServer, patience: float = 30) -> Iterator[FaultServer]:
    """Runs the server on a loop of its own, for tests that start and end loops. Leaving the block waits, for at most
    `patience` seconds, until the client has ended its connections."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(patience)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(patience)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def receive(reader: asyncio.StreamReader) -> Received:
    return await receive_body(reader, await receive_headers(reader))


async def receive_headers(reader: asyncio.StreamReader) -> dict[str, str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    pairs = (line.split(":", 1) for line in head.split("\r\n")[1:] if line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


async def receive_body(reader: asyncio.StreamReader, headers: dict[str, str], beginning: bytes = b"") -> Received:
    """`beginning` is what was read of the body before."""
    body = beginning + await reader.readexactly(int(headers.get("content-length", 0)) - len(beginning))
    return Received(headers.get("x-amz-target", "Ping").rpartition(".")[2], json.loads(body or b"{}"), headers)
