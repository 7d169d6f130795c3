"""The figures for reading in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import fill

from benchmarks.cold.contenders import REFERENCES
from benchmarks.cold.results import Figure, Report, Result
from benchmarks.cold.starting import STAGES
from benchmarks.setting.machine import described

HEADINGS = {"compiled": "With .pyc files", "uncompiled": "Without .pyc files of what is packaged"}


def lines(report: Report) -> Iterator[str]:
    """The whole report."""
    yield fill(report["about"], 120)
    yield described(report["machine"])
    for bytecode, results in report["results"].items():
        yield ""
        yield f"{HEADINGS[bytecode]}: median of {report['runs']} starts (min-max)"
        yield from _aligned([_head(), *(_row(report, name, result) for name, result in results.items())])
    yield ""
    for name, entrant in report["contenders"].items():
        if entrant["error"] is not None:
            yield f"{entrant['title']} was not measured: {entrant['error']}"
        else:
            versions = ", ".join(f"{package} {version}" for package, version in entrant["versions"].items())
            yield f"{name}: {versions}"


def _head() -> list[str]:
    return ["", *STAGES, "INIT", "first invocation", "INIT + first", *(f"x {name}" for name in REFERENCES), "second"]


def _row(report: Report, name: str, result: Result) -> list[str]:
    return [
        report["contenders"][name]["title"],
        *(_stage(result["stages"][stage]) for stage in STAGES),
        _spread(result["init"]),
        _spread(result["first_invocation"]),
        _spread(result["total"]),
        *_ratios(result["ratio_to"]),
        _stage(result["second_invocation"]),
    ]


def _ratios(ratios: Mapping[str, float]) -> Iterator[str]:
    for name in REFERENCES:
        yield f"{ratios[name]:.2f}" if name in ratios else "-"


def _stage(figure: Figure) -> str:
    return f"{figure['median']:.1f}" if figure["max"] else "-"


def _spread(figure: Figure) -> str:
    return f"{figure['median']:.1f} ({figure['min']:.1f}-{figure['max']:.1f})"


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
