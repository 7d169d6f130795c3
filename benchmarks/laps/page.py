"""The figures as Markdown, for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmarks.laps.race import DISCIPLINES
from benchmarks.laps.results import Report
from benchmarks.rivals.entrants import AIOBOTOCORE, OWN, OWN_DIRECT
from benchmarks.rivals.work import GET, OPERATIONS
from benchmarks.setting.machine import described
from benchmarks.setting.page import table


def warm(report: Report) -> list[str]:
    """Tables of the processor's time and of calls a second, and where the direct transport is slower than others."""
    concurrent = [one.name for one in DISCIPLINES if one.operation == GET]
    return [
        _conditions(report),
        "",
        "Microseconds of the processor per call, all threads, median; the least of each column is bold:",
        "",
        *_times(report, OPERATIONS),
        "",
        "Calls of `get` a second on one core, so many under way at a time:",
        "",
        *_rates(report, concurrent, lambda name: name.removeprefix(GET).removeprefix("_x") or "1"),
        "",
        "The direct transport's time of the processor per call, as a part of each other's:",
        "",
        *_parts(report, OPERATIONS),
        "",
        *_lost(report),
        "",
        *_beside(report),
        *_missing(report),
    ]


def local(report: Report) -> list[str]:
    """What calls take of the processor, and how many there are a second, on an engine that does its own work."""
    return [
        _conditions(report),
        "",
        "Microseconds of the processor per call, all threads, median; the least of each column is bold:",
        "",
        *_times(report, OPERATIONS),
        "",
        "Calls a second, one after the other:",
        "",
        *_rates(report, OPERATIONS, lambda name: f"`{name}`"),
        *_missing(report),
    ]


def tenancy(report: Report) -> list[str]:
    """A table of what bound clients take beside unbound ones."""
    transports = [name.removesuffix("-unbound") for name in report["references"]]
    rows = []
    for name, of in report["results"].items():
        row = [f"`{name}`"]
        for transport in transports:
            bound, unbound = of.get(f"{transport}-bound"), of.get(f"{transport}-unbound")
            row += [_number(one["cpu"]["median"]) if one else "-" for one in (unbound, bound)]
            row.append(f"{bound['cpu']['median'] / unbound['cpu']['median']:.2f}" if bound and unbound else "-")
        rows.append(row)
    head = ["call", *(f"{transport}, {what}" for transport in transports for what in ("unbound, µs", "bound, µs", "x"))]
    return [_conditions(report), "", *table(head, rows), *_missing(report)]


def _conditions(report: Report) -> str:
    return f"Measured on {described(report['machine'])}; {report['rounds']} rounds, in turn. {_versions(report)}"


def _versions(report: Report) -> str:
    told = {}
    for name, measured in report["entrants"].items():
        for package, version in measured["versions"].items():
            if package.replace("_", "-").lower() in (name.replace("_", "-"), name.replace("_", "-").partition("-")[0]):
                told[package] = version
            elif package == "pydantic":
                told.setdefault(package, version)
        if measured["own"] and "dynamorm-py" in measured["versions"]:
            told["dynamorm-py"] = measured["versions"]["dynamorm-py"]
    return ", ".join(f"{package} {version}" for package, version in sorted(told.items())) + "."


def _times(report: Report, operations: Sequence[str]) -> list[str]:
    measured = [name for name in operations if name in report["results"]]
    least = {name: min(of["cpu"]["median"] for of in report["results"][name].values()) for name in measured}
    rows = []
    for entrant, title in _titles(report):
        row = [title]
        for name in measured:
            of = report["results"][name].get(entrant)
            time = of["cpu"]["median"] if of else None
            row.append("-" if time is None else f"**{_number(time)}**" if time == least[name] else _number(time))
        rows.append(row)
    return table(["", *(f"`{name}`" for name in measured)], rows)


def _rates(report: Report, disciplines: Sequence[str], heads: Callable[[str], str]) -> list[str]:
    measured = [name for name in disciplines if name in report["results"]]
    rows = []
    for entrant, title in _titles(report):
        rates = [report["results"][name].get(entrant) for name in measured]
        rows.append([title, *(_number(rate["calls_per_second"]["median"]) if rate else "-" for rate in rates)])
    return table(["", *map(heads, measured)], rows)


def _parts(report: Report, operations: Sequence[str]) -> list[str]:
    measured = [name for name in operations if OWN_DIRECT in report["results"].get(name, {})]
    rows = []
    for entrant, title in _titles(report):
        if entrant != OWN_DIRECT:
            times = [(report["results"][name][OWN_DIRECT], report["results"][name].get(entrant)) for name in measured]
            parts = (f"{own['cpu']['median'] / other['cpu']['median']:.2f}" if other else "-" for own, other in times)
            rows.append([title, *parts])
    return table(["", *(f"`{name}`" for name in measured)], rows)


def _lost(report: Report) -> Iterator[str]:
    """Each call in which somebody takes less of the processor than the direct transport."""
    found = []
    for name, of in report["results"].items():
        own = of.get(OWN_DIRECT)
        if own is None:
            continue
        better = [
            f"{report['entrants'][other]['title']} ({result['cpu']['median'] / own['cpu']['median']:.2f})"
            for other, result in of.items()
            if result["cpu"]["median"] < own["cpu"]["median"]
        ]
        if better:
            found.append(f"- `{name}`: {'; '.join(better)}")
    if not found:
        yield "Where the direct transport loses: in none of these calls."
        return
    yield "Where the direct transport loses, with the others' time as a part of its own:"
    yield ""
    yield from found


def _beside(report: Report) -> Iterator[str]:
    """The transport on aiobotocore beside the bare client, which has no models."""
    ratios = [
        f"`{name}` {of[OWN]['ratio_to'][AIOBOTOCORE]:.2f}"
        for name, of in report["results"].items()
        if OWN in of and AIOBOTOCORE in of
    ]
    yield f"The transport on aiobotocore, models included, as a multiple of the bare client: {', '.join(ratios)}."


def _missing(report: Report) -> Iterator[str]:
    for measured in report["entrants"].values():
        if measured["error"] is not None:
            yield ""
            yield f"{measured['title']} was not measured: `{measured['error'].splitlines()[-1]}`"


def _titles(report: Report) -> list[tuple[str, str]]:
    return [(name, measured["title"]) for name, measured in report["entrants"].items() if measured["error"] is None]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
