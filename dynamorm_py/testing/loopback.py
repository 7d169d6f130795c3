"""A threaded server on a loopback port that ends without leaving a thread or a socket behind."""

from __future__ import annotations

import socket
import socketserver
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Any

LOOPBACK = "127.0.0.1"

# How long `serve_forever` may take to notice that it shall end.
_POLL_SECONDS = 0.02

# socketserver's own type of a request: a socket, or for datagrams a pair.
_Request = Any


class ClosesConnections(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Put before another `TCPServer`: `server_close` also ends the open connections and waits for their threads.

    A thread that waits for the next request of an idle connection would otherwise live as long as its client likes.
    """

    daemon_threads = False
    block_on_close = True

    def __init__(self, *arguments: Any, **options: Any) -> None:  # those of the server that follows
        self._connections: set[socket.socket] = set()
        self._connections_lock = Lock()
        super().__init__(*arguments, **options)

    def process_request(self, request: _Request, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Request) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: _Request, client_address: Any) -> None:
        # A client that hangs up ends its conversation; the server has nothing to report.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        with self._connections_lock:
            for connection in self._connections:
                # The client may have closed it first.
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


@contextmanager
def serving(server: socketserver.TCPServer, name: str) -> Iterator[int]:
    """Serves in a thread of the given name for the length of the block; yields the port."""
    thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name=name, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
