"""A DynamoDB that answers every GetItem with the same item, as fast as Python can: what is measured is the client."""

from __future__ import annotations

import json
import socketserver
import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, cast

from dynamorm_py.testing.loopback import LOOPBACK, ClosesConnections, serving


class CannedDynamoDB(ClosesConnections):
    """Answers on a loopback port, over connections that it keeps open. `requests` counts what it was sent, by name."""

    allow_reuse_address = True

    def __init__(self, item: Mapping[str, Any]) -> None:  # attribute values in DynamoDB's form
        super().__init__((LOOPBACK, 0), _Conversation)
        self.requests: dict[str, int] = {}
        self.connections = 0
        self.answers = {
            "GetItem": _answer(200, json.dumps({"Item": item}).encode()),
            # What DynamoDB answers to a `GET /`, with which clients open connections beforehand.
            "Ping": _answer(200, b"healthy: dynamodb.us-east-1.amazonaws.com", "text/plain"),
        }

    @property
    def endpoint_url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def run(self) -> AbstractContextManager[int]:
        """Answers for the length of the block."""
        return serving(self, "canned-dynamodb")

    def forget(self) -> None:
        """Counts anew."""
        self.requests, self.connections = {}, 0


class _Conversation(socketserver.StreamRequestHandler):
    """The requests of one connection."""

    # Else the kernel may hold an answer back until the previous one is acknowledged.
    disable_nagle_algorithm = True

    def handle(self) -> None:
        server = cast(CannedDynamoDB, self.server)
        server.connections += 1
        while operation := self._operation():
            server.requests[operation] = server.requests.get(operation, 0) + 1
            self.wfile.write(server.answers.get(operation, _UNKNOWN))

    def _operation(self) -> str | None:
        """Reads a request to its end; None when there is none any more."""
        line = self.rfile.readline()
        if not line:
            return None
        operation, length = ("Ping" if line.startswith(b"GET ") else "Unknown"), 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"x-amz-target":
                operation = value.strip().decode().rpartition(".")[2]
        self.rfile.read(length)
        return operation


def _answer(status: int, body: bytes, kind: str = "application/x-amz-json-1.0") -> bytes:
    head = (
        f"HTTP/1.1 {status} canned\r\nserver: Server\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
        f"connection: keep-alive\r\nx-amzn-requestid: {'A' * 52}\r\nx-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    )
    return head.encode() + body


_UNKNOWN = _answer(400, b'{"__type":"com.amazon.coral.service#UnknownOperationException"}')
