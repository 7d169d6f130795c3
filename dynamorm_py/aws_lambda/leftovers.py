"""Tasks that a piece of work started and did not wait for: none outlives it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set as AbstractSet
from typing import Any

_logger = logging.getLogger(__name__)

# In how many parts the patience is spent: after each, what is still running is cancelled once more.
_ROUNDS = 4


async def end_leftovers(before: AbstractSet[asyncio.Task[Any]], patience: float) -> bool:
    """Cancels the loop's tasks that were not there `before`, and waits for them; whether all have ended in `patience`
    seconds. Each is logged, and so is what it raises."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + patience
    known: set[asyncio.Task[Any]] = set()
    while left := _others() - before:
        for task in left - known:
            _logger.warning("the invocation left a task running, which is cancelled: %s", _name(task))
        known |= left
        if loop.time() > give_up:
            _logger.error("cancelled tasks go on, so the event loop is given up: %s", ", ".join(map(_name, left)))
            return False
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=patience / _ROUNDS)
    _report(known)
    return True


def _others() -> set[asyncio.Task[Any]]:
    current = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not current}


def _report(ended: AbstractSet[asyncio.Task[Any]]) -> None:
    for task in ended:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _logger.error("a task that was left running failed: %s", _name(task), exc_info=error)


def _name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return f"{task.get_name()} ({getattr(coroutine, '__qualname__', repr(coroutine))})"
