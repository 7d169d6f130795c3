"""aiobotocore trusting Amazon's roots first, which load in a millisecond, and the web's authorities, which take twenty,
where these do not know the issuer of a certificate: behind a proxy that opens TLS, say.

That is for endpoints of the commercial partition alone, and where the user has said nothing about trust, neither by a
bundle nor by a session or configuration of their own. A connection that is refused for its certificate has carried
nothing, so the request can be sent on another one.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable

import aiohttp
from botocore.exceptions import SSLError

from dynamorm_py.core.errors import TransportError
from dynamorm_py.core.wire import Request, Response
from dynamorm_py.transports import Check, Credentials, Gate, Settings, Transport
from dynamorm_py.transports.endpoints import Endpoint, resolve
from dynamorm_py.transports.trust import AMAZON_ROOTS, is_unknown_issuer


def narrow_bundle(settings: Settings) -> str | None:
    """The file of certificates that is enough for these settings, most likely; None where botocore is to decide."""
    if settings.session is not None or settings.config is not None:
        return None
    endpoint = resolve(settings, os.environ)
    return str(AMAZON_ROOTS) if isinstance(endpoint, Endpoint) and endpoint.amazon_roots else None


class NarrowTrust:
    """A transport that trusts few, and one that trusts all that is usual, which `widen` opens when it is needed. From
    then on everything goes there."""

    def __init__(self, narrow: Transport, widen: Callable[[], Awaitable[Transport]]) -> None:
        self._narrow = narrow
        self._widen = widen
        self._wide: Transport | None = None
        self._widening = asyncio.Lock()

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
        """Sends the request once, on a connection that is trusted."""
        if self._wide is None:
            try:
                return await self._narrow.send(operation, request, check=check, credentials=credentials, gate=gate)
            except TransportError as error:
                if not _from_an_unknown_issuer(error):
                    raise
        wide = await self._widened()
        return await wide.send(operation, request, check=check, credentials=credentials, gate=gate)

    async def warm(self) -> bool:
        """Opens a connection. It fails where few are too few: the first request then finds out."""
        return await (self._wide or self._narrow).warm()

    async def _widened(self) -> Transport:
        async with self._widening:
            if self._wide is None:
                self._wide = await self._widen()
            return self._wide


def _from_an_unknown_issuer(error: TransportError) -> bool:
    cause = error.__cause__
    refused = cause.kwargs.get("error") if isinstance(cause, SSLError) else None
    if not isinstance(refused, aiohttp.ClientConnectorCertificateError):
        return False
    reason = refused.certificate_error
    return isinstance(reason, ssl.SSLError) and is_unknown_issuer(reason)
