"""How this library's work grows: time and memory for each item, of scans, queries and batches from small to large.

    python -m benchmarks.growth                      # up to a million items: some four minutes
    python -m benchmarks.growth --here --items 100 --keys 100 --rounds 1

Each task runs at each size in a fresh process with a core of its own, so that its peak of memory is its own too.
Results go to `benchmarks/results/`. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.growing.page import growth
from benchmarks.growing.results import Grown, Report, figures
from benchmarks.growing.table import lines
from benchmarks.growing.tasks import KEYED, SCAN, TASKS, Taken
from benchmarks.laps.results import Measured
from benchmarks.rivals.entrants import Entrant, own_entrants
from benchmarks.rivals.team import Team, gathered, installed, own_requirements
from benchmarks.setting.canned_service import PAGE, CannedService
from benchmarks.setting.cores import apart
from benchmarks.setting.environments import ROOT, Environment, newest_python, this_environment
from benchmarks.setting.machine import machine
from benchmarks.setting.page import fill
from benchmarks.setting.variables import reaching

ABOUT = (
    f"Tasks at growing sizes, each in a fresh process. Scans and queries are streamed, {PAGE} items a page, and keep "
    "no item; batches keep all. CPU is the processor's time of the whole process for each item, a validated model of "
    "ten attributes. Memory is the process's peak, and how much of it the task added. DynamoDB is a process that sends "
    "answers that are ready, on loopback, over plain HTTP."
)

# Above this, once is enough: it takes long, and what else the machine does has evened out.
REPEATED = 20_000


class Failed(Exception):
    """A task did not end well; says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything worked."""
    options = parsed(arguments)
    everyone = own_entrants(own_requirements())
    if options.here:
        team = gathered(everyone, this_environment())
    else:
        team = installed(everyone, Environment(options.python or newest_python()))
    errors = dict(team.errors)
    results = grown(team, options, errors)
    report = Report(
        about=ABOUT,
        machine=machine(team.python.version),
        rounds=options.rounds,
        entrants={
            entrant.name: Measured(
                title=entrant.title, own=True, versions=team.versions(entrant), error=errors.get(entrant)
            )
            for entrant in everyone
        },
        results=results,
    )
    print("\n".join(lines(report)))
    write(report, options.results / "growth.json", plots=options.plots)
    fill("growth", growth(report), options.results)
    return int(bool(errors))


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How time and memory grow.")
    add = parser.add_argument
    add("--items", type=int, default=1_000_000, help="the largest size of what is streamed (1000000)")
    add("--keys", type=int, default=10_000, help="the largest size of a batch (10000)")
    add("--rounds", type=int, default=3, help=f"processes of each task and size up to {REPEATED}; above, one (3)")
    add("--here", action="store_true", help="in this Python's environment: makes none")
    add("--python", default=None, help="the interpreter (the newest here that Lambda has)")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results", metavar="DIRECTORY")
    add("--no-plots", dest="plots", action="store_false")
    return parser.parse_args(arguments)


def grown(
    team: Team, options: argparse.Namespace, errors: dict[Entrant, str]
) -> dict[str, dict[str, dict[str, Grown]]]:
    """The figures of those that went through to the end; `errors` gets the others' reasons."""
    results: dict[str, dict[str, dict[str, Grown]]] = {}
    with apart() as core, CannedService() as dynamodb:
        variables = reaching(dynamodb.endpoint_url, core)
        for task in TASKS:
            for size in sizes(largest(task, options)):
                print(f"{task} of {size}", file=sys.stderr)
                rounds = options.rounds if size <= REPEATED else 1
                for entrant, runs in interleaved(team, task, size, rounds, variables, errors).items():
                    results.setdefault(task, {}).setdefault(entrant.name, {})[str(size)] = figures(runs, size)
    return results


def largest(task: str, options: argparse.Namespace) -> int:
    """The size up to which a task is measured: a query's pages are a scan's, so that it can stop earlier."""
    if task in KEYED:
        return int(options.keys)
    return int(options.items if task == SCAN else min(options.items, max(10, options.items // 10)))


def sizes(most: int) -> Iterator[int]:
    """Powers of ten, from ten."""
    size = 10
    while size <= most:
        yield size
        size *= 10


def interleaved(
    team: Team, task: str, size: int, rounds: int, variables: dict[str, str], errors: dict[Entrant, str]
) -> dict[Entrant, list[Taken]]:
    """Each entrant so many times, in turn."""
    runs: dict[Entrant, list[Taken]] = {}
    for _ in range(rounds):
        for entrant, environment in team.environments.items():
            if entrant in errors:
                continue
            try:
                runs.setdefault(entrant, []).append(run(entrant, environment, task, size, variables))
            except Failed as error:
                errors[entrant] = f"{task} of {size}: {error}"
    return {entrant: of for entrant, of in runs.items() if entrant not in errors}


def run(entrant: Entrant, environment: Environment, task: str, size: int, variables: dict[str, str]) -> Taken:
    """One process."""
    done = subprocess.run(
        [environment.python, "-m", "benchmarks.growing.tasks", task, str(size)],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), **variables, **entrant.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    taken: Taken = json.loads(done.stdout)
    return taken


def write(report: Report, path: Path, *, plots: bool) -> None:
    """Writes the JSON and the drawings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
    if plots and report["results"]:
        # matplotlib takes longer to import than a smoke run of the rest.
        from benchmarks.growing.plot import draw  # noqa: PLC0415

        draw(report, path)


if __name__ == "__main__":
    sys.exit(main())
