"""DynamoDB through one aiobotocore client.

The client makes exactly one attempt: repeating is the business of `dynamorm_py.middleware.retries`, which knows what a
repetition does. The attempt is made under botocore's *legacy* retry mode, the one in which botocore compares the answer
with DynamoDB's `x-amz-crc32` header.
"""

from __future__ import annotations

import json
import socket
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from re import sub
from threading import Lock
from typing import Any, Final

import aiohttp
from aiobotocore import __version__ as VERSION  # noqa: N812  # it is a constant
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    EndpointProviderError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from botocore.validate import validate_parameters

from dynamorm_py.core.errors import (
    AccessDenied,
    DynamormError,
    InvalidOperation,
    RequestTimeout,
    ServiceError,
    TransportError,
)
from dynamorm_py.core.wire import Request, Response
from dynamorm_py.transports import Check, Credentials, Gate, Settings, Transport
from dynamorm_py.transports.answers import ambiguous, service_error
from dynamorm_py.transports.narrow_trust import NarrowTrust, narrow_bundle
from dynamorm_py.transports.service_data import ServiceLoader, service_loader
from dynamorm_py.transports.signing import USER_AGENT

# As many connections as requests run at once, up to this: sockets are opened when they are needed, not before.
MAX_CONNECTIONS = 64

# What is made a ping while a client warms up. Nothing else here calls it, so no call that is meant can become one.
_REHEARSED = "DescribeEndpoints"

# What botocore raises before anything has left this machine, and what it is here. Whatever is not listed may have been
# raised after the request was sent, and counts as that.
_UNSENT: dict[type[BotoCoreError], tuple[type[DynamormError], str]] = {
    ParamValidationError: (
        InvalidOperation,
        "botocore refused the form of the request; its own error says which parameter",
    ),
    NoRegionError: (InvalidOperation, "no region is known: give Client(region=…), or set AWS_DEFAULT_REGION"),
    EndpointProviderError: (InvalidOperation, "the settings lead to no endpoint: {error}"),
    NoCredentialsError: (
        AccessDenied,
        "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give Client(credentials=…)",
    ),
    PartialCredentialsError: (AccessDenied, "the credentials are incomplete: {error}"),
    CredentialRetrievalError: (AccessDenied, "the credentials could not be fetched: {error}"),
    TokenRetrievalError: (AccessDenied, "the credentials could not be fetched: {error}"),
    ConnectTimeoutError: (TransportError, "no connection in time, so nothing was sent: {error}"),
    ProxyConnectionError: (TransportError, "the proxy let no connection through, so nothing was sent: {error}"),
    SSLError: (TransportError, "no trusted connection, so nothing was sent: {error}"),
}


# What `_UNSENT` says of these is more precise than that the credentials could not be fetched.
_BEFORE_SIGNING = (
    ParamValidationError,
    NoRegionError,
    EndpointProviderError,
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
)

# What a session finds credentials with waits on locks, each of which belongs to the event loop that first waited.
_sessions: Final[dict[AbstractEventLoop | None, AioSession]] = {}
_registering: Final = Lock()


def shared_session() -> AioSession:
    """The session of the running event loop, or the one of those who have none: clients that share it fetch the
    credentials once. What it reads of the service's description, all sessions of this process share."""
    loop = _running_loop()
    session = _sessions.get(loop)
    if session is not None:
        return session
    with _registering:
        _forget_closed_loops()
        return _sessions.setdefault(loop, _new_session())


def forget_credentials() -> None:
    """Has clients that are opened from now on, in any event loop, look for credentials anew."""
    with _registering:
        _sessions.clear()


def forget_session(session: AioSession) -> None:
    """Has the running event loop make another session, unless it has already."""
    with _registering:
        if _sessions.get(_running_loop()) is session:
            del _sessions[_running_loop()]


@cache
def shared_loader(data_path: str | None) -> ServiceLoader:
    """What reads descriptions of services from this path, and keeps them."""
    return service_loader(data_path)


def _new_session() -> AioSession:
    session = get_session()
    session.register_component("data_loader", shared_loader(session.get_config_variable("data_path")))
    return session


def _running_loop() -> AbstractEventLoop | None:
    try:
        return get_running_loop()
    except RuntimeError:
        return None


def _forget_closed_loops() -> None:
    # A weak mapping would not do it: the locks of a session hold on to its loop.
    for loop in [each for each in _sessions if each is not None and each.is_closed()]:
        del _sessions[loop]


@asynccontextmanager
async def open_aiobotocore(settings: Settings) -> AsyncIterator[Transport]:
    """Opens the client for a block. It sends nothing: connections are made when requests need them."""
    few = narrow_bundle(settings)
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(_opened(settings, few))
        if few is None:
            yield transport
        else:
            yield NarrowTrust(transport, lambda: stack.enter_async_context(_opened(settings, None)))


@asynccontextmanager
async def _opened(settings: Settings, bundle: str | None) -> AsyncIterator[AiobotocoreTransport]:
    session = shared_session() if settings.session is None else settings.session
    credentials = settings.credentials
    creating = session.create_client(
        "dynamodb",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        verify=bundle,
        aws_access_key_id=credentials and credentials.access_key,
        aws_secret_access_key=credentials and credentials.secret_key,
        aws_session_token=credentials and credentials.session_token,
        config=_named(client_config(settings), settings, session),
    )
    try:
        client = await creating.__aenter__()
    except (BotoCoreError, ClientError, OSError, ValueError) as error:
        if await _fetches_in_vain(session, settings):
            raise unfetched(error) from error
        if isinstance(error, BotoCoreError):
            raise _never_sent(translated(error)) from error
        raise
    try:
        yield AiobotocoreTransport(client)
    finally:
        await creating.__aexit__(None, None, None)


async def _fetches_in_vain(session: AioSession, settings: Settings) -> bool:
    """Whether a client could not be opened because of credentials, which botocore looks for in between."""
    if settings.credentials is not None:
        return False
    try:
        await session.get_credentials()
    except (BotoCoreError, ClientError, OSError, ValueError):
        return True
    return False


def client_config(settings: Settings) -> AioConfig:
    """Our settings, then the user's, then the one that is not theirs to change: a single attempt.

    The form of requests, which our compiler makes, is not looked at again unless the user asks for it: that takes a
    tenth of a put.
    """
    config = AioConfig(
        connect_timeout=settings.timeouts.connect,
        read_timeout=settings.timeouts.read,
        max_pool_connections=MAX_CONNECTIONS,
        parameter_validation=False,
    )
    if settings.config is not None:
        config = config.merge(settings.config)
    return config.merge(AioConfig(retries={"total_max_attempts": 1, "mode": "legacy"}))


def _named(config: AioConfig, settings: Settings, session: AioSession) -> AioConfig:
    """The configuration with a User-Agent of ours, where nothing has a say in it but this library.

    botocore composes its own twice for every request, of some thirty parts that never change: a fifth of what a request
    takes. One that is given is sent as it is, with botocore's name and version behind it.
    """
    if settings.session is not None or settings.config is not None:
        return config
    if session.get_config_variable("user_agent_appid") is not None:
        return config
    return config.merge(AioConfig(user_agent=f"{USER_AGENT} aiobotocore/{VERSION}"))


class AiobotocoreTransport:
    """Sends through an open aiobotocore client of DynamoDB."""

    def __init__(self, client: Any) -> None:  # aiobotocore makes its methods at run time
        self._client = client
        # A bare name, and last: handlers of more specific events are called before those of less specific ones. So
        # nothing that a user hooked in comes between them and the wire.
        events = client.meta.events
        events.register_last("before-endpoint-resolution", _leave_the_account_open)
        events.register_last("before-sign", _sign_as_told)
        events.register_last("before-send", _check)
        events.register_last("before-parse", _refuse_unreadable)

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

        `check` is called with what the signed body says, whatever hooks of the session made of the request; what it
        raises is raised, and nothing was sent. `credentials` sign this one request, in place of the client's own.
        `gate` is called before botocore waits for a connection: it has no hook behind that.
        """
        orders = _Orders(check, credentials, gate)
        token = _orders.set(orders)
        try:
            return await self._sent(operation, request, orders)
        finally:
            _orders.reset(token)

    async def _sent(self, operation: str, request: Request, orders: _Orders) -> Response:
        try:
            response: Response = await getattr(self._client, _method(operation))(**request)
        except DynamormError:
            raise  # of a check: some are ValueErrors too
        except ClientError as error:
            # Within this call, botocore asks other services for credentials.
            raise _answered(error) if error.operation_name == operation else unfetched(error) from error
        except BotoCoreError as error:
            raise translated(error) if orders.signed else unfetched(error) from error
        except (AttributeError, TypeError):
            self._refuse_malformed(operation, request)
            raise
        except OSError as error:
            if orders.signed:
                raise
            raise unfetched(error) from error
        except (ResponseParserError, ValueError) as error:
            if not orders.signed:
                self._refuse_malformed(operation, request)
                raise unfetched(error) from error
            # A damaged body fails while it is parsed, which botocore does before it compares the checksum.
            raise ambiguous(TransportError("the answer could not be read")) from error
        return response

    def _refuse_malformed(self, operation: str, request: Request) -> None:
        """Raises `InvalidOperation` if that is why botocore could not serialise a request."""
        shape = self._client.meta.service_model.operation_model(operation).input_shape
        try:
            validate_parameters(request, shape)
        except ParamValidationError as error:
            raise translated(error) from error

    async def warm(self) -> bool:
        """Sends a request that is compiled and signed like any other, and is made a `GET /` at the last moment: so
        everything is loaded that a request goes through, and a connection stays open in the pool."""
        answered = False

        def make_it_a_ping(request: Any, **_: Any) -> None:  # a botocore.awsrequest.AWSPreparedRequest
            request.method, request.body, request.headers = "GET", None, _without_signature(request.headers)

        def take_note(**_: Any) -> None:
            nonlocal answered
            answered = True

        events = self._client.meta.events
        events.register(f"before-send.dynamodb.{_REHEARSED}", make_it_a_ping)
        events.register(f"before-parse.dynamodb.{_REHEARSED}", take_note)
        try:
            # What comes back is a page for people, or a refusal, not the answer that was asked for.
            with suppress(DynamormError):
                await self.send(_REHEARSED, {})
        finally:
            events.unregister(f"before-send.dynamodb.{_REHEARSED}", make_it_a_ping)
            events.unregister(f"before-parse.dynamodb.{_REHEARSED}", take_note)
        return answered


@dataclass(slots=True)
class _Orders:
    """What holds for one request beyond itself, and whether it has its signature: nothing is sent before it has."""

    check: Check | None
    credentials: Credentials | None
    gate: Gate | None
    signed: bool = False


# botocore calls its handlers within the call that they concern, in its context: so they learn what holds for it.
_orders: ContextVar[_Orders] = ContextVar("_orders")


def _leave_the_account_open(builtins: dict[str, Any], **_: Any) -> None:  # the parameters of the endpoint's rules
    # The endpoint of an account would be that of the client's own credentials, whose account these may not be of.
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-account-endpoints.html
    if _orders.get().credentials is not None:
        builtins["AWS::Auth::AccountId"] = None


def _sign_as_told(request: Any, **_: Any) -> None:  # a botocore.awsrequest.AWSRequest
    given = _orders.get().credentials
    if given is not None:
        own = AioCredentials(given.access_key, given.secret_key, given.session_token)
        request.context["signing"] = {**request.context.get("signing", {}), "request_credentials": own}


def _check(request: Any, **_: Any) -> None:  # a botocore.awsrequest.AWSPreparedRequest
    # After signing, and the signature covers body and target: what is changed behind this is refused by the service.
    orders = _orders.get()
    orders.signed = True
    if orders.credentials is not None and not _signed_with(orders.credentials.access_key, request.headers):
        raise InvalidOperation("the request was not signed with its tenant's credentials, and was not sent")
    if orders.gate is not None:
        orders.gate()
    if orders.check is not None:
        orders.check(_text(request.headers.get("X-Amz-Target")).rpartition(".")[2], json.loads(request.body))


def _refuse_unreadable(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:  # botocore's own
    """Raises for an acknowledgement that DynamoDB did not write.

    botocore takes a body that is no JSON for an answer without members, which says that a write was applied and that
    an item does not exist.
    """
    body = response_dict["body"]
    if response_dict["status_code"] >= 300 or (not body and operation_model.output_shape is None):
        return
    # A body under a checksum is compared with that, behind this, and needs no second parsing.
    if not body.lstrip().startswith(b"{") or ("x-amz-crc32" not in response_dict["headers"] and not _is_json(body)):
        raise ambiguous(TransportError("the answer could not be read"))


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _signed_with(access_key: str, headers: Any) -> bool:  # botocore's own mapping of headers
    return f" Credential={access_key}/" in _text(headers.get("Authorization"))


def _text(header: str | bytes | None) -> str:
    return header.decode() if isinstance(header, bytes) else header or ""


def _without_signature(headers: Any) -> dict[str, str]:  # botocore's own mapping of headers
    return {name: value for name, value in headers.items() if name.lower() == "user-agent"}


@cache
def _method(operation: str) -> str:
    return sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def translated(error: BotoCoreError) -> DynamormError:
    """An error of botocore's own as ours, which says whether the request may have been sent."""
    for kind, (ours, message) in _UNSENT.items():
        if isinstance(error, kind):
            return ours(message.format(error=error))
    if isinstance(error, EndpointConnectionError) and _refused(error):
        return TransportError(f"no connection, so nothing was sent: {error}")
    if isinstance(error, ReadTimeoutError):
        return ambiguous(RequestTimeout(f"no answer in time: {error}"))
    return ambiguous(TransportError(f"the answer was lost: {error}"))


def unfetched(error: Exception) -> DynamormError:
    """An error that came up before the request had a signature, hence mostly of the fetching of credentials. It is
    `AccessDenied`, except where botocore says outright that it is about something else."""
    if isinstance(error, _BEFORE_SIGNING):
        return translated(error)
    return AccessDenied(f"the credentials could not be fetched: {str(error) or type(error).__name__}")


def _never_sent(error: DynamormError) -> DynamormError:
    error.ambiguous = False
    return error


def _refused(error: EndpointConnectionError) -> bool:
    # aiobotocore raises the same error for a connection that never came about and for one that broke in use.
    return isinstance(error.kwargs.get("error"), aiohttp.ClientConnectorError | socket.gaierror)


def _answered(error: ClientError) -> ServiceError:
    response = error.response
    fault, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    return service_error(
        fault.get("Code", ""),
        fault.get("Message", ""),
        metadata.get("HTTPStatusCode"),
        metadata.get("RequestId"),
        response,
    )
