"""A TCP proxy that counts the connections made through it, and can treat them as servers treat idle ones."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHUNK = 65_536
PATIENCE_SECONDS = 30


class CountingProxy:
    """Forwards a free loopback port to `target`, an `http://host:port`, for the length of a `with` block.

    With `tls`, a server's context, the near side is https. A connection on which nothing was sent for `idle_limit`
    seconds is closed; `wait_until_idle_ones_are_closed` waits for that.
    """

    def __init__(self, target: str, *, tls: ssl.SSLContext | None = None, idle_limit: float | None = None) -> None:
        parts = urlsplit(target)
        assert parts.hostname
        assert parts.port
        self._target = (parts.hostname, parts.port)
        self._tls = tls
        self._idle_limit = idle_limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._silenced: set[socket.socket] = set()
        self._ending = threading.Event()
        self.connections = 0

    @property
    def url(self) -> str:
        port = self._listener.getsockname()[1]
        return f"https://localhost:{port}" if self._tls else f"http://127.0.0.1:{port}"

    def wait_until_idle_ones_are_closed(self) -> bool:
        """False if there are still some after the longest time that a test should take."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, PATIENCE_SECONDS)

    def silence(self) -> None:
        """Forwards nothing more on the connections there are, and does not close them: as if the way to the server
        had been lost."""
        with self._changed:
            self._silenced |= self._open

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        _shut(self._listener)
        with self._changed:
            for connection in self._open:
                # Wakes the thread that waits for it; closing alone would not.
                _shut(connection)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work: object, *arguments: socket.socket) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, near)

    def _serve(self, accepted: socket.socket) -> None:
        # It is closed also where the target cannot be reached.
        with (
            suppress(OSError),
            accepted,
            socket.create_connection(self._target) as far,
            self._secured(accepted) as near,
        ):
            with self._changed:
                self._open.add(near)
            try:
                self._relay(near, far)
            finally:
                _say_goodbye(near)
                with self._changed:
                    self._open.discard(near)
                    self._changed.notify_all()

    def _secured(self, accepted: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(accepted, server_side=True) if self._tls else accepted

    def _relay(self, near: socket.socket, far: socket.socket) -> None:
        # One thread for both directions: a TLS connection is not made for two.
        while not self._ending.is_set():
            waiting = isinstance(near, ssl.SSLSocket) and near.pending()
            ready = [near] if waiting else select.select([near, far], [], [], self._idle_limit)[0]
            if not ready:
                return
            for source in ready:
                data = source.recv(CHUNK)
                if not data:
                    return
                if near not in self._silenced:
                    (far if source is near else near).sendall(data)


def _say_goodbye(connection: socket.socket) -> None:
    """Ends a TLS connection as servers do: with a close_notify, to which no answer is waited for."""
    with suppress(OSError):
        if isinstance(connection, ssl.SSLSocket):
            connection.setblocking(False)
            with suppress(ssl.SSLError):
                connection.unwrap()
        connection.shutdown(socket.SHUT_RDWR)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
