"""`EmbeddedDynamoDB`: moto's DynamoDB behind an HTTP port of this process."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dynamorm_py.testing.endpoint import LocalEndpoint
from dynamorm_py.testing.loopback import LOOPBACK, ClosesConnections, serving

try:
    from moto.backends import get_backend
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import ThreadedWSGIServer
except ImportError as error:
    raise ImportError("EmbeddedDynamoDB needs moto's server: pip install 'dynamorm-py[embedded]'") from error

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_logger = logging.getLogger(__name__)

# moto keeps its tables by account, in this process: with an account of its own, no server sees another's tables.
_accounts = itertools.count(100_000_000_001)

_SERVICES = ("dynamodb", "dynamodbstreams")


class EmbeddedDynamoDB(LocalEndpoint):
    """A DynamoDB of this process, empty, for the length of a `with` block::

        with EmbeddedDynamoDB() as dynamodb:
            async with dynamodb.client() as db:
                await db.create_tables(User)

    It listens on a free loopback port, takes any credentials, and forgets its tables at the end. It is moto's rendering
    of DynamoDB and forgives some requests that the service refuses; where that matters, test on DynamoDB Local too.
    """

    def __init__(self, *, region: str = "us-east-1") -> None:
        self.region = region
        self._port: int | None = None
        self._exit = ExitStack()

    @property
    def endpoint_url(self) -> str:
        if self._port is None:
            raise RuntimeError("the embedded DynamoDB runs only inside its `with` block")
        return f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        if self._port is not None:
            raise RuntimeError("this embedded DynamoDB runs already")
        account = _Account(str(next(_accounts)))
        server = _Server(LOOPBACK, 0, account, _RequestHandler)
        with ExitStack() as stack:
            stack.callback(account.forget)
            self._port = stack.enter_context(serving(server, "embedded-dynamodb"))
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._port = None
        self._exit.close()


class _Account:
    """A WSGI application: moto's, seen from one account."""

    def __init__(self, account_id: str) -> None:
        self._id = account_id
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            environ.setdefault("HTTP_X_MOTO_ACCOUNT_ID", self._id)
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer

    def forget(self) -> None:
        """Drops all tables of the account, in every region."""
        for service in _SERVICES:
            regions = get_backend(service).pop(self._id, None)
            if regions is not None:
                regions.reset()


class _Server(ClosesConnections, ThreadedWSGIServer):
    def log(self, type: str, message: str, *arguments: Any) -> None:  # noqa: A002 (werkzeug's name)
        _log(type, message, *arguments)


class _RequestHandler(MotoRequestHandler):  # type: ignore[misc] # moto is not followed: see pyproject.toml
    def send_response(self, code: int, message: str | None = None) -> None:
        # As the base class, without a `Server` of its own: moto sends one too, and two are refused by strict clients,
        # such as aiohttp in Python's development mode.
        self.log_request(code)
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def log(self, type: str, message: str, *arguments: Any) -> None:  # noqa: A002 (werkzeug's name)
        _log(type, message, *arguments)


def _log(kind: str, message: str, *arguments: object) -> None:
    """Werkzeug would print every request; here they are for those who debug, and only moto's crashes for everybody."""
    _logger.log(logging.ERROR if kind == "error" else logging.DEBUG, message.rstrip(), *arguments)
