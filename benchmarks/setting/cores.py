"""Which cores a benchmark's processes run on: the client on one of its own, whatever it talks to on another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def apart() -> Iterator[int | None]:
    """Inside the block, this process and those that it starts keep to one core; what is given back is another one, for
    the client. None, and nothing changes, where there is one core only or the system has no such thing."""
    # Other systems than Linux lack it.
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        yield None
        return
    before = os.sched_getaffinity(0)
    client, server, *_ = sorted(before)
    os.sched_setaffinity(0, {server})
    try:
        yield client
    finally:
        os.sched_setaffinity(0, before)
