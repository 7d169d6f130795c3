"""The figures as stacked bars: a panel with and one without `.pyc` files, each with a bar for each contender."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.cold.results import Report, Result
from benchmarks.cold.starting import STAGES
from benchmarks.cold.table import HEADINGS
from benchmarks.setting.machine import described

# Told apart without seeing colours too: INIT's stages in blues that grow lighter, the invocation's in oranges.
_LOOKS = {
    "runtime": ("#9aa0a6", "INIT: Python and the runtime client"),
    "import": ("#1b4f8a", "INIT: imports and the model class"),
    "client": ("#3f83c8", "INIT: client"),
    "connection": ("#9cc7ee", "INIT: connection"),
    "request": ("#d9730d", "first invocation: the function, one GetItem"),
    "rest": ("#f6c28b", "first invocation: the runtime client"),
}


def draw(report: Report, path: Path) -> list[Path]:
    """Writes `path` as PNG and SVG, and gives back the two."""
    panels = list(report["results"].items())
    # The same ids in every drawing of the same figures, so that a new run changes what has changed only.
    with mpl.rc_context({"svg.hashsalt": "dynamorm_py", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9, 0.9 + sum(1.0 + 0.36 * len(results) for _, results in panels)))
        heights = [2 + len(results) for _, results in panels]
        axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
        for panel, (bytecode, results) in zip(axes, panels, strict=True):
            _draw_panel(panel, report, results)
            panel.set_title(HEADINGS[bytecode], loc="left", fontsize=10, fontweight="bold")
        axes[0].legend(loc="lower center", bbox_to_anchor=(0.4, 1.15), ncols=2, frameon=False)
        axes[-1].set_xlabel(
            fill(
                f"ms, median of {report['runs']} fresh processes under the Lambda runtime client, not on Lambda's "
                f"hardware: {described(report['machine'])}",
                110,
            ),
            fontsize=8,
        )
        written = [path.with_suffix(".png"), path.with_suffix(".svg")]
        for target in written:
            metadata = {"Date": None} if target.suffix == ".svg" else {}
            figure.savefig(target, dpi=160, bbox_inches="tight", facecolor="white", metadata=metadata)
    return written


def _draw_panel(panel: Any, report: Report, results: dict[str, Result]) -> None:  # matplotlib.axes.Axes
    titles = [report["contenders"][name]["title"] for name in results]
    left = [0.0] * len(results)
    for stage in STAGES:
        colour, label = _LOOKS[stage]
        widths = [result["stages"][stage]["median"] for result in results.values()]
        panel.barh(titles, widths, left=left, color=colour, label=label, height=0.7)
        left = [begin + width for begin, width in zip(left, widths, strict=True)]
    for row, (end, result) in enumerate(zip(left, results.values(), strict=True)):
        panel.annotate(
            f"{result['total']['median']:.0f}", (end, row), xytext=(4, 0), textcoords="offset points", va="center"
        )
    panel.invert_yaxis()
    panel.margins(x=0.08)
    panel.spines[["top", "right"]].set_visible(False)
