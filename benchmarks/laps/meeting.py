"""A whole run: processes, laps in turn, and the report of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.laps.process import Failed, Worker
from benchmarks.laps.race import Discipline, Race
from benchmarks.laps.results import Measured, Report, results
from benchmarks.laps.table import lines
from benchmarks.rivals.entrants import Entrant
from benchmarks.rivals.team import Team, gathered, installed
from benchmarks.rivals.work import CONNECTIONS
from benchmarks.setting.canned_service import CannedService
from benchmarks.setting.cores import apart
from benchmarks.setting.engine import Service, dynamodb_local
from benchmarks.setting.environments import ROOT, Environment, newest_python, this_environment
from benchmarks.setting.machine import machine
from benchmarks.setting.variables import reaching

CANNED, LOCAL = "canned", "dynamodb-local"

_CONDITIONS = {
    CANNED: (
        "DynamoDB is a process that sends answers that are ready, on loopback, over plain HTTP: no TLS, no network, no "
        "work of DynamoDB itself is in the figures."
    ),
    LOCAL: (
        "DynamoDB is DynamoDB Local in memory, on loopback, over plain HTTP: the wall's clock shows mostly its work, "
        "which is not DynamoDB's; the processor's time is the client's alone."
    ),
}


def parser(description: str, disciplines: Sequence[Discipline]) -> argparse.ArgumentParser:
    """The options that every such benchmark has."""
    options = argparse.ArgumentParser(description=description)
    add = options.add_argument
    add("--rounds", type=int, default=7, help="laps of each contender in each discipline that count (7)")
    add("--seconds", type=float, default=0.15, help="how long a lap is to last (0.15)")
    add("--only", nargs="+", metavar="NAME", help="these contenders alone")
    add("--disciplines", nargs="+", choices=[one.name for one in disciplines], metavar="NAME", help="these alone")
    add("--here", action="store_true", help="in this Python's environment, and without rivals: makes no environments")
    add("--python", default=None, help="the interpreter of all (the newest here that Lambda has)")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results", metavar="DIRECTORY")
    add("--no-plots", dest="plots", action="store_false")
    return options


def team(everyone: Sequence[Entrant], options: argparse.Namespace) -> Team:
    """Those of them that the options want, each in its environment."""
    chosen = [
        entrant
        for entrant in everyone
        if not (options.here and entrant.rival) and (options.only is None or entrant.name in options.only)
    ]
    if options.here:
        return gathered(chosen, this_environment())
    return installed(chosen, Environment(options.python or newest_python()))


def met(
    of: Team,
    disciplines: Sequence[Discipline],
    options: argparse.Namespace,
    *,
    about: str,
    references: Sequence[str],
    engine: str = CANNED,
) -> Report:
    """Has them make their laps. Who cannot, or answers something else, is listed with the error."""
    chosen = [one for one in disciplines if options.disciplines is None or one.name in options.disciplines]
    with apart() as core, _service(engine) as dynamodb, _working(of, dynamodb, core) as (workers, unable):
        race = Race(workers, dynamodb.requests, options.seconds)
        race.run(chosen, options.rounds)
    errors = {**of.errors, **unable, **race.errors}
    return Report(
        about=about,
        conditions=_conditions(engine, core),
        machine=machine(of.python.version),
        rounds=options.rounds,
        seconds=options.seconds,
        entrants={
            entrant.name: Measured(
                title=entrant.title, own=entrant.own, versions=of.versions(entrant), error=errors.get(entrant)
            )
            for entrant in of.everyone
        },
        references=list(references),
        results=results(race.laps, race.requests, references),
    )


def published(report: Report, path: Path) -> int:
    """Prints it and writes it as JSON. 0 unless this library itself could not be measured."""
    print("\n".join(lines(report)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
    return int(any(measured["own"] and measured["error"] for measured in report["entrants"].values()))


@contextmanager
def _service(engine: str) -> Iterator[Service]:
    if engine == CANNED:
        with CannedService() as canned:
            yield Service(canned.endpoint_url, canned.requests)
    else:
        with dynamodb_local() as local:
            yield local


@contextmanager
def _working(
    of: Team, dynamodb: Service, core: int | None
) -> Iterator[tuple[Mapping[Entrant, Worker], dict[Entrant, str]]]:
    """A process of each, for the length of the block, and why others have none."""
    variables = reaching(dynamodb.endpoint_url, core)
    workers: dict[Entrant, Worker] = {}
    unable: dict[Entrant, str] = {}
    with ExitStack() as stack:
        for entrant, environment in of.environments.items():
            try:
                workers[entrant] = stack.enter_context(Worker(entrant, environment, variables))
            except Failed as error:
                unable[entrant] = str(error)
        yield workers, unable


def _conditions(engine: str, core: int | None) -> str:
    shared = "" if core is not None else " Client and server shared what cores there were."
    return f"{_CONDITIONS[engine]}{shared} At most {CONNECTIONS} connections, where a library can be told."
