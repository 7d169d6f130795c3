"""The event loop that a process keeps from INIT to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


class OwnedLoop:
    """One event loop, current in its thread, run for as long as each piece of work takes.

    Clients and their connections are bound to the loop that opened them: with a loop for each event, as `asyncio.run`
    makes it, they would have to be opened for each event.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs the work to its end, in a copy of the caller's context: what it sets there ends with it.

        `asyncio.Runner` would keep one context for everything it runs, and show an event what another one set.
        """
        _require_no_running_loop()
        return self._loop.run_until_complete(self._loop.create_task(work(), context=copy_context()))

    def close(self) -> None:
        """Ends the loop; what is left of asynchronous generators runs to its end first."""
        self.run(self._loop.shutdown_asyncgens)
        asyncio.set_event_loop(None)
        self._loop.close()


def _require_no_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "a Lambda handler is called from synchronous code, as the runtime does; inside an event loop, "
        "await the function it was made from: handler.__wrapped__"
    )
