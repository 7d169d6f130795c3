"""How the benchmarks' drawings look, and how they are written."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure


def styled() -> AbstractContextManager[None]:
    """Inside the block, drawings of the same figures have the same ids, so that a new run changes what has changed."""
    return mpl.rc_context({"svg.hashsalt": "dynamorm_py", "svg.fonttype": "none", "font.size": 9})


def save(figure: Figure, path: Path) -> list[Path]:
    """Writes it beside `path` as PNG and SVG, and gives the two back."""
    written = [path.with_suffix(".png"), path.with_suffix(".svg")]
    for target in written:
        metadata = {"Date": None} if target.suffix == ".svg" else {}
        figure.savefig(target, dpi=110, bbox_inches="tight", facecolor="white", metadata=metadata)
    return written
