"""The figures on docs/benchmarks.md: written there by whoever measures them, so that none is copied by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.setting.environments import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "benchmarks" / "results"


def filled(page: str, name: str, lines: Sequence[str]) -> str:
    """The page with these lines as the block of that name. `ValueError` if it has no such block."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page has no block {name}")
    return "".join((before, begin, "\n", *(f"{line}\n" for line in lines), "\n", end, after))


def fill(name: str, lines: Sequence[str], results: Path) -> None:
    """Writes them there, if the figures are those of the repository: a trial run elsewhere changes no page."""
    if results.resolve() == RESULTS:
        PAGE.write_text(filled(PAGE.read_text(), name, lines))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table: the first column to the left, the others to the right."""
    return [_row(head), _row(["---", *("---:" for _ in head[1:])]), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
