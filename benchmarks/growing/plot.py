"""How tasks grew, as curves: time for each item above, memory below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.growing.results import Report
from benchmarks.rivals.entrants import OWN, OWN_DIRECT
from benchmarks.setting.drawing import save, styled
from benchmarks.setting.machine import described

_COLOURS = {OWN_DIRECT: "#d9730d", OWN: "#1b4f8a"}


def draw(report: Report, path: Path) -> list[Path]:
    """Writes `path` as PNG and SVG, and gives the two back; none if there is one size only, which is no curve."""
    if all(len(sizes) < 2 for by_entrant in report["results"].values() for sizes in by_entrant.values()):
        return []
    with styled():
        tasks = list(report["results"])
        figure = Figure(figsize=(3.4 * len(tasks), 6), layout="constrained")
        axes = figure.subplots(2, len(tasks), squeeze=False, sharey="row", sharex="col")
        for column, task in enumerate(tasks):
            _curves(axes[0, column], report, task, "cpu_per_item")
            _curves(axes[1, column], report, task, "peak")
            axes[0, column].set_title(task, loc="left", fontsize=10, fontweight="bold")
            axes[1, column].set_xlabel("size")
        axes[0, 0].set_ylabel("µs of the processor per item")
        axes[0, 0].set_yscale("log")
        axes[1, 0].set_ylabel("peak of memory, MiB")
        axes[1, 0].set_ylim(bottom=0)
        axes[0, 0].legend(frameon=False, fontsize=8)
        figure.supxlabel(f"each point a fresh process; {described(report['machine'])}", fontsize=8)
        return save(figure, path)


def _curves(panel: Any, report: Report, task: str, of: str) -> None:  # matplotlib.axes.Axes
    for name, by_size in report["results"][task].items():
        sizes = [int(size) for size in by_size]
        figures: list[Any] = [dict(grown)[of] for grown in by_size.values()]
        medians = [figure["median"] for figure in figures]
        spread = [
            [figure["median"] - figure["min"] for figure in figures],
            [figure["max"] - figure["median"] for figure in figures],
        ]
        title = report["entrants"][name]["title"]
        panel.errorbar(sizes, medians, yerr=spread, marker="o", markersize=4, color=_COLOURS[name], label=title)
    panel.set_xscale("log")
    panel.spines[["top", "right"]].set_visible(False)
