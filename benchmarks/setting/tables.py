"""Tables in a terminal."""

from __future__ import annotations

from collections.abc import Iterator


def aligned(rows: list[list[str]]) -> Iterator[str]:
    """Lines of the rows: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
