"""The execution environment: the client and the event loop that stay, and what is done where they cannot.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from dynamorm_py.aws_lambda.event_loop import OwnedLoop
from dynamorm_py.aws_lambda.start import CONNECTED, LOADED, OPENED, start
from dynamorm_py.client import Client

if TYPE_CHECKING:
    from dynamorm_py.model import Model

T = TypeVar("T")

_logger = logging.getLogger(__name__)

# How many turns of the loop it takes until a connection that was closed meanwhile is known to be: one where the end of
# the stream is read, and with TLS another where the transport above it is told.
_TURNS = 2

_imported_at = time.perf_counter()


class ExecutionEnvironment:
    """Opens the client where work is to run, and keeps it open.

    Work comes either from synchronous code, and runs on the environment's own loop, or from a running loop, and runs
    there. `idle_limit` is how many seconds of the wall clock connections may have been idle: the other clocks stand
    still while an environment is frozen, and a server that is not heard of closes in silence.
    """

    def __init__(self, client: Client, models: Sequence[type[Model]], idle_limit: float) -> None:
        self.client = client
        self._models = models
        self._idle_limit = idle_limit
        self.init_milliseconds: float | None = None
        """From the import of this module to the end of a successful INIT."""
        self._loop: OwnedLoop | None = None
        self._opened = False
        self._active = 0
        self._last_used = time.time()
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], patience: Callable[[], float]) -> T:
        """Runs work on the own loop, in a context of its own; tasks that it leaves behind are ended."""
        return self._usable_loop().run(lambda: self._with_the_client(work), patience)

    async def run_here(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs work on the running loop, in a context of its own. Tasks that it leaves behind are that loop's."""
        return await asyncio.create_task(self._with_the_client(work), context=copy_context())

    def begin(self) -> None:
        """What INIT is for: loads, builds, opens and connects. What fails is logged, and left to the invocations."""
        try:
            self._usable_loop().run(self._begin)
        except Exception:
            _logger.exception("INIT failed; the next invocation tries again")
            return
        self.init_milliseconds = (time.perf_counter() - _imported_at) * 1000

    def suspend(self) -> None:
        """Closes the client, whose sockets would not survive what follows; the loop stays."""
        if self._opened and self._loop is not None and self._loop.is_usable:
            self._loop.run(self._leave)

    def close(self) -> None:
        """Closes the client and the own loop."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        if loop.is_usable and self._opened:
            loop.run(self._leave)
        self._opened = False
        loop.close()

    async def close_here(self) -> None:
        """Closes the client, where it was opened by work of the running loop."""
        if self._opened and self.client.is_open:
            await self._leave()

    def _usable_loop(self) -> OwnedLoop:
        loop = self._loop
        if loop is not None and not loop.is_usable:
            loop.close()
            loop = None
        if loop is None:
            loop = self._loop = OwnedLoop()
        return loop

    async def _begin(self) -> None:
        self.client.load()
        start.reached(LOADED)
        for model in self._models:
            build(model)
        if not self.client.is_open:
            await self._enter()
        start.reached(OPENED)
        if await self.client.warm():
            start.reached(CONNECTED)

    async def _with_the_client(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        await self._make_ready()
        self._active += 1
        try:
            return await work()
        finally:
            self._active -= 1
            self._last_used = time.time()

    async def _make_ready(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        async with self._lock():
            client = self.client
            if self._opened and client.is_open and self._active == 0 and self._is_stale():
                await self._leave()
            if not client.is_open:
                await self._enter()

    def _is_stale(self) -> bool:
        # A clock that was set back says nothing about how long it was.
        return not 0 <= time.time() - self._last_used <= self._idle_limit

    async def _enter(self) -> None:
        # Where its loop or process is gone, the client leaves it by itself. Whatever was being done there has ended.
        self._opened, self._active = False, 0
        await self.client.__aenter__()
        self._opened = True
        self._last_used = time.time()

    async def _leave(self) -> None:
        self._opened = False
        await self.client.__aexit__(None, None, None)

    def _lock(self) -> asyncio.Lock:
        """One for each loop: several invocations of a running loop may begin before the client is open."""
        loop = asyncio.get_running_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = (loop, asyncio.Lock())
        return self._opening[1]


def build(model: type[Model]) -> None:
    """Makes what a model makes when it is first used: its validator and serializer, and the codecs of its fields."""
    model.model_rebuild()
    _ = model.__dynamorm_mapping__.paths
