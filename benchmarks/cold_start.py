"""What a cold start of a Lambda function takes, on this library, on what it is built on, and on its rivals.

    make bench-cold                                         # everything, 20 starts each: some ten minutes
    python -m benchmarks.cold_start --here --runs 2         # what is installed here, quickly

Each start is a fresh process under AWS's own runtime client for Python, as Lambda starts it. The contenders take turns,
with and without `.pyc` files, so that what else the machine does falls on all alike. Each has a virtual environment of
its own under `.cache/bench-venvs`, on the same Python. Results go to `benchmarks/results/`. See docs/cold-starts.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cold.contenders import OWN, RUNTIME_CLIENT, RUNTIME_DISTRIBUTIONS, Contender, contenders
from benchmarks.cold.race import Race
from benchmarks.cold.results import ABOUT, Entrant, Report, results
from benchmarks.cold.table import lines
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

COMPILED, UNCOMPILED = "compiled", "uncompiled"

# Ours and the bare clients are compared at the versions that are installed here; of rivals, the newest counts.
PINNED = ("aiobotocore", "aiohttp", "boto3", "botocore", "httptools", "pydantic", "pydantic-core", RUNTIME_CLIENT)

NOT_OF_A_FUNCTION = {"pip", "setuptools", "wheel"}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything worked. A rival that could not be installed or started is listed with its error."""
    options = parsed(arguments)
    chosen = [contender for contender in contenders(own_requirements()) if takes_part(contender, options)]
    python = this_environment() if options.here else Environment(options.python or newest_python())
    environments, errors = (dict.fromkeys(chosen, python), {}) if options.here else installed(chosen, python)
    with TemporaryDirectory() as prefix:
        race = Race(environments, bytecodes(options.bytecode, environments, Path(prefix)))
        race.run(options.runs, options.discard)
    errors |= race.errors
    report = Report(
        about=ABOUT,
        machine=machine(python.version),
        runs=options.runs,
        contenders={
            contender.name: Entrant(
                title=contender.title,
                versions=versions(contender, environments, here=options.here),
                error=errors.get(contender),
            )
            for contender in chosen
        },
        results={bytecode: results(starts) for bytecode, starts in race.starts().items()},
    )
    print("\n".join(lines(report)))
    write(report, options.results, plots=options.plots)
    return int(any(not contender.rival for contender in errors))


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Cold starts under the Lambda runtime client.")
    add = parser.add_argument
    add("--runs", type=int, default=20, help="starts of each contender that count (20)")
    add("--discard", type=int, default=1, help="starts of each before that, which fill the page cache (1)")
    add("--only", nargs="+", metavar="NAME", help="these contenders alone")
    add("--bytecode", nargs="+", choices=(COMPILED, UNCOMPILED), default=(COMPILED, UNCOMPILED))
    add("--here", action="store_true", help="in this Python's environment, and without rivals: makes no environments")
    add("--python", default=None, help="the interpreter of all (the newest here that Lambda has)")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results", metavar="DIRECTORY")
    add("--no-plots", dest="plots", action="store_false")
    return parser.parse_args(arguments)


def takes_part(contender: Contender, options: argparse.Namespace) -> bool:
    if options.here and contender.rival:
        return False
    return options.only is None or contender.name in options.only


def own_requirements() -> tuple[str, ...]:
    """What this library needs; it is measured from the working tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return tuple(project["project"]["dependencies"])


def installed(
    chosen: Sequence[Contender], python: Environment
) -> tuple[dict[Contender, Environment], dict[Contender, str]]:
    """The environments of those that have one, and why the others have none."""
    environments: dict[Contender, Environment] = {}
    errors: dict[Contender, str] = {}
    for contender in chosen:
        # Both transports of this library are of one environment.
        name = OWN if contender.own else contender.name
        print(f"installing {name}", file=sys.stderr)
        pinned = (RUNTIME_CLIENT,) if contender.rival else PINNED
        try:
            environments[contender] = made_environment(
                name, (RUNTIME_CLIENT, *contender.requirements), python, installed_versions(*pinned)
            )
        except NotInstalled as error:
            errors[contender] = str(error)
    return environments, errors


def bytecodes(
    wanted: Sequence[str], environments: Mapping[Contender, Environment], prefix: Path
) -> dict[str, dict[str, str]]:
    """The variables under which a process finds the `.pyc` files of everything, or only of what Lambda itself brings:
    Python and the runtime client. It writes none."""
    variables = {"PYTHONDONTWRITEBYTECODE": "1"}
    for environment in set(environments.values()):
        environment.compile(ROOT / "dynamorm_py", ROOT / "benchmarks")
        if UNCOMPILED in wanted:
            environment.copy_bytecode(prefix, RUNTIME_DISTRIBUTIONS)
    every = {COMPILED: variables, UNCOMPILED: {**variables, "PYTHONPYCACHEPREFIX": str(prefix)}}
    return {bytecode: every[bytecode] for bytecode in wanted}


def versions(contender: Contender, environments: Mapping[Contender, Environment], *, here: bool) -> dict[str, str]:
    """What was installed for a contender; of an environment that is not its own, what could matter to it."""
    if contender not in environments:
        return {}
    found = {
        name: version
        for name, version in environments[contender].packages.items()
        if (name.replace("_", "-") in PINNED if here else name not in NOT_OF_A_FUNCTION)
    }
    return {"dynamorm-py": __version__, **found} if contender.own else found


def write(report: Report, directory: Path, *, plots: bool) -> None:
    """Writes the JSON and the drawings."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "cold_start.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    if plots and any(report["results"].values()):
        # matplotlib takes longer to import than a smoke run of the rest.
        from benchmarks.cold.plot import draw  # noqa: PLC0415

        draw(report, path)


if __name__ == "__main__":
    sys.exit(main())
