"""The Lambda Runtime API as the service serves it, for one execution environment at a time.

The runtime client asks for an event, which is held back until there is one, and posts what became of it; before that it
may report that INIT failed, and with SnapStart it asks to be restored in between.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Condition
from typing import ClassVar, TypedDict, cast

from dynamorm_py.testing.loopback import LOOPBACK, ClosesConnections, serving

VERSION_PREFIX = "/2018-06-01/runtime"

_logger = logging.getLogger(__name__)


class FunctionError(TypedDict):
    """A failure in the form in which runtimes report it and Lambda's callers receive it."""

    errorType: str
    errorMessage: str
    stackTrace: list[str]


@dataclass(frozen=True, slots=True)
class Event:
    """One event for the function. `headers` lack the deadline: it is reckoned from the moment of handing out."""

    request_id: str
    body: bytes
    timeout_ms: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the function posted for an event. `milliseconds` run from handing out the event to the end of the answer."""

    body: bytes
    error: FunctionError | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class _Posted:
    """The body of a POST, and the trailers that follow a chunked one."""

    body: bytes
    trailers: Mapping[str, str]


class RuntimeApi:
    """The state of the conversation. All times are of `time.perf_counter`; all fields are read under `wait_for`."""

    def __init__(self) -> None:
        self.ready_at: float | None = None  # INIT ended: the first request for an event, or for the restoring
        self.polled: int = 0  # requests for an event
        self.handed_out_at: float | None = None  # of the current event
        self.init_error: FunctionError | None = None
        self.restore_error: FunctionError | None = None
        self.outcome: Outcome | None = None
        self._event: Event | None = None
        self._released = False
        self._closed = False
        self._changed = Condition()

    def serve(self) -> AbstractContextManager[int]:
        """Serves on a free loopback port, which it yields, for the length of a `with` block."""
        return serving(_Server(self), "lambda-runtime-api")

    def wait_for(self, true: Callable[[], bool], seconds: float) -> bool:
        """Waits until `true()`; False when `seconds` have passed without."""
        with self._changed:
            return self._changed.wait_for(true, max(0, seconds))

    def wake(self) -> None:
        """Has every waiter look again: something outside of this object has changed."""
        with self._changed:
            self._changed.notify_all()

    def offer(self, event: Event) -> None:
        """Makes it the current event, in the place of the one before."""
        with self._changed:
            self._event, self.handed_out_at, self.outcome = event, None, None
            self._changed.notify_all()

    def release(self) -> None:
        """Answers the request for the restoring: the snapshot is being resumed."""
        with self._changed:
            self._released = True
            self._changed.notify_all()

    def close(self) -> None:
        """Lets go of every request that is held back; the function is told nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def next_event(self) -> tuple[Event, int] | None:
        """Blocks until there is an event; with it, its deadline in epoch milliseconds. None at the end."""
        with self._changed:
            self.polled += 1
            self._ready()
            self._changed.wait_for(lambda: self._closed or (self._event is not None and self.handed_out_at is None))
            if self._closed or self._event is None:
                return None
            self.handed_out_at = time.perf_counter()
            self._changed.notify_all()
            return self._event, time.time_ns() // 1_000_000 + self._event.timeout_ms

    def next_restore(self) -> bool:
        """Blocks until the snapshot is resumed; False at the end."""
        with self._changed:
            self._ready()
            self._changed.wait_for(lambda: self._closed or self._released)
            return not self._closed

    def answer(self, request_id: str, body: bytes, error: FunctionError | None) -> bool:
        """Takes what the function posted; False when that is not the event it was given, or was answered before."""
        now = time.perf_counter()
        with self._changed:
            current = self._event is not None and self._event.request_id == request_id
            if not current or self.handed_out_at is None or self.outcome is not None:
                return False
            self.outcome = Outcome(body, error, (now - self.handed_out_at) * 1000)
            self._changed.notify_all()
            return True

    def fail_init(self, error: FunctionError) -> None:
        with self._changed:
            self.init_error = error
            self._changed.notify_all()

    def fail_restore(self, error: FunctionError) -> None:
        with self._changed:
            self.restore_error = error
            self._changed.notify_all()

    def _ready(self) -> None:
        if self.ready_at is None:
            self.ready_at = time.perf_counter()
        self._changed.notify_all()


class _Server(ClosesConnections, HTTPServer):
    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__((LOOPBACK, 0), _RequestHandler)


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Whole answers are written at once: INIT and warm times are measured through this server.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._dispatch(self._gets)

    def do_POST(self) -> None:
        self._dispatch(self._posts)

    def handle_expect_100(self) -> bool:
        # curl holds a large body back until it has read this.
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        _logger.debug(format, *args)

    def _dispatch(self, routes: Mapping[str, Callable[[_RequestHandler], None]]) -> None:
        path = self.path.removeprefix(VERSION_PREFIX)
        name = path.rsplit("/", 1)[1] if path.startswith("/invocation/") and not path.endswith("/next") else path
        route = routes.get(name)
        if route is None or path == self.path:
            self._refuse(HTTPStatus.NOT_FOUND, "NotFound", self.path)
        else:
            route(self)

    @property
    def _api(self) -> RuntimeApi:
        return cast(_Server, self.server).api

    def _next_invocation(self) -> None:
        given = self._api.next_event()
        if given is None:
            self.close_connection = True
            return
        event, deadline_ms = given
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            **event.headers,
        }
        self._reply(HTTPStatus.OK, event.body, headers)

    def _next_restore(self) -> None:
        if self._api.next_restore():
            self._reply(HTTPStatus.OK, b"")
        else:
            self.close_connection = True

    def _response(self) -> None:
        posted = self._read()
        # A streamed response that breaks off says so in its trailers, and has been sent as far as it went.
        error_type = posted.trailers.get("Lambda-Runtime-Function-Error-Type")
        report = base64.b64decode(posted.trailers.get("Lambda-Runtime-Function-Error-Body", ""))
        self._settle(posted.body, function_error(report, error_type) if error_type else None)

    def _invocation_error(self) -> None:
        self._settle(b"", self._read_error())

    def _settle(self, body: bytes, error: FunctionError | None) -> None:
        request_id = self.path.split("/")[-2]
        if self._api.answer(request_id, body, error):
            self._accept()
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, "InvalidRequestID", f"{request_id} is not being waited for")

    def _init_error(self) -> None:
        self._api.fail_init(self._read_error())
        self._accept()

    def _restore_error(self) -> None:
        self._api.fail_restore(self._read_error())
        self._accept()

    _gets: ClassVar[dict[str, Callable[[_RequestHandler], None]]] = {
        "/invocation/next": _next_invocation,
        "/restore/next": _next_restore,
    }
    _posts: ClassVar[dict[str, Callable[[_RequestHandler], None]]] = {
        "response": _response,
        "error": _invocation_error,
        "/init/error": _init_error,
        "/restore/error": _restore_error,
    }

    def _accept(self) -> None:
        self._reply(HTTPStatus.ACCEPTED, b'{"status":"OK"}')

    def _refuse(self, status: HTTPStatus, error_type: str, message: str) -> None:
        self._reply(status, json.dumps({"errorType": error_type, "errorMessage": message}).encode())

    def _reply(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _read_error(self) -> FunctionError:
        return function_error(self._read().body, self.headers.get("Lambda-Runtime-Function-Error-Type"))

    def _read(self) -> _Posted:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        return _Posted(self._read_exactly(int(self.headers.get("Content-Length", 0))), {})

    def _read_chunks(self) -> _Posted:
        """https://www.rfc-editor.org/rfc/rfc9112#section-7.1"""
        body = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self._read_exactly(size)
            self._read_exactly(2)
        trailers = http.client.parse_headers(self.rfile)
        return _Posted(bytes(body), dict(trailers.items()))

    def _read_exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionAbortedError("the function ended in the middle of its answer")
        return data


def function_error(report: bytes, error_type: str | None) -> FunctionError:
    """Reads a runtime's report; one that is not in the usual form is kept whole, as the message."""
    try:
        parsed = json.loads(report)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        parsed = {"errorMessage": report.decode(errors="replace")}
    return FunctionError(
        errorType=str(parsed.get("errorType") or error_type or "Runtime.Unknown"),
        errorMessage=str(parsed.get("errorMessage", "")),
        stackTrace=[str(line) for line in parsed.get("stackTrace") or []],
    )
