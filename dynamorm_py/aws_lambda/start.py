"""When this process got how far in its start; `report()` says it in milliseconds.

A process starts once, whatever number of apps it has: what counts is the first that gets there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dynamorm_py.middleware.telemetry import CallRecord, observing

LOADED: Final = "loaded"
OPENED: Final = "opened"
CONNECTED: Final = "connected"


class Start:
    """The marks of a start, on the clock of `time.perf_counter`, and its first request."""

    def __init__(self) -> None:
        self.began = _beginning_of_this_process()
        self.marks: dict[str, float] = {}
        self.first_request: float | None = None
        """Of the first call in milliseconds, as a `CallRecord` has it."""

    def reached(self, mark: str) -> None:
        """It has got as far as this now, unless it had before."""
        self.marks.setdefault(mark, time.perf_counter())

    @contextmanager
    def awaiting_a_request(self) -> Iterator[None]:
        """Notes the first request that is made in the block, unless one was made before."""
        if self.first_request is not None:
            yield
            return
        with observing(self._note):
            yield

    def _note(self, record: CallRecord) -> None:
        if self.first_request is None:
            self.first_request = record.milliseconds


def _beginning_of_this_process() -> float | None:
    """When it was started, on the clock of `time.perf_counter`, as exactly as Linux tells, which is to a clock tick;
    None elsewhere. See proc_pid_stat(5), starttime."""
    try:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as stat:
            # The second field, the command's name in parentheses, may hold anything.
            ticks = int(stat.read().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return time.perf_counter() - age


start = Start()
