"""The benchmark of growth at its smallest size: that it measures what it says, not how long that takes."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.growing.plot import draw
from benchmarks.growing.results import Report, figures
from benchmarks.growing.tasks import TASKS, Taken
from benchmarks.laps.results import Measured
from benchmarks.rivals.entrants import OWN, OWN_DIRECT, Entrant, own_entrants
from benchmarks.rivals.team import gathered
from benchmarks.setting.environments import this_environment
from benchmarks.setting.machine import machine

SMALLEST = ("--here", "--items", "10", "--keys", "10", "--rounds", "1")


@pytest.mark.slow
def test_every_task_is_told_for_both_transports(tmp_path: Path) -> None:
    assert growth.main([*SMALLEST, "--results", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "growth.json").read_text())
    assert list(report["results"]) == list(TASKS)
    for by_entrant in report["results"].values():
        assert list(by_entrant) == [OWN_DIRECT, OWN]
        for by_size in by_entrant.values():
            (grown,) = by_size.values()
            assert grown["cpu_per_item"]["median"] > 0
            # At this size the task may add less than the kernel counts exactly.
            assert grown["peak"]["median"] > abs(grown["added"]["median"])


def test_the_figures_are_drawn(tmp_path: Path) -> None:
    taken = Taken(cpu=3.0, wall=6.0, times=3, peak=4096, before=1024)
    report = Report(
        about="",
        machine=machine("3.13"),
        rounds=1,
        entrants={OWN: Measured(title="on aiobotocore", own=True, versions={}, error=None)},
        results={"streamed_scan": {OWN: {str(size): figures([taken], size) for size in (10, 100)}}},
    )
    draw(report, tmp_path / "growth.json")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert "streamed_scan" in (tmp_path / "growth.svg").read_text()


def test_sizes_are_powers_of_ten() -> None:
    assert list(growth.sizes(10_000)) == [10, 100, 1000, 10_000]
    assert list(growth.sizes(5)) == []


def test_figures_are_of_an_item() -> None:
    taken = Taken(cpu=3.0, wall=6.0, times=3, peak=4096, before=1024)
    grown = figures([taken], 100_000)
    assert grown["cpu_per_item"]["median"] == 10
    assert grown["wall_per_item"]["median"] == 20
    assert (grown["peak"]["median"], grown["added"]["median"]) == (4, 3)


def test_who_fails_drops_out_with_the_reason() -> None:
    works, breaks = own_entrants(())
    broken = replace(breaks, environment={"BENCHMARK_TRANSPORT": "by pigeon"})
    team = gathered([works, broken], this_environment())
    errors: dict[Entrant, str] = {}
    results = growth.grown(team, Namespace(items=0, keys=10, rounds=1), errors)
    assert list(results["batch_get"]) == [works.name]
    assert "by pigeon" in errors[broken]
