"""The figures as bars, a panel for each contest."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from benchmarks.coding.contests import BOTO3, GENERIC, OURS
from benchmarks.setting.drawing import save, styled
from benchmarks.setting.machine import described

if TYPE_CHECKING:
    from benchmarks.codec import Report

_COLOURS = {OURS: "#d9730d", GENERIC: "#f0a860", BOTO3: "#1b4f8a"}


def draw(report: Report, path: Path) -> list[Path]:
    """Writes `path` as PNG and SVG, and gives the two back. Contests of one contender alone are left to the table."""
    panels = [name for name, results in report["results"].items() if len(results) > 1]
    with styled():
        heights = [1 + len(report["results"][name]) for name in panels]
        figure = Figure(figsize=(8, 0.8 + 0.42 * sum(heights)), layout="constrained")
        axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
        for panel, name in zip(axes, panels, strict=True):
            _draw_panel(panel, report, name)
        label = f"µs of the processor, median of {report['rounds']} rounds; {described(report['machine'])}"
        figure.supxlabel(fill(label, 110), fontsize=8)
        return save(figure, path)


def _draw_panel(panel: Any, report: Report, name: str) -> None:  # matplotlib.axes.Axes
    results = report["results"][name]
    figures = [result["cpu"] for result in results.values()]
    spread = [
        [figure["median"] - figure["min"] for figure in figures],
        [figure["max"] - figure["median"] for figure in figures],
    ]
    colours = [_COLOURS[contender] for contender in results]
    medians = [figure["median"] for figure in figures]
    panel.barh(list(results), medians, color=colours, height=0.7, xerr=spread, error_kw={"elinewidth": 0.8})
    for row, figure in enumerate(figures):
        panel.annotate(
            f"{figure['median']:.1f}", (figure["max"], row), xytext=(4, 0), textcoords="offset points", va="center"
        )
    panel.set_title(report["contests"][name], loc="left", fontsize=10, fontweight="bold")
    panel.invert_yaxis()
    panel.margins(x=0.1)
    panel.spines[["top", "right"]].set_visible(False)
