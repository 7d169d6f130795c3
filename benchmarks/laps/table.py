"""The figures for reading in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from benchmarks.laps.results import Figure, Report, Result
from benchmarks.setting.machine import described
from benchmarks.setting.tables import aligned

_HEAD = ["CPU, µs", "of it caller's", "wall, µs", "calls/s"]


def lines(report: Report) -> Iterator[str]:
    """The whole report."""
    yield fill(report["about"], 120)
    yield fill(report["conditions"], 120)
    yield described(report["machine"])
    for discipline, results in report["results"].items():
        yield ""
        ratios = (f"CPU x {name}" for name in report["references"])
        head = [f"{discipline}: median of {report['rounds']} rounds (min-max)", *_HEAD, *ratios]
        yield from aligned([head, *(_row(report, name, result) for name, result in results.items())])
    yield ""
    for name, measured in report["entrants"].items():
        if measured["error"] is not None:
            yield f"{measured['title']} was not measured: {measured['error']}"
        else:
            versions = ", ".join(f"{package} {version}" for package, version in measured["versions"].items())
            yield f"{name}: {versions}"


def _row(report: Report, name: str, result: Result) -> list[str]:
    ratios = result["ratio_to"]
    requests = result["requests"]
    several = "" if requests is None or requests == 1 else f" ({requests:g} requests)"
    return [
        report["entrants"][name]["title"] + several,
        _spread(result["cpu"]),
        f"{result['cpu_of_caller']['median']:,.0f}",
        _spread(result["wall"]),
        f"{result['calls_per_second']['median']:,.0f}",
        *(f"{ratios[other]:.2f}" if other in ratios else "-" for other in report["references"]),
    ]


def _spread(figure: Figure) -> str:
    return f"{figure['median']:,.0f} ({figure['min']:,.0f}-{figure['max']:,.0f})"
