"""The figures as Markdown, for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.growing.results import Grown, Report
from benchmarks.laps.results import Figure
from benchmarks.setting.machine import described
from benchmarks.setting.page import table


def growth(report: Report) -> list[str]:
    """A table for time, and one for memory."""
    sizes = sorted({int(size) for of in report["results"].values() for by_size in of.values() for size in by_size})
    return [
        f"Measured on {described(report['machine'])}.",
        "",
        "Microseconds of the processor per item:",
        "",
        *_by_size(report, sizes, lambda grown: grown["cpu_per_item"]),
        "",
        "Peak of the process's memory, MiB:",
        "",
        *_by_size(report, sizes, lambda grown: grown["peak"]),
    ]


def _by_size(report: Report, sizes: list[int], figure: Callable[[Grown], Figure]) -> list[str]:
    rows = [
        [
            f"`{task}`, {report['entrants'][name]['title']}",
            *(f"{figure(by_size[str(size)])['median']:.1f}" if str(size) in by_size else "-" for size in sizes),
        ]
        for task, by_entrant in report["results"].items()
        for name, by_size in by_entrant.items()
    ]
    return table(["", *(f"{size:,}" for size in sizes)], rows)
