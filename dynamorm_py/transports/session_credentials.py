"""Credentials as botocore finds them, fetched and refreshed by the session that the clients of an event loop share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import NoCredentialsError

from dynamorm_py.transports import Credentials
from dynamorm_py.transports.aiobotocore import forget_session, shared_session, unfetched

# So many seconds a failure is the answer to whoever asks next. To go through all sources in vain takes a second and
# more, and the request after this one would find no more than it did.
MEMORY = 2.0

# Programs may ask people before they print keys, so this is long; it is for those who never answer.
PATIENCE = 60.0


class SessionCredentials:
    """Asks the shared session. One instance belongs to one event loop. `clock` counts seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._session: Any = None  # the AioSession that is asked, or was last
        self._provider: Any = None  # an aiobotocore AioCredentials that had keys, and may refresh itself
        self._frozen: Any = None  # its botocore ReadOnlyCredentials
        self._current = _NONE
        self._looking: Final = asyncio.Lock()
        self._clock = clock
        self._failure: Exception | None = None
        self._remembered_until = 0.0

    def at_hand(self) -> None:
        """Never known here: botocore is asked for every request."""

    async def current(self) -> Credentials:
        """The keys of now; botocore decides when they are too old."""
        try:
            frozen = await self._freeze()
        except Exception as error:  # whatever a source, a program or another service makes of it
            raise unfetched(error) from error
        if frozen != self._frozen:
            self._frozen = frozen
            self._current = Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        return self._current

    async def account_id(self) -> str | None:
        """The account that the keys are known to belong to. Errors as of `current`."""
        await self.current()
        account: str | None = self._frozen.account_id
        return account

    def forget(self, access_key: str) -> None:
        """Has botocore go through its sources again, on a new session, if these are the keys of now."""
        # Without a provider it is about to, or does so already.
        if self._provider is not None and self._current.access_key == access_key:
            self._provider = None
            forget_session(self._session)

    async def _freeze(self) -> Any:  # botocore's ReadOnlyCredentials
        provider = self._provider
        if provider is None:
            # Many requests may be the first: one goes to look, and the others take what it found, or that it failed.
            async with self._looking:
                return await self._found()
        try:
            return await provider.get_frozen_credentials()
        except Exception as error:
            self._provider = None
            self._remember(error)
            raise

    async def _found(self) -> Any:  # botocore's ReadOnlyCredentials
        if self._provider is not None:
            return await self._provider.get_frozen_credentials()
        if self._failure is not None and self._clock() < self._remembered_until:
            raise self._failure.with_traceback(None)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._look()
        except Exception as error:
            self._remember(error)
            raise

    async def _look(self) -> Any:  # botocore's ReadOnlyCredentials
        self._session = shared_session()
        provider = await self._session.get_credentials()
        if provider is None:
            raise NoCredentialsError
        frozen = await provider.get_frozen_credentials()
        self._provider, self._failure = provider, None
        return frozen

    def _remember(self, error: Exception) -> None:
        self._failure = error
        self._remembered_until = self._clock() + MEMORY


_NONE: Final = Credentials("", "")
