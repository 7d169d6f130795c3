"""Many laps, as the figures that are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TypedDict

from benchmarks.laps.race import Lap
from benchmarks.setting.machine import Machine


class Figure(TypedDict):
    median: float
    min: float
    max: float


class Result(TypedDict):
    """Of a call: microseconds of the processor, of all threads and of the calling one, and of the wall's clock; calls a
    second; `ratio_to` compares the medians of the processor's time. `requests` is how many it sent, if they were
    counted.
    """

    cpu: Figure
    cpu_of_caller: Figure
    wall: Figure
    calls_per_second: Figure
    ratio_to: dict[str, float]
    requests: float | None


class Measured(TypedDict):
    """An entrant as it was measured; `error` says why it was not."""

    title: str
    own: bool
    versions: dict[str, str]
    error: str | None


class Report(TypedDict):
    """`results` by discipline, then by entrant. `conditions` say what it ran on besides the machine; with `references`
    the others are compared."""

    about: str
    conditions: str
    machine: Machine
    rounds: int
    seconds: float
    entrants: dict[str, Measured]
    references: list[str]
    results: dict[str, dict[str, Result]]


def results(
    laps: Mapping[str, Mapping[str, Sequence[Lap]]],
    requests: Mapping[str, Mapping[str, float]],
    references: Sequence[str],
) -> dict[str, dict[str, Result]]:
    """The figures of each discipline."""
    return {name: _discipline(of, requests.get(name, {}), references) for name, of in laps.items() if of}


def _discipline(
    laps: Mapping[str, Sequence[Lap]], requests: Mapping[str, float], references: Sequence[str]
) -> dict[str, Result]:
    times = {name: median(lap.cpu for lap in of) for name, of in laps.items()}
    return {
        name: Result(
            cpu=_figure([lap.cpu * 1e6 for lap in of]),
            cpu_of_caller=_figure([lap.thread * 1e6 for lap in of]),
            wall=_figure([lap.wall * 1e6 for lap in of]),
            calls_per_second=_figure([1 / lap.wall for lap in of]),
            ratio_to={other: round(times[name] / times[other], 3) for other in references if other in times},
            requests=requests.get(name) or None,
        )
        for name, of in laps.items()
    }


def _figure(values: Sequence[float]) -> Figure:
    return Figure(median=round(median(values), 2), min=round(min(values), 2), max=round(max(values), 2))
