"""How tasks grew, as the figures that are published."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TypedDict

from benchmarks.growing.tasks import Taken
from benchmarks.laps.results import Figure, Measured
from benchmarks.setting.machine import Machine


class Grown(TypedDict):
    """Of each item, microseconds; of the process, MiB: at the most, and what the task added to it."""

    cpu_per_item: Figure
    wall_per_item: Figure
    peak: Figure
    added: Figure


class Report(TypedDict):
    """`results` by task, then by entrant, then by size."""

    about: str
    machine: Machine
    rounds: int
    entrants: dict[str, Measured]
    results: dict[str, dict[str, dict[str, Grown]]]


def figures(runs: Sequence[Taken], size: int) -> Grown:
    """The figures of a task's runs at a size."""
    return Grown(
        cpu_per_item=_figure([one["cpu"] * 1e6 / (one["times"] * size) for one in runs]),
        wall_per_item=_figure([one["wall"] * 1e6 / (one["times"] * size) for one in runs]),
        peak=_figure([one["peak"] / 1024 for one in runs]),
        added=_figure([(one["peak"] - one["before"]) / 1024 for one in runs]),
    )


def _figure(values: Sequence[float]) -> Figure:
    return Figure(median=round(median(values), 2), min=round(min(values), 2), max=round(max(values), 2))
