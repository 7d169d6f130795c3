"""Where the direct transport has the keys from that it signs with.

What is given, or stands in the environment, needs no library to be read. Everything else (containers, SnapStart,
profiles, SSO, roles, instance metadata) is botocore's business, which fetches and refreshes it.
https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from dynamorm_py.transports import Credentials, Settings


class CredentialSource(Protocol):
    """Has the keys for a request."""

    def at_hand(self) -> Credentials | None:
        """What `current` would give, where nobody has to be asked for it; else None."""
        ...

    async def current(self) -> Credentials:
        """The keys to sign with now: the same object as long as they are the same. `AccessDenied` where there are none,
        or where they could not be fetched."""
        ...

    def forget(self, access_key: str) -> None:
        """Has the keys looked for anew, if they are still those of this access key, which DynamoDB did not take."""
        ...


@runtime_checkable
class AsksForAccount(Protocol):
    """A source whose keys may say whose they are."""

    async def account_id(self) -> str | None:
        """The account that the keys are known to belong to. `AccessDenied` as of `CredentialSource.current`."""
        ...


def source_for(settings: Settings, environ: Mapping[str, str]) -> CredentialSource:
    """The source that botocore would take: what was given, then the environment, then what it finds itself."""
    if settings.credentials is not None:
        return GivenCredentials(settings.credentials)
    found = in_environment(environ)
    if found is not None:
        return EnvironmentCredentials(environ, found)
    # Behind it stand botocore and aiohttp.
    from dynamorm_py.transports.session_credentials import SessionCredentials  # noqa: PLC0415

    return SessionCredentials()


def in_environment(environ: Mapping[str, str]) -> Credentials | None:
    """The keys in the environment, which in Lambda are those of the function's role; None where they are incomplete, or
    will expire before the process does.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html
    """
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key or environ.get("AWS_CREDENTIAL_EXPIRATION"):
        return None
    # The first is the name that the second had once, and botocore still puts it first.
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    return Credentials(access_key, secret_key, token or None)


class GivenCredentials:
    """Keys that the client was made with."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def at_hand(self) -> Credentials:
        return self._credentials

    async def current(self) -> Credentials:
        return self._credentials

    def forget(self, access_key: str) -> None:
        """There are no others."""


class EnvironmentCredentials:
    """Keys of the environment, as it was when they were looked for."""

    def __init__(self, environ: Mapping[str, str], found: Credentials) -> None:
        self._environ = environ
        self._found = found

    def at_hand(self) -> Credentials:
        return self._found

    async def current(self) -> Credentials:
        return self._found

    def forget(self, access_key: str) -> None:
        """Reads the environment again, which a process can change in itself."""
        if self._found.access_key == access_key:
            self._found = in_environment(self._environ) or self._found
