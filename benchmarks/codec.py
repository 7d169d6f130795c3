"""What it takes to decode and to encode an item of ten attributes: here, and with boto3's own codecs.

    python -m benchmarks.codec
    python -m benchmarks.codec --rounds 3

Everything runs in this process, on this Python, in turns; no client and no transport takes part. "dynamorm_py" is what
reads and writes go through, with the decoder and the encoder that are compiled for the model; "generic recursion" does
it before that is worth it, and is what operands go through. Results go to `benchmarks/results/`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from textwrap import fill as wrapped
from typing import TypedDict

from benchmarks.coding.contests import BOTO3, contests
from benchmarks.coding.measuring import Result, measured
from benchmarks.coding.page import codec
from benchmarks.setting.environments import ROOT
from benchmarks.setting.machine import Machine, described, machine
from benchmarks.setting.page import fill
from benchmarks.setting.tables import aligned

ABOUT = (
    "The processor's time for an item of ten attributes: text, a whole number, a decimal, a flag, a moment, a set, a "
    "list, a map, a nested model, and an optional one. Microseconds; no client, no transport."
)

DISTRIBUTIONS = ("boto3", "dynamorm-py", "pydantic", "pydantic-core")


class Report(TypedDict):
    """`contests` has the title of each; `results` by contest, then by contender."""

    about: str
    machine: Machine
    versions: dict[str, str]
    rounds: int
    contests: dict[str, str]
    results: dict[str, dict[str, Result]]


def main(arguments: Sequence[str] | None = None) -> int:
    """0; whatever does not work raises."""
    options = parsed(arguments)
    held = contests()
    report = Report(
        about=ABOUT,
        machine=machine(platform.python_version()),
        versions={name: version(name) for name in DISTRIBUTIONS},
        rounds=options.rounds,
        contests={contest.name: contest.title for contest in held},
        results=measured(held, options.rounds, options.seconds),
    )
    print("\n".join(lines(report)))
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / "codec.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    fill("codec", codec(report), options.results)
    if options.plots:
        # matplotlib takes longer to import than a smoke run of the rest.
        from benchmarks.coding.plot import draw  # noqa: PLC0415

        draw(report, path)
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What decoding and encoding take.")
    add = parser.add_argument
    add("--rounds", type=int, default=15, help="laps of each contender that count (15)")
    add("--seconds", type=float, default=0.05, help="how long a lap is to last (0.05)")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results", metavar="DIRECTORY")
    add("--no-plots", dest="plots", action="store_false")
    return parser.parse_args(arguments)


def lines(report: Report) -> Iterator[str]:
    """The whole report, for reading in a terminal."""
    yield wrapped(report["about"], 120)
    yield described(report["machine"])
    yield ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    yield ""
    rows = [["µs of the processor", "median", "min-max", f"x {BOTO3}"]]
    for name, title in report["contests"].items():
        for contender, result in report["results"][name].items():
            cpu, ratio = result["cpu"], result["ratio_to"].get(BOTO3)
            rows.append(
                [
                    f"{title}: {contender}",
                    f"{cpu['median']:.2f}",
                    f"{cpu['min']:.2f}-{cpu['max']:.2f}",
                    "-" if ratio is None else f"{ratio:.2f}",
                ]
            )
    yield from aligned(rows)


if __name__ == "__main__":
    sys.exit(main())
