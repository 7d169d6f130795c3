"""What a call takes of the processor, and how many a core makes in a second: here, in what is below, and at rivals.

    make bench-warm                                  # everything: some five minutes, the first time more
    python -m benchmarks.warm --here --rounds 1      # what is installed here, quickly
    python -m benchmarks.warm --engine dynamodb-local

Each library works in a process of its own, in a virtual environment of its own under `.cache/bench-venvs`, on the same
Python and on the same core; what it talks to is on another core. They take turns, lap by lap, so that what else the
machine does falls on all alike. Results go to `benchmarks/results/`. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.laps.process import Failed, Worker
from benchmarks.laps.race import DISCIPLINES, Race
from benchmarks.laps.results import Measured, Report, results
from benchmarks.laps.table import lines
from benchmarks.rivals.entrants import OWN, OWN_DIRECT, Entrant, entrants
from benchmarks.rivals.work import CONNECTIONS
from benchmarks.rivals.worker import CORE
from benchmarks.setting.canned_service import CannedService
from benchmarks.setting.cores import apart
from benchmarks.setting.engine import Service, dynamodb_local
from benchmarks.setting.environments import (
    ROOT,
    Environment,
    NotInstalled,
    installed_versions,
    made_environment,
    newest_python,
    this_environment,
)
from benchmarks.setting.machine import machine
from dynamorm_py import __version__

CANNED, LOCAL = "canned", "dynamodb-local"

# Ours and the bare clients are compared at the versions that are installed here; of rivals, the newest counts.
PINNED = ("aiobotocore", "aiohttp", "boto3", "botocore", "httptools", "pydantic", "pydantic-core")

NOT_OF_A_LIBRARY = {"pip", "setuptools", "wheel"}

ABOUT = (
    "What a call takes, in warm processes that take turns. CPU is the processor's time of all threads of the process, "
    "with the caller's own part of it beside; the client has one core to itself, and what it talks to another. "
    "Everyone reads and writes the same items of ten attributes, as a validated model where it has one. A query of N "
    "answers N items in one page."
)

CONDITIONS = {
    CANNED: (
        "DynamoDB is a process that sends answers that are ready, on loopback, over plain HTTP: no TLS, no network, no "
        "work of DynamoDB itself is in the figures."
    ),
    LOCAL: (
        "DynamoDB is DynamoDB Local in memory, on loopback, over plain HTTP: the wall's clock shows mostly its work, "
        "which is not DynamoDB's; the processor's time is the client's alone."
    ),
}


@dataclass(frozen=True)
class Team:
    """Who takes part, in which environments, and why others cannot."""

    environments: Mapping[Entrant, Environment]
    errors: Mapping[Entrant, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything worked. A library that could not be installed or does not work is listed with its error."""
    options = parsed(arguments)
    chosen = [entrant for entrant in entrants(own_requirements()) if takes_part(entrant, options)]
    python = this_environment() if options.here else Environment(options.python or newest_python())
    team = Team(dict.fromkeys(chosen, python), {}) if options.here else installed(chosen, python)
    disciplines = [one for one in DISCIPLINES if options.disciplines is None or one.name in options.disciplines]
    with apart() as core, service(options.engine) as dynamodb, working(team, dynamodb, core) as (workers, unable):
        race = Race(workers, dynamodb.requests, options.seconds)
        race.run(disciplines, options.rounds)
    errors = {**team.errors, **unable, **race.errors}
    report = Report(
        about=ABOUT,
        conditions=conditions(options.engine, core),
        machine=machine(python.version),
        rounds=options.rounds,
        seconds=options.seconds,
        entrants={
            entrant.name: Measured(
                title=entrant.title,
                versions=versions(entrant, team.environments, here=options.here),
                error=errors.get(entrant),
            )
            for entrant in chosen
        },
        results=results(race.laps, race.requests),
    )
    print("\n".join(lines(report)))
    write(report, options.results, options.engine, plots=options.plots)
    return int(any(not entrant.rival for entrant in errors))


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What calls take, in warm processes.")
    add = parser.add_argument
    add("--rounds", type=int, default=7, help="laps of each library in each discipline that count (7)")
    add("--seconds", type=float, default=0.2, help="how long a lap is to last (0.2)")
    add("--only", nargs="+", metavar="NAME", help="these libraries alone")
    add("--disciplines", nargs="+", choices=[one.name for one in DISCIPLINES], metavar="NAME", help="these alone")
    add("--engine", choices=(CANNED, LOCAL), default=CANNED, help="what they talk to (canned)")
    add("--here", action="store_true", help="in this Python's environment, and without rivals: makes no environments")
    add("--python", default=None, help="the interpreter of all (the newest here that Lambda has)")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results", metavar="DIRECTORY")
    add("--no-plots", dest="plots", action="store_false")
    return parser.parse_args(arguments)


def takes_part(entrant: Entrant, options: argparse.Namespace) -> bool:
    if options.here and entrant.rival:
        return False
    return options.only is None or entrant.name in options.only


def own_requirements() -> tuple[str, ...]:
    """What this library needs; it is measured from the working tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return tuple(project["project"]["dependencies"])


def installed(chosen: Sequence[Entrant], python: Environment) -> Team:
    """The environments of those that have one, and why the others have none."""
    environments: dict[Entrant, Environment] = {}
    errors: dict[Entrant, str] = {}
    for entrant in chosen:
        print(f"installing {entrant.name}", file=sys.stderr)
        # Both transports of this library are of one environment.
        name = OWN if entrant.name == OWN_DIRECT else entrant.name
        pinned = () if entrant.rival else installed_versions(*PINNED)
        try:
            environments[entrant] = made_environment(f"warm-{name}", entrant.requirements, python, pinned)
        except NotInstalled as error:
            errors[entrant] = str(error)
    return Team(environments, errors)


@contextmanager
def service(engine: str) -> Iterator[Service]:
    """What they talk to, for the length of the block."""
    if engine == CANNED:
        with CannedService() as canned:
            yield Service(canned.endpoint_url, canned.requests)
    else:
        with dynamodb_local() as local:
            yield local


@contextmanager
def working(
    team: Team, dynamodb: Service, core: int | None
) -> Iterator[tuple[dict[Entrant, Worker], dict[Entrant, str]]]:
    """A process of each, for the length of the block, and why others have none."""
    variables = {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint_url,
        # As `.pyc` files of the working tree, written by several Pythons at once, would be.
        "PYTHONDONTWRITEBYTECODE": "1",
        **({} if core is None else {CORE: str(core)}),
    }
    workers: dict[Entrant, Worker] = {}
    unable: dict[Entrant, str] = {}
    with ExitStack() as stack:
        for entrant, environment in team.environments.items():
            try:
                workers[entrant] = stack.enter_context(Worker(entrant, environment, variables))
            except Failed as error:
                unable[entrant] = str(error)
        yield workers, unable


def conditions(engine: str, core: int | None) -> str:
    shared = "" if core is not None else " Client and server shared what cores there were."
    return f"{CONDITIONS[engine]}{shared} At most {CONNECTIONS} connections, where a library can be told."


def versions(entrant: Entrant, environments: Mapping[Entrant, Environment], *, here: bool) -> dict[str, str]:
    """What was installed for an entrant; of an environment that is not its own, what could matter to it."""
    if entrant not in environments:
        return {}
    found = {
        name: version
        for name, version in environments[entrant].packages.items()
        if (name.replace("_", "-") in PINNED if here else name not in NOT_OF_A_LIBRARY)
    }
    return {"dynamorm-py": __version__, **found} if entrant.name in (OWN, OWN_DIRECT) else found


def write(report: Report, directory: Path, engine: str, *, plots: bool) -> None:
    """Writes the JSON and the drawings."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / ("warm.json" if engine == CANNED else "warm_dynamodb_local.json")
    path.write_text(json.dumps(report, indent=2) + "\n")
    if plots and report["results"]:
        # matplotlib takes longer to import than a smoke run of the rest.
        from benchmarks.laps.plot import draw  # noqa: PLC0415

        draw(report, path)


if __name__ == "__main__":
    sys.exit(main())
