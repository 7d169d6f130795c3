"""The event loop that a process keeps from INIT to its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any, ClassVar, TypeVar, cast

from dynamorm_py.aws_lambda.leftovers import end_leftovers

T = TypeVar("T")


class OwnedLoop:
    """One event loop, current in its thread, run for as long as each piece of work takes.

    Clients and their connections are bound to the loop that opened them: with a loop for each event, as `asyncio.run`
    makes it, they would have to be opened for each event.
    """

    # Loops of the parent process: closing one here would take its file descriptors out of the parent's selector.
    _inherited: ClassVar[list[asyncio.AbstractEventLoop]] = []

    def __init__(self) -> None:
        self._process = os.getpid()
        self._spoiled = False
        # A loop refers to its tasks weakly. One that nobody waits for would be collected at any moment, which runs its
        # `finally` blocks in the middle of whatever goes on then: also of the next invocation.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(self._task)

    @property
    def is_usable(self) -> bool:
        """Whether work can run here: in the process that made it, unless it was closed, or kept busy by tasks that
        cannot be ended."""
        return self._process == os.getpid() and not self._loop.is_closed() and not self._spoiled

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], patience: Callable[[], float] = lambda: 1.0) -> T:
        """Runs the work to its end, in a copy of the caller's context: what it sets there ends with it.

        `asyncio.Runner` would keep one context for everything it runs, and show an event what another one set. Tasks
        that the work leaves behind are cancelled; `patience()` is how many seconds they are given to end.
        """
        # An `asyncio.run` of somebody else's leaves the thread without a current loop.
        asyncio.set_event_loop(self._loop)
        return self._loop.run_until_complete(
            self._loop.create_task(self._whole(work, patience), context=copy_context())
        )

    def close(self) -> None:
        """Ends the loop; what is left of asynchronous generators and threads runs to its end first."""
        if self._process != os.getpid():
            self._inherited.append(self._loop)
            return
        if not self._loop.is_closed():
            self.run(self._loop.shutdown_asyncgens)
            if not self._spoiled:
                # Else a thread may be as stubborn as the tasks were.
                self.run(self._loop.shutdown_default_executor)
            self._loop.close()
        asyncio.set_event_loop(None)

    def _task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
        **options: Any,  # those of asyncio.Task, which differ between the versions of Python
    ) -> asyncio.Task[T]:
        task = asyncio.Task(cast("Coroutine[Any, Any, T]", coroutine), loop=loop, **options)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _whole(self, work: Callable[[], Coroutine[Any, Any, T]], patience: Callable[[], float]) -> T:
        before = asyncio.all_tasks()
        try:
            return await work()
        finally:
            if not await end_leftovers(before, patience()):
                self._spoiled = True
