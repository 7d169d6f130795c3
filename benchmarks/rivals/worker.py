"""A process in which one library works, a lap at a time: `python -m benchmarks.rivals.worker MODULE`.

Orders come as lines of JSON on the standard input, and each is answered by a line on what was the standard output. It
ends with its input. Only the standard library and the adapter's own are loaded.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from time import perf_counter, process_time, thread_time
from typing import Any, TextIO, cast

from benchmarks.rivals.work import BATCH_GET, GET, ORDER, QUERIES, TABLE, UPDATE, order, queried_customer
from benchmarks.setting.variables import CORE

Answer = dict[str, Any]
Lap = dict[str, float]


class WrongAnswer(Exception):
    """A library did something else than it was to be measured at."""


def checked(operation: str, answer: Any, plain: Callable[[Any], dict[str, Any]]) -> None:
    """`WrongAnswer` unless the call answered what the work is to answer, as far as a library answers anything."""
    if operation == UPDATE and answer is None:
        return
    if operation in (GET, UPDATE):
        # Where items are stored, another library's mark of its own may be on this one.
        _same(operation, {name: value for name, value in plain(answer).items() if name in ORDER}, ORDER)
    elif operation in QUERIES:
        count = QUERIES[operation]
        _same(f"the length of {operation}", len(answer), count)
        _same(operation, plain(answer[-1]), order(queried_customer(count), count))
    elif operation == BATCH_GET:
        found = {plain(one)["order_id"] for one in answer}
        _same(f"the length of {operation}", len(found), len(answer))
        _same(f"the length of {operation}", len(answer), int(BATCH_GET.rpartition("_")[2]))


def _same(what: str, answered: object, expected: object) -> None:
    if answered != expected:
        raise WrongAnswer(f"{what} answered {answered!r}, not {expected!r}")


class Clock:
    """What passes between its making and `lap`."""

    def __init__(self) -> None:
        self._wall, self._cpu, self._thread = perf_counter(), process_time(), thread_time()

    def lap(self) -> Lap:
        """Seconds: of the wall's clock, of all threads of the process, and of this thread alone."""
        wall, cpu, thread = perf_counter(), process_time(), thread_time()
        return {"wall": wall - self._wall, "cpu": cpu - self._cpu, "thread": thread - self._thread}


class Orders:
    """Lines of JSON in, and out."""

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers

    def next(self) -> dict[str, Any] | None:
        line = sys.stdin.readline()
        return json.loads(line) if line else None

    def answer(self, answer: Answer) -> None:
        print(json.dumps(answer), file=self._answers, flush=True)


async def work_asynchronously(
    opened: AbstractAsyncContextManager[dict[str, Callable[[], Awaitable[Any]]]],
    plain: Callable[[Any], dict[str, Any]],
    orders: Orders,
) -> None:
    """Carries the orders out in this event loop."""
    async with opened as calls:
        orders.answer({"operations": list(calls)})
        while (wanted := orders.next()) is not None:
            call, concurrency = calls[wanted["operation"]], wanted["concurrency"]
            if wanted["check"]:
                checked(wanted["operation"], await call(), plain)
            # Before the clock runs, as many connections are open as are needed.
            await _calls(call, concurrency, concurrency)
            gc.collect()
            clock = Clock()
            await _calls(call, wanted["calls"], concurrency)
            orders.answer(clock.lap())


async def _calls(call: Callable[[], Awaitable[Any]], count: int, concurrency: int) -> None:
    async def some() -> None:
        for _ in range(count // concurrency):
            await call()

    if concurrency == 1:
        await some()
    else:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(some())


def work_synchronously(
    opened: AbstractContextManager[dict[str, Callable[[], Any]]],
    plain: Callable[[Any], dict[str, Any]],
    orders: Orders,
) -> None:
    """Carries the orders out in this thread, or in as many threads as calls are to be under way."""
    with opened as calls:
        orders.answer({"operations": list(calls)})
        while (wanted := orders.next()) is not None:
            call, concurrency = calls[wanted["operation"]], wanted["concurrency"]
            if wanted["check"]:
                checked(wanted["operation"], call(), plain)
            with ThreadPoolExecutor(concurrency) as threads:
                _calls_in(threads, call, concurrency, concurrency)
                gc.collect()
                clock = Clock()
                _calls_in(threads, call, wanted["calls"], concurrency)
                orders.answer(clock.lap())


def _calls_in(threads: ThreadPoolExecutor, call: Callable[[], Any], count: int, concurrency: int) -> None:
    def some() -> None:
        for _ in range(count // concurrency):
            call()

    if concurrency == 1:
        some()
    else:
        for done in [threads.submit(some) for _ in range(concurrency)]:
            done.result()


def main(module: str) -> int:
    # A library may print: what it prints is not taken for an answer.
    orders = Orders(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)
    if CORE in os.environ:
        # Before any thread starts: they inherit it.
        os.sched_setaffinity(0, {int(os.environ[CORE])})
    try:
        adapter = importlib.import_module(f"benchmarks.rivals.adapters.{module}")
        opened = adapter.opened(TABLE)
        if isinstance(opened, AbstractAsyncContextManager):
            asyncio.run(work_asynchronously(opened, adapter.plain, orders))
        else:
            work_synchronously(cast(AbstractContextManager[Any], opened), adapter.plain, orders)
    except Exception as error:  # noqa: BLE001  # whatever a library raises is its result
        traceback.print_exc()
        orders.answer({"error": f"{type(error).__name__}: {error}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
