"""AWS's Security Token Service through one aiobotocore client.

What fails here failed before anything went to DynamoDB, so no error is marked `ambiguous`.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiobotocore.config import AioConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)

from dynamorm_py.client.connection import Place
from dynamorm_py.core.errors import (
    AccessDenied,
    DynamormError,
    InvalidOperation,
    ServiceError,
    Throttled,
    TransportError,
)
from dynamorm_py.transports import Credentials
from dynamorm_py.transports.aiobotocore import shared_session

# AssumeRole changes nothing, so it may be repeated: by botocore, which knows what of STS's answers is worth it.
ATTEMPTS = 3
# Each request is small and rare: what waits for a connection waits for a few milliseconds.
MAX_CONNECTIONS = 10

# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors
# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "RegionDisabled",
    "RegionDisabledException",
    "SignatureDoesNotMatch",
}
_THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
_REFUSED = {
    "PackedPolicyTooLarge": "the session policy and tags take more than the space that STS has for them once they are "
    "packed: attach the policy of a session tag to the role instead, iam_policy(models, session_tag=…)",
    "MalformedPolicyDocument": "STS does not accept the session policy",
    "ValidationError": "STS does not accept the request",
}
_NO_CREDENTIALS = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError, TokenRetrievalError)


@dataclass(frozen=True, slots=True)
class StsSettings:
    """What the client is opened with; None leaves it to the environment."""

    region: str | None = None
    endpoint_url: str | None = None
    credentials: Credentials | None = None
    session: Any = None  # aiobotocore.session.AioSession
    config: Any = None  # botocore.config.Config


class Sts:
    """An open client, which works at the `place` that opened it; `users` counts for whom it is open."""

    def __init__(self, client: Any, opener: AbstractAsyncContextManager[Any]) -> None:
        # aiobotocore makes the client's methods at run time.
        self._client = client
        self._opener = opener
        self.place = Place.here()
        self.users = 0

    @classmethod
    async def open(cls, settings: StsSettings) -> Sts:
        """Opens a client; nothing is sent."""
        opener = _client(settings)
        try:
            return cls(await opener.__aenter__(), opener)
        except BotoCoreError as error:
            raise _unsent(error) from error

    async def close(self) -> None:
        await self._opener.__aexit__(None, None, None)

    async def assume_role(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        """The answer to `AssumeRole`: `Credentials`, and `PackedPolicySize` in percent."""
        try:
            answer: Mapping[str, Any] = await self._client.assume_role(**request)
        except ClientError as error:
            raise _answered(error) from error
        except BotoCoreError as error:
            raise _unsent(error) from error
        return answer


@asynccontextmanager
async def _client(settings: StsSettings) -> AsyncIterator[Any]:
    """A generator, because a loop that ends runs those to their end: a client that was left open leaves no sockets."""
    session = shared_session() if settings.session is None else settings.session
    own = settings.credentials
    config = AioConfig(
        max_pool_connections=MAX_CONNECTIONS, retries={"total_max_attempts": ATTEMPTS, "mode": "standard"}
    )
    async with session.create_client(
        "sts",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=own and own.access_key,
        aws_secret_access_key=own and own.secret_key,
        aws_session_token=own and own.session_token,
        config=config if settings.config is None else config.merge(settings.config),
    ) as client:
        yield client


def _answered(error: ClientError) -> DynamormError:
    fault, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code: str = fault.get("Code", "")
    status: int | None = metadata.get("HTTPStatusCode")
    message = fault.get("Message") or f"STS answered {code or status}"
    refusal = _REFUSED.get(code.removesuffix("Exception"))
    if refusal is not None:
        return InvalidOperation(f"{refusal} ({message})", operation="AssumeRole")
    kind = AccessDenied if code in _DENIED else Throttled if code in _THROTTLED else ServiceError
    return kind(message, code=code, status=status, request_id=metadata.get("RequestId"), operation="AssumeRole")


def _unsent(error: BotoCoreError) -> DynamormError:
    if isinstance(error, _NO_CREDENTIALS):
        return AccessDenied(f"no credentials to ask STS with: {error}", operation="AssumeRole")
    if isinstance(error, NoRegionError | ParamValidationError):
        return InvalidOperation(f"STS could not be asked: {error}", operation="AssumeRole")
    return TransportError(f"STS did not answer: {error}", operation="AssumeRole")
