"""DynamoDB through connections of our own: HTTP/1.1 over asyncio, signed here.

It does per request what the service requires and nothing else, for a tenth to a fifth of the CPU of a botocore client,
and loads none of botocore as long as the credentials are at hand. There are no hooks, no proxies and no configuration
besides what `dynamorm_py.transports.endpoints` reads: who needs more takes the aiobotocore transport, whose requests,
answers and errors are the same.

One attempt a request, as there: repeating is the business of `dynamorm_py.middleware.retries`. The one exception is a
kept connection that turns out to be dead, of which HTTP says that any client has to expect it. There the request is
sent a second time if it reads, or if no more than a part of it had left. A write under a token is not, though it would
not be applied twice: were its second sending refused, the caller would take for refused what the first one had done.
https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias
from zlib import crc32

from dynamorm_py.core.errors import (
    DynamormError,
    InvalidOperation,
    RequestTimeout,
    ServiceError,
    TransportError,
)
from dynamorm_py.core.wire import Request, Response, reads
from dynamorm_py.transports import Check, Credentials, Gate, Settings, Timeouts
from dynamorm_py.transports.answers import ambiguous, service_error
from dynamorm_py.transports.connections import Answer, AnswerTimeout, BadAnswer, Connection, ConnectionLost, Pool
from dynamorm_py.transports.credentials import CredentialSource, source_for
from dynamorm_py.transports.endpoints import Endpoint, resolve
from dynamorm_py.transports.payloads import WORDLESS, decode, decode_error, encode
from dynamorm_py.transports.reasons import Reason
from dynamorm_py.transports.signing import Signer
from dynamorm_py.transports.trust import amazon_roots, bundle, is_unknown_issuer

# As many connections as requests run at once, up to this: sockets are opened when they are needed, not before.
MAX_CONNECTIONS = 64

# How long an address is waited for at least, in seconds: half a dozen of them do not leave too little for any.
LEAST_SHARE = 0.25

# What a name resolves to: family, kind, protocol, name, address; the last in a form that depends on the first.
_Place: TypeAlias = tuple[Any, Any, int, str, tuple[Any, ...]]

# The service's words for credentials that it no longer takes.
_REFUSED_CREDENTIALS = frozenset({"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException"})


@asynccontextmanager
async def open_direct(settings: Settings) -> AsyncIterator[DirectTransport]:
    """Opens the transport for a block. It sends nothing: connections are made when requests need them.

    Raises `InvalidOperation` where the settings or the environment ask for what only the aiobotocore transport can do.
    """
    endpoint = resolve(settings, os.environ)
    if isinstance(endpoint, Reason):
        raise InvalidOperation(f"the direct transport cannot be used: {endpoint.why}")
    transport = DirectTransport(endpoint, source_for(settings, os.environ), settings.timeouts)
    try:
        yield transport
    finally:
        await transport.close()


class Dialler:
    """Opens connections to one endpoint."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._roots_suffice = endpoint.amazon_roots

    async def __call__(self, on_lost: Callable[[Connection], None]) -> Connection:
        """A connection, with its TLS handshake done. Raises `TransportError`, and nothing has been sent."""
        try:
            async with asyncio.timeout(self._timeouts.connect):
                return await self._trusted(on_lost)
        except TimeoutError as error:
            message = f"no connection within {self._timeouts.connect:g} s, so nothing was sent"
            raise TransportError(message) from error
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise TransportError(f"no trusted connection, so nothing was sent: {error}") from error
        except OSError as error:
            raise TransportError(f"no connection, so nothing was sent: {error}") from error

    async def _trusted(self, on_lost: Callable[[Connection], None]) -> Connection:
        if self._endpoint.scheme == "http":
            return await self._connected(on_lost, None)
        if self._roots_suffice:
            try:
                return await self._connected(on_lost, amazon_roots())
            except ssl.SSLError as error:
                if not is_unknown_issuer(error):
                    raise
                self._roots_suffice = False
        return await self._connected(on_lost, bundle(self._endpoint.ca_bundle))

    async def _connected(self, on_lost: Callable[[Connection], None], context: ssl.SSLContext | None) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(loop, self._timeouts.read, on_lost),
            sock=await self._reached(loop),
            ssl=context,
            server_hostname=self._endpoint.host if context is not None else None,
        )
        return connection

    async def _reached(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        """A socket to the first of the host's addresses that answers.

        One after the other, each for its share of the time, so that one that swallows packets leaves some for the next.
        To race them (`happy_eyeballs_delay`) leaves a socket open when it is cancelled, as Python 3.11 does it.
        """
        end = loop.time() + self._timeouts.connect
        places = await self._places(loop)
        failure = OSError(f"{self._endpoint.host} has no address")
        for left, (family, kind, protocol, _, address) in zip(range(len(places), 0, -1), places, strict=True):
            try:
                async with asyncio.timeout(max((end - loop.time()) / left, LEAST_SHARE)):
                    return await _connected_to(address, socket.socket(family, kind, protocol), loop)
            except OSError as error:  # a TimeoutError is one
                failure = error
        raise failure

    async def _places(self, loop: asyncio.AbstractEventLoop) -> list[_Place]:
        # As bytes: of text, Python asks a codec for names in other scripts, which takes its time to load.
        host = self._endpoint.host.encode() if self._endpoint.host.isascii() else self._endpoint.host
        try:
            # An address is looked up at once, and needs no thread for it.
            return socket.getaddrinfo(host, self._endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            return await loop.getaddrinfo(host, self._endpoint.port, type=socket.SOCK_STREAM)


async def _connected_to(
    address: tuple[Any, ...],  # of a form that depends on its family
    opened: socket.socket,
    loop: asyncio.AbstractEventLoop,
) -> socket.socket:
    try:
        opened.setblocking(False)
        await loop.sock_connect(opened, address)
    except BaseException:
        opened.close()
        raise
    return opened


class DirectTransport:
    """Sends over a pool of connections to one endpoint."""

    def __init__(self, endpoint: Endpoint, source: CredentialSource, timeouts: Timeouts) -> None:
        self._source = source
        self._signer = Signer(endpoint.authority, endpoint.region)
        self._pool = Pool(Dialler(endpoint, timeouts), MAX_CONNECTIONS)

    async def send(
        self,
        operation: str,
        request: Request,
        /,
        *,
        check: Check | None = None,
        credentials: Credentials | None = None,
        gate: Gate | None = None,
    ) -> Response:
        """Sends the request once. What was sent and not surely answered raises an error marked `ambiguous`.

        Errors are those of the aiobotocore transport, but that the form of a request is left to DynamoDB to judge. The
        cause of one that is no answer is what the operating system, TLS or the parser raised; DynamoDB's own errors
        have none.
        """
        resent = False
        while True:
            keys = credentials or self._source.at_hand() or await self._source.current()
            connection = self._pool.ready() or await self._pool.acquire()
            kept = connection.exchanges > 0
            try:
                # Nothing else runs between the checks and the write: what was checked is what is sent.
                if gate is not None:
                    gate()
                if check is not None:
                    check(operation, request)
                answer = await connection.exchange(self._signer.signed(operation, encode(operation, request), keys))
            except ConnectionLost as lost:
                if resent or not kept or not (lost.unsent or reads(operation)):
                    raise _lost(lost) from lost.__cause__ or lost
                resent = True
                self._pool.discard_idle()
            except AnswerTimeout as late:
                raise ambiguous(RequestTimeout(f"no answer in time: {late}")) from late.__cause__ or late
            except BadAnswer as bad:
                raise ambiguous(TransportError("the answer could not be read")) from bad.__cause__ or bad
            else:
                return self._told(operation, answer, keys, own=credentials is None)
            finally:
                # One that still waits for its answer, because the request was cancelled, is closed by that.
                self._pool.release(connection)

    def _told(self, operation: str, answer: Answer, keys: Credentials, *, own: bool) -> Response:
        try:
            return _read(operation, answer)
        except ServiceError as error:
            if own and error.code in _REFUSED_CREDENTIALS:
                self._source.forget(keys.access_key)
            raise

    async def warm(self) -> bool:
        """Fetches the credentials and opens a connection, with its TLS handshake done."""
        with suppress(DynamormError):
            await self._source.current()
        try:
            self._pool.release(await self._pool.acquire())
        except DynamormError:
            return False
        return True

    async def close(self) -> None:
        """Closes every connection, and waits until their sockets are."""
        await self._pool.close()


def _read(operation: str, answer: Answer) -> Response:
    """What an answer says. Raises what it says where that is an error, and where nobody can tell what it says."""
    headers, body = answer.headers, answer.body
    checksum = headers.get("x-amz-crc32")
    try:
        if checksum is not None and int(checksum) != crc32(body):
            raise ValueError("the checksum does not fit")  # noqa: TRY301 - as whatever is unreadable
        if answer.status >= 300:
            raise _refusal(answer)
        members = decode(operation, body) if body or operation not in WORDLESS else {}
        if not isinstance(members, dict):
            raise ValueError("the answer is no object")  # noqa: TRY004, TRY301
    except ValueError as error:
        raise ambiguous(TransportError("the answer could not be read")) from error
    metadata: dict[str, Any] = {"HTTPStatusCode": answer.status, "HTTPHeaders": headers, "RetryAttempts": 0}
    request_id = headers.get("x-amzn-requestid")
    if request_id is not None:
        metadata["RequestId"] = request_id
    members["ResponseMetadata"] = metadata
    return members


def _lost(lost: ConnectionLost) -> TransportError:
    error = TransportError(f"the answer was lost: {lost}")
    error.ambiguous = not lost.unsent
    return error


def _refusal(answer: Answer) -> ServiceError:
    """An error's answer. Between us and the service may stand who answers in HTML: then the status is the code."""
    try:
        members: Any = decode_error(answer.body) if answer.body else {}
    except ValueError:
        members = {}
    if not isinstance(members, dict):
        members = {}
    code = str(members.get("__type") or answer.status)
    message = members.get("message") or members.get("Message") or ""
    return service_error(
        # As botocore reads it: "com.amazonaws.dynamodb.v20120810#ThrottlingException", and what follows a colon.
        code.partition(":")[0].rpartition("#")[2],
        str(message),
        answer.status,
        answer.headers.get("x-amzn-requestid"),
        members,
    )
