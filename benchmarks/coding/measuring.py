"""Processor time of short functions that take turns."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from time import process_time
from typing import TypedDict

from benchmarks.coding.contests import Contest
from benchmarks.laps.results import Figure


class Result(TypedDict):
    """Microseconds of the processor for an item; `ratio_to` compares the medians of a contest."""

    cpu: Figure
    ratio_to: dict[str, float]


def measured(contests: Sequence[Contest], rounds: int, seconds: float) -> dict[str, dict[str, Result]]:
    """Results by contest and contender. A lap lasts at least `seconds`; in every round each has one."""
    runs = {(one.name, name): run for one in contests for name, run in one.runs.items()}
    laps: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    with _alone():
        counts = {key: _count(run, seconds) for key, run in runs.items()}
        for _ in range(rounds):
            for key, run in runs.items():
                laps[key].append(_lap(run, counts[key]) / counts[key])
    return {
        one.name: _results({name: [lap * 1e6 / one.items for lap in laps[one.name, name]] for name in one.runs})
        for one in contests
    }


@contextmanager
def _alone() -> Iterator[None]:
    """Spares the garbage collector what this process holds besides: boto3's modules would be gone through for whoever
    makes many objects."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _results(times: dict[str, list[float]]) -> dict[str, Result]:
    medians = {name: median(of) for name, of in times.items()}
    return {
        name: Result(
            cpu=Figure(median=round(medians[name], 2), min=round(min(of), 2), max=round(max(of), 2)),
            ratio_to={other: round(medians[name] / base, 3) for other, base in medians.items()},
        )
        for name, of in times.items()
    }


def _count(run: Callable[[], object], seconds: float) -> int:
    """How often it is to be run for that long."""
    count = 1
    while (taken := _lap(run, count)) < seconds:
        count = max(count * 2, int(count * seconds / taken) if taken else 0)
    return count


def _lap(run: Callable[[], object], count: int) -> float:
    begin = process_time()
    for _ in range(count):
        run()
    return process_time() - begin
