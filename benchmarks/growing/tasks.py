"""What grows: one task of this library at a size, in a process of its own.

`python -m benchmarks.growing.tasks NAME SIZE` prints what the task took, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, TypedDict

from benchmarks.rivals.adapters.orm import Order
from benchmarks.rivals.entrants import TRANSPORT
from benchmarks.rivals.work import BATCH_CUSTOMER, order, order_id, plain_key, queried_customer
from benchmarks.setting.variables import CORE
from dynamorm_py import Client, batch_write

# A task that is small is done until it was done for so many items, so that the clock has something to measure.
ITEMS = 3000

# Done before the clock runs: codecs are built, connections are open.
WARM_UP = 100


class WrongCount(Exception):
    """A task had another number of items than it was to have."""


class Taken(TypedDict):
    """Seconds of the processor and of the wall's clock for `times` times the size; KiB of memory, at the most and
    before the task began."""

    cpu: float
    wall: float
    times: int
    peak: int
    before: int


async def streamed_query(size: int) -> int:
    """Items of a query, one by one, none of them kept."""
    seen = 0
    async for _ in Order.query(queried_customer(size)):
        seen += 1
    return seen


async def streamed_scan(size: int) -> int:
    """The same, of a scan; its filter tells the service how many it has."""
    seen = 0
    async for _ in Order.scan().filter(Order.customer_id == queried_customer(size)):
        seen += 1
    return seen


async def read_batch(size: int) -> int:
    """As many keys in one batch_get, which keeps all items."""
    keys = [plain_key((BATCH_CUSTOMER, order_id(number))) for number in range(size)]
    return len([one for one in await Order.batch_get(keys) if one is not None])


async def written_batch(size: int) -> int:
    """As many new models in one batch_write."""
    await batch_write(*(Order(**order(BATCH_CUSTOMER, number)).put() for number in range(size)))
    return size


SCAN = "streamed_scan"

TASKS: dict[str, Callable[[int], Awaitable[int]]] = {
    SCAN: streamed_scan,
    "streamed_query": streamed_query,
    "batch_get": read_batch,
    "batch_write": written_batch,
}


# Of these, the size is a number of keys; of the others, of items.
KEYED = ("batch_get", "batch_write")


async def taken(task: Callable[[int], Awaitable[int]], size: int) -> Taken:
    """What it took."""
    options: Any = {"transport": os.environ[TRANSPORT]}
    async with Client(**options):
        await task(min(size, WARM_UP))
        times = max(1, ITEMS // size)
        gc.collect()
        before = _peak()
        wall, cpu = perf_counter(), process_time()
        for _ in range(times):
            if (done := await task(size)) != size:
                raise WrongCount(f"it had {done} items, not {size}")
        cpu, wall = process_time() - cpu, perf_counter() - wall
    return Taken(cpu=cpu, wall=wall, times=times, peak=_peak(), before=before)


def _peak() -> int:
    """KiB that this process had at the most so far."""
    # Linux has getrusage() tell the peak of who started the process too, if that was higher.
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // 1024 if sys.platform == "darwin" else most


def main(name: str, size: int) -> None:
    if CORE in os.environ:
        os.sched_setaffinity(0, {int(os.environ[CORE])})
    print(json.dumps(asyncio.run(taken(TASKS[name], size))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
