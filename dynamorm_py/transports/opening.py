"""A transport is chosen and opened: what a client asks for is `opened`, and what it would load `load`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from dynamorm_py.core.errors import AccessDenied
from dynamorm_py.core.wire import Request, Response
from dynamorm_py.transports import Check, Credentials, Gate, Settings, Transport
from dynamorm_py.transports.choice import ACCOUNT_IS_KNOWN, Choice, Wanted, choose, settle
from dynamorm_py.transports.credentials import AsksForAccount, source_for
from dynamorm_py.transports.endpoints import Endpoint, goes_elsewhere, resolve
from dynamorm_py.transports.reasons import Reason


class Opened(NamedTuple):
    """An open transport, and why it is this one."""

    transport: Transport
    choice: Choice


@asynccontextmanager
async def opened(settings: Settings, wanted: Wanted) -> AsyncIterator[Opened]:
    """Chooses a transport and keeps it open for a block. Nothing is sent to DynamoDB; keys that neither the settings
    nor the environment have may be fetched.

    `InvalidOperation` where the direct transport was asked for and cannot be taken, or where a setting is missing.
    """
    choice = choose(settings, wanted, os.environ)
    if choice.name == "direct":
        choice = settle(wanted, await _late_reason(settings, wanted))
    async with _opening(settings, choice) as transport:
        yield Opened(transport, choice)


def load(settings: Settings, wanted: Wanted) -> None:
    """Imports what `opened` would."""
    _opening(settings, choose(settings, wanted, os.environ))
    source_for(settings, os.environ)


async def _late_reason(settings: Settings, wanted: Wanted) -> Reason | None:
    """What speaks against the direct transport, and shows only where it is opened."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return Reason("the event loop is not asyncio's")
    return await _account_of_keys(settings) if wanted == "auto" else None


async def _account_of_keys(settings: Settings) -> Reason | None:
    """Keys that botocore finds often say whose they are: those of a role or of SSO always do."""
    source = source_for(settings, os.environ)
    endpoint = resolve(settings, os.environ)
    if not isinstance(source, AsksForAccount) or isinstance(endpoint, Reason) or not endpoint.by_account:
        return None
    try:
        return ACCOUNT_IS_KNOWN if await source.account_id() else None
    except AccessDenied:
        return Reason("no credentials could be found or fetched")


def _opening(settings: Settings, choice: Choice) -> AbstractAsyncContextManager[Transport]:
    # Imported where it is chosen: aiobotocore takes some 200 ms, which most clients never pay.
    if choice.name == "aiobotocore":
        from dynamorm_py.transports.aiobotocore import open_aiobotocore  # noqa: PLC0415

        return open_aiobotocore(settings)
    from dynamorm_py.transports.direct import open_direct  # noqa: PLC0415

    endpoint = resolve(settings, os.environ)
    if isinstance(endpoint, Reason) or endpoint.custom:
        return open_direct(settings)
    return _with_detours(settings, endpoint, open_direct(settings))


@asynccontextmanager
async def _with_detours(
    settings: Settings, endpoint: Endpoint, opening: AbstractAsyncContextManager[Transport]
) -> AsyncIterator[Transport]:
    async with opening as direct, AsyncExitStack() as stack:
        yield Detours(direct, endpoint, settings, stack)


class Detours:
    """The direct transport, with aiobotocore beside it for the few requests that go to another host. It is opened with
    the first of them."""

    def __init__(self, direct: Transport, endpoint: Endpoint, settings: Settings, stack: AsyncExitStack) -> None:
        self._direct = direct
        self._endpoint = endpoint
        self._settings = settings
        self._stack = stack
        self._other: Transport | None = None
        self._opening = asyncio.Lock()

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
        """On the transport whose host it is for."""
        transport = self._direct
        if goes_elsewhere(self._endpoint, operation, request):
            transport = self._other or await self._detour()
        return await transport.send(operation, request, check=check, credentials=credentials, gate=gate)

    async def warm(self) -> bool:
        """Of the direct transport, which nearly all requests take."""
        return await self._direct.warm()

    async def _detour(self) -> Transport:
        async with self._opening:
            if self._other is None:
                choice = Choice("aiobotocore", "the request goes to another host")
                self._other = await self._stack.enter_async_context(_opening(self._settings, choice))
            return self._other
