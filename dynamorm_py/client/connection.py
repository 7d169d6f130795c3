"""Where a client is open: the process, thread and event loop that opened it, and the transport that lives there."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import AbstractAsyncContextManager

from dynamorm_py.core.errors import ClientClosed
from dynamorm_py.core.records import Record
from dynamorm_py.transports import Transport
from dynamorm_py.transports.choice import Choice
from dynamorm_py.transports.opening import Opened


class Place(Record):
    """A process, a thread, and the asyncio event loop that runs there; None where it is of another kind."""

    process: int
    thread: int
    loop: asyncio.AbstractEventLoop | None

    @classmethod
    def here(cls) -> Place:
        return cls(os.getpid(), threading.get_ident(), _loop_here())

    @property
    def is_gone(self) -> bool:
        """Whether nothing can run there any more, as far as this process is concerned."""
        return self.process != os.getpid() or (self.loop is not None and self.loop.is_closed())

    def check(self) -> None:
        """Raises `ClientClosed` unless this is the running loop, thread and process."""
        # Every request comes through here: no second place is made unless it is to be told what differs.
        if self.loop is _loop_here() and self.thread == threading.get_ident() and self.process == os.getpid():
            return
        here = Place.here()
        if self.process != here.process:
            where = "another process (this one was forked from it)"
        elif self.thread != here.thread:
            where = "another thread"
        elif self.is_gone:
            where = "another event loop, which has ended"
        else:
            where = "another event loop"
        raise ClientClosed(f"the client was opened in {where}: open it in this one, with `async with`")


def _loop_here() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Connection:
    """A transport that is being opened, is open, or was open at its place, and what is opened `beside` it.

    The opener is an asynchronous generator's context manager. An event loop that ends runs such generators to their end
    first (`loop.shutdown_asyncgens`), so that a client left open does not leave its sockets behind.
    """

    __slots__ = ("beside", "choice", "opener", "place", "transport")

    def __init__(
        self, opener: AbstractAsyncContextManager[Opened], beside: AbstractAsyncContextManager[object] | None = None
    ) -> None:
        self.opener = opener
        self.beside = beside
        self.place = Place.here()
        self.transport: Transport | None = None
        self.choice: Choice | None = None

    async def open(self) -> None:
        self.transport, self.choice = await self.opener.__aenter__()
        if self.beside is not None:
            try:
                await self.beside.__aenter__()
            except BaseException:
                self.transport = self.choice = None
                await self.opener.__aexit__(None, None, None)
                raise

    async def close(self) -> None:
        self.place.check()
        self.transport = self.choice = None
        try:
            if self.beside is not None:
                await self.beside.__aexit__(None, None, None)
        finally:
            await self.opener.__aexit__(None, None, None)

    def checked(self) -> Transport:
        """The transport, if it can be used here."""
        self.place.check()
        if self.transport is None:
            raise ClientClosed("the client is still being opened, or is closing")
        return self.transport
