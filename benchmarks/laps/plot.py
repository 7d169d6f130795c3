"""The figures as bars, a panel for each call, and as curves of calls a second by how many are under way."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from benchmarks.laps.race import DISCIPLINES, Discipline
from benchmarks.laps.results import Report, Result
from benchmarks.rivals.entrants import OWN, OWN_DIRECT, REFERENCES
from benchmarks.rivals.work import BIND, GET
from benchmarks.setting.drawing import save, styled
from benchmarks.setting.machine import described

# This library's two, and what they are compared with, are told apart from the rest; names stand beside every bar.
_COLOURS = {OWN_DIRECT: "#d9730d", OWN: "#f0a860", **dict.fromkeys(REFERENCES, "#1b4f8a")}
_REST = "#9aa0a6"

_COLUMNS = 2

# Bars are of what was done one call after the other.
_ALONE = [*(one for one in DISCIPLINES if one.concurrency == 1), Discipline(BIND)]

# By how much the heights of two names differ at least, so that both can be read.
_LINE = 1.16


def draw(report: Report, path: Path) -> list[Path]:
    """Writes `path`, and the same with `_concurrency` in its name, as PNG and SVG, and gives the files back."""
    with styled():
        written = save(_bars(report), path)
        curves = _curves(report)
        if curves is not None:
            written += save(curves, path.with_stem(f"{path.stem}_concurrency"))
    return written


def _bars(report: Report) -> Figure:
    panels = [(one.name, report["results"][one.name]) for one in _ALONE if one.name in report["results"]]
    rows = -(-len(panels) // _COLUMNS)
    tallest = max(len(results) for _, results in panels)
    figure = Figure(figsize=(11, 1.0 + rows * (0.9 + 0.22 * tallest)), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).flatten()
    for panel, (discipline, results) in zip(axes, panels, strict=False):
        _draw_panel(panel, report, results)
        panel.set_title(discipline, loc="left", fontsize=10, fontweight="bold")
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    figure.supxlabel(
        _under(report, "µs of the processor per call, all threads; lines from the least to the most"), fontsize=8
    )
    return figure


def _draw_panel(panel: Any, report: Report, results: dict[str, Result]) -> None:  # matplotlib.axes.Axes
    titles = [report["entrants"][name]["title"] for name in results]
    figures = [result["cpu"] for result in results.values()]
    medians = [figure["median"] for figure in figures]
    spread = [
        [figure["median"] - figure["min"] for figure in figures],
        [figure["max"] - figure["median"] for figure in figures],
    ]
    colours = [_COLOURS.get(name, _REST) for name in results]
    panel.barh(titles, medians, color=colours, height=0.7, xerr=spread, error_kw={"elinewidth": 0.8})
    for row, figure in enumerate(figures):
        panel.annotate(
            f"{figure['median']:,.0f}", (figure["max"], row), xytext=(4, 0), textcoords="offset points", va="center"
        )
    panel.invert_yaxis()
    panel.margins(x=0.15)
    panel.spines[["top", "right"]].set_visible(False)


def _curves(report: Report) -> Figure | None:
    """None if no more than one concurrency was measured."""
    steps = [one for one in DISCIPLINES if one.operation == GET and one.name in report["results"]]
    if len(steps) < 2:
        return None
    figure = Figure(figsize=(9, 5), layout="constrained")
    panel: Any = figure.subplots()
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    names = [name for name in report["entrants"] if all(name in report["results"][step.name] for step in steps)]
    rates = {
        name: [report["results"][step.name][name]["calls_per_second"]["median"] for step in steps] for name in names
    }
    heights = _apart({name: of[-1] for name, of in rates.items()})
    for name, of in rates.items():
        colour = _COLOURS.get(name, _REST)
        panel.plot([step.concurrency for step in steps], of, marker="o", markersize=4, color=colour)
        place = (steps[-1].concurrency * 1.15, heights[name])
        panel.text(*place, report["entrants"][name]["title"], va="center", color=colour)
    panel.set_xticks([step.concurrency for step in steps], [str(step.concurrency) for step in steps])
    panel.set_ylabel("calls a second")
    panel.set_title("get, so many at a time, on one core", loc="left", fontsize=10, fontweight="bold")
    panel.set_xlim(steps[0].concurrency * 0.8, steps[-1].concurrency * 8)
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_xlabel(_under(report, "calls under way"), fontsize=8)
    return figure


def _apart(values: dict[str, float]) -> dict[str, float]:
    """The heights of names beside these values on a logarithmic axis, where no two lie over each other."""
    heights: dict[str, float] = {}
    below = 0.0
    for name, value in sorted(values.items(), key=lambda entry: entry[1]):
        below = max(value, below * _LINE)
        heights[name] = below
    return heights


def _under(report: Report, what: str) -> str:
    line = f"{what}; median of {report['rounds']} rounds that take turns. {described(report['machine'])}"
    return "\n".join((line, fill(report["conditions"], 150)))
