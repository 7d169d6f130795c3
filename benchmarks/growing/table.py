"""The figures for reading in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from benchmarks.growing.results import Grown, Report
from benchmarks.setting.machine import described
from benchmarks.setting.tables import aligned


def lines(report: Report) -> Iterator[str]:
    """The whole report."""
    yield fill(report["about"], 120)
    yield described(report["machine"])
    for task, by_entrant in report["results"].items():
        yield ""
        head = [f"{task}: median (min-max)", "size", "CPU per item, µs", "wall, µs", "peak, MiB", "added, MiB"]
        yield from aligned([head, *_rows(report, by_entrant)])
    yield ""
    for measured in report["entrants"].values():
        if measured["error"] is not None:
            yield f"{measured['title']} was not measured to the end: {measured['error']}"


def _rows(report: Report, by_entrant: dict[str, dict[str, Grown]]) -> Iterator[list[str]]:
    for name, by_size in by_entrant.items():
        for size, of in by_size.items():
            cpu = of["cpu_per_item"]
            yield [
                report["entrants"][name]["title"],
                f"{int(size):,}",
                f"{cpu['median']:.2f} ({cpu['min']:.2f}-{cpu['max']:.2f})",
                f"{of['wall_per_item']['median']:.2f}",
                f"{of['peak']['median']:.1f}",
                f"{of['added']['median']:.1f}",
            ]
