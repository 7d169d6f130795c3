"""A server that finds every item, and counts the connections made to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from dynamorm_py.testing.loopback import ClosesConnections, serving

ITEM = {"Item": {"name": {"S": "ann"}}}


class CountingServer(ClosesConnections, HTTPServer):
    connections = 0
    port = 0

    def get_request(self) -> tuple[socket.socket, Any]:  # the address, in whatever form the family has
        self.connections += 1
        return super().get_request()

    @property
    def settings(self) -> dict[str, str]:
        """What clients are told to reach it."""
        return {"region_name": "us-east-1", "endpoint_url": f"http://127.0.0.1:{self.port}"}


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ITEM).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Says nothing."""


@contextmanager
def counting() -> Iterator[CountingServer]:
    server = CountingServer(("127.0.0.1", 0), _RequestHandler)
    with serving(server, "dynamodb") as port:
        server.port = port
        yield server
