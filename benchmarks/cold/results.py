"""Many cold starts, as the figures that are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TypedDict

from benchmarks.cold.contenders import REFERENCES
from benchmarks.cold.starting import STAGES, Start
from benchmarks.setting.machine import Machine

ABOUT = (
    "Cold starts under AWS's Lambda runtime client for Python (awslambdaric), in fresh processes on the machine that "
    "is named: not on Lambda's hardware, and without its download of the code and its start of a sandbox. DynamoDB is "
    "a canned answer on loopback, over plain HTTP: no TLS, no network. Milliseconds."
)


class Figure(TypedDict):
    median: float
    min: float
    max: float


class Result(TypedDict):
    """`total` is INIT and the first invocation; `ratio_to` compares the medians of it."""

    total: Figure
    init: Figure
    first_invocation: Figure
    second_invocation: Figure
    stages: dict[str, Figure]
    ratio_to: dict[str, float]


class Entrant(TypedDict):
    """A contender as it was measured; `error` says why it was not."""

    title: str
    versions: dict[str, str]
    error: str | None


class Report(TypedDict):
    """`results` by bytecode, then by contender."""

    about: str
    machine: Machine
    runs: int
    contenders: dict[str, Entrant]
    results: dict[str, dict[str, Result]]


def results(starts: Mapping[str, Sequence[Start]]) -> dict[str, Result]:
    """The figures of each contender."""
    totals = {name: median(start.total for start in of) for name, of in starts.items()}
    return {name: _result(of, _ratios(totals[name], totals)) for name, of in starts.items()}


def _ratios(total: float, totals: Mapping[str, float]) -> dict[str, float]:
    return {name: round(total / totals[name], 3) for name in REFERENCES if name in totals}


def _result(starts: Sequence[Start], ratios: dict[str, float]) -> Result:
    return Result(
        total=_figure([start.total for start in starts]),
        init=_figure([start.init for start in starts]),
        first_invocation=_figure([start.invocation for start in starts]),
        second_invocation=_figure([start.second for start in starts]),
        stages={stage: _figure([start.stages[stage] for start in starts]) for stage in STAGES},
        ratio_to=ratios,
    )


def _figure(values: Sequence[float]) -> Figure:
    return Figure(median=round(median(values), 2), min=round(min(values), 2), max=round(max(values), 2))
