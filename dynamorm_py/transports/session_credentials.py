"""Credentials as botocore finds them, fetched and refreshed by the session that all clients of a process share."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from botocore.exceptions import BotoCoreError, NoCredentialsError

from dynamorm_py.transports import Credentials
from dynamorm_py.transports.aiobotocore import forget_credentials, shared_session, translated


class SessionCredentials:
    """Asks the shared session. One instance belongs to one event loop."""

    def __init__(self) -> None:
        self._provider: Any = None  # an aiobotocore AioCredentials, which may refresh itself
        self._frozen: Any = None  # its botocore ReadOnlyCredentials
        self._current = _NONE
        self._looking: Final = asyncio.Lock()

    async def current(self) -> Credentials:
        """The keys of now; botocore decides when they are too old."""
        try:
            frozen = await self._freeze()
        except BotoCoreError as error:
            raise translated(error) from error
        if frozen != self._frozen:
            self._frozen = frozen
            self._current = Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        return self._current

    async def account_id(self) -> str | None:
        """The account that the keys are known to belong to. Errors as of `current`."""
        await self.current()
        account: str | None = self._frozen.account_id
        return account

    def forget(self) -> None:
        """Has botocore go through its sources again, on a new session."""
        self._provider = None
        forget_credentials()

    async def _freeze(self) -> Any:  # botocore's ReadOnlyCredentials
        provider = self._provider
        if provider is None:
            # Many requests may be the first: one goes to look, and the others take what it found.
            async with self._looking:
                provider = self._provider = self._provider or await shared_session().get_credentials()
        if provider is None:
            raise NoCredentialsError
        return await provider.get_frozen_credentials()


_NONE: Final = Credentials("", "")
