"""A DynamoDB in a process of its own that answers at once what a benchmark's work expects, and stores nothing.

It reads of a request what its answer depends on, and no more: the operation, how many items a customer has (the digits
in "q100"), where a page begins, and the keys of a batch. Answers have DynamoDB's headers, with length and checksum;
connections stay open. `python -m benchmarks.setting.canned_service` prints its port, and ends with its input.
"""

from __future__ import annotations

import http.client
import json
import re
import selectors
import socket
import subprocess
import sys
import threading
import zlib
from contextlib import ExitStack
from functools import lru_cache
from types import TracebackType
from typing import Self, TextIO, cast

from benchmarks.rivals.work import CUSTOMER, NUMBER, TABLE, order, order_id, wire_item
from benchmarks.setting.environments import ROOT
from dynamorm_py.testing.loopback import LOOPBACK

# Items of a page: some 300 KB, of DynamoDB's 1 MB.
PAGE = 1000

_SENT_AT_ONCE = 1 << 18
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"\r\nx-amz-target: *DynamoDB_\d+\.(\w+)", re.IGNORECASE)
_QUERIED = re.compile(rb'"q(\d+)"')
_START = re.compile(rb'"ExclusiveStartKey": *\{[^}]*\}[^}]*"(\d{7})"|"ExclusiveStartKey": *\{[^}]*"(\d{7})"')


def _template() -> tuple[bytes, bytes, bytes]:
    """An item's JSON, cut where its key's two values go."""
    text = json.dumps({**wire_item(order("", 0)), "customer_id": {"S": "@C"}, "order_id": {"S": "@O"}})
    before, _, rest = text.partition("@C")
    between, _, after = rest.partition("@O")
    return before.encode(), between.encode(), after.encode()


_BEFORE, _BETWEEN, _AFTER = _template()


def _item(customer: str, identifier: str) -> bytes:
    return b"".join((_BEFORE, customer.encode(), _BETWEEN, identifier.encode(), _AFTER))


def _answer(body: bytes, status: int = 200, kind: str = "application/x-amz-json-1.0") -> bytes:
    head = (
        f"HTTP/1.1 {status} canned\r\nServer: Server\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: keep-alive\r\nx-amzn-RequestId: {'A' * 52}\r\nx-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    )
    return head.encode() + body


@lru_cache(maxsize=64)
def _page(count: int, start: int) -> bytes:
    customer = f"q{count}"
    numbers = range(start + 1, min(start + PAGE, count) + 1)
    items = b",".join(_item(customer, order_id(number)) for number in numbers)
    head = f'{{"Count":{len(numbers)},"ScannedCount":{len(numbers)},"Items":['.encode()
    last = b"]}"
    if numbers and numbers[-1] < count:
        key = wire_item({"customer_id": customer, "order_id": order_id(numbers[-1])})
        last = b'],"LastEvaluatedKey":' + json.dumps(key).encode() + b"}"
    return _answer(head + items + last)


def _query(request: bytes) -> bytes:
    queried, start = _QUERIED.search(request), _START.search(request)
    if queried is None:
        return _REFUSED
    return _page(int(queried[1]), int(start[1] or start[2]) if start else 0)


@lru_cache(maxsize=512)
def _batch(body: bytes) -> bytes:
    keys = json.loads(body)["RequestItems"][TABLE]["Keys"]
    items = b",".join(_item(key["customer_id"]["S"], key["order_id"]["S"]) for key in keys)
    return _answer(b'{"Responses":{"' + TABLE.encode() + b'":[' + items + b']},"UnprocessedKeys":{}}')


_NOTHING = _answer(b"{}")
_REFUSED = _answer(b'{"__type":"com.amazon.coral.service#UnknownOperationException"}', 400)
_FIXED = {
    b"GetItem": _answer(b'{"Item":' + _item(CUSTOMER, order_id(NUMBER)) + b"}"),
    b"PutItem": _NOTHING,
    b"BatchWriteItem": _answer(b'{"UnprocessedItems":{}}'),
    b"TransactWriteItems": _NOTHING,
}
_UPDATED = _answer(b'{"Attributes":' + _item(CUSTOMER, order_id(NUMBER)) + b"}")
# What DynamoDB answers to a `GET /`, with which clients open connections beforehand.
_HEALTHY = _answer(b"healthy: dynamodb.us-east-1.amazonaws.com", kind="text/plain")


class _Service:
    """Answers request after request in one thread: no client waits for another's."""

    def __init__(self) -> None:
        self.requests: dict[str, int] = {}

    def answer(self, head: bytes, body: bytes) -> bytes:
        target = _TARGET.search(head)
        if target is None:
            return self._told() if head.startswith(b"GET /requests ") else _HEALTHY
        operation = target[1]
        name = operation.decode()
        self.requests[name] = self.requests.get(name, 0) + 1
        if operation in (b"Query", b"Scan"):
            return _query(body)
        if operation == b"BatchGetItem":
            return _batch(body)
        if operation == b"UpdateItem":
            return _UPDATED if b'"ALL_NEW"' in body else _NOTHING
        return _FIXED.get(operation, _REFUSED)

    def _told(self) -> bytes:
        told, self.requests = self.requests, {}
        return _answer(json.dumps(told).encode(), kind="application/json")


class _Conversation:
    """One connection, and what has come over it of a request that is not whole yet."""

    def __init__(self, connection: socket.socket, service: _Service) -> None:
        self._connection = connection
        self._service = service
        self._pending = b""

    def go_on(self) -> bool:
        """Takes what has come, and answers what is whole; False once the other side has closed it."""
        try:
            received = self._connection.recv(_SENT_AT_ONCE)
        except ConnectionError:
            return False
        if not received:
            return False
        self._pending += received
        return self._answer_all()

    def _answer_all(self) -> bool:
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._pending) < whole:
                return True
            body, self._pending = self._pending[end + 4 : whole], self._pending[whole:]
            try:
                self._connection.sendall(self._service.answer(head, body))
            except ConnectionError:
                return False
        return True


def serve(listener: socket.socket) -> None:
    """Answers whoever connects, for ever."""
    service, waiting = _Service(), selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            conversation: _Conversation | None = key.data
            if conversation is None:
                connection, _ = listener.accept()
                # Else the kernel may hold an answer back until the previous one is acknowledged.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting.register(connection, selectors.EVENT_READ, _Conversation(connection, service))
            elif not conversation.go_on():
                waiting.unregister(key.fileobj)
                _close(key.fileobj)


def _close(connection: object) -> None:
    if isinstance(connection, socket.socket):
        connection.close()


class CannedService:
    """It as a process, for the length of a `with` block."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.port = 0

    @property
    def endpoint_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.setting.canned_service"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # Closes the pipes, at which it ends, and waits for it.
        self._stack.callback(process.communicate)
        self.port = int(cast(TextIO, process.stdout).readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def requests(self) -> dict[str, int]:
        """How many requests came since this was asked last, by operation."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port)
        try:
            connection.request("GET", "/requests")
            told: dict[str, int] = json.loads(connection.getresponse().read())
            return told
        finally:
            connection.close()


def main() -> None:
    listener = socket.create_server((LOOPBACK, 0), backlog=512)
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    # Whoever started it holds the other end.
    sys.stdin.read()


if __name__ == "__main__":
    main()
